//! The dev server as a service: until it is stopped or its time is over, then the report.

use crate::config::Config;
use crate::error::Error;
use crate::http::Panel;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::server::{DevServer, Endpoints};
use gapless_service_kit::{Shutdown, Validate};
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Runs until `shutdown` is requested or the configured duration is over. `ready` is called once the sockets
/// are bound. When a duration is configured, a report goes to stdout in the end.
///
/// # Errors
/// [`Error`] when a setting is wrong, an address cannot be used, or a socket fails.
pub fn run(config: Config, shutdown: Shutdown, ready: impl FnOnce(Bound)) -> Result<(), Error> {
    let refused = |invalid: gapless_service_kit::Invalid| Error::Setting {
        key: "configuration",
        reason: format!("{}: {}", invalid.key, invalid.message),
    };
    config.validate().map_err(refused)?;
    let _guard = shutdown.guard("dev-server");
    let server = DevServer::start(&config)?;
    let started = Instant::now();
    let panel = match config.panel.as_str() {
        "off" => None,
        address => Some(Panel::start(address, server.clone())?),
    };
    let address = panel.as_ref().map(|panel| format!("http://{}", panel.address()));
    ready(Bound { endpoints: server.endpoints().clone(), panel: address });
    wait(&config, &server, &shutdown);
    if server.ended().try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected) {
        return Err(Error::Ended);
    }
    if config.duration.0.is_zero() {
        return Ok(());
    }
    let report = Report::new(&server.view()?, started.elapsed());
    let text = report.render(config.report);
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(Error::Report)
}

/// Until the stop, the end of the time, or the end of the server.
fn wait(config: &Config, server: &DevServer, shutdown: &Shutdown) {
    let stop = shutdown.receiver();
    let time = match config.duration.0 {
        time if time.is_zero() => crossbeam_channel::never(),
        time => crossbeam_channel::after(time),
    };
    crossbeam_channel::select! {
        recv(stop) -> _ => {}
        recv(time) -> _ => {}
        recv(server.ended()) -> _ => {}
    }
}

/// The addresses that are really bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    endpoints: Endpoints,
    panel: Option<String>,
}

impl Bound {
    /// Pairs of socket name and address, as the ready file has them.
    pub fn addresses(&self) -> Vec<(&'static str, String)> {
        let Endpoints { live, requests } = self.endpoints.clone();
        let panel = self.panel.clone().map(|panel| ("panel", panel));
        [("live", live), ("requests", requests)].into_iter().chain(panel).collect()
    }
}

/// Prints the built-in scenarios for people, and says whether that worked.
pub fn print_scenarios() -> ExitCode {
    let mut text = String::new();
    for name in Scenario::names() {
        match Scenario::find(name) {
            Ok(scenario) => {
                text.push_str(&format!("{name:<18} {}\n{:<18} {}\n", scenario.title, "", scenario.client))
            }
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
