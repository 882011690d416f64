//! The main of a service: read the configuration, start log, metrics, admin and signals, run.
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::Admin;
use crate::args::Arguments;
use crate::config::{Loaded, Validate, load_with_common, to_toml};
use crate::health::{Condition, condition};
use crate::logs::init_logs;
use crate::metrics::{self, names};
use crate::probe;
use crate::ready_file::{ReadyFile, write_ready_file};
use crate::shutdown::Shutdown;

/// Usage or configuration: the caller must change something before trying again.
pub(crate) const USAGE: u8 = 2;
/// State changes and what is unusual; single decisions and messages are for whoever asks.
const DEFAULT_LEVEL: &str = "info";

/// What a service is called and where its admin endpoint is by default.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name: the table in `gapless.toml`, the `service` label, the word in `GAPLESS_<SERVICE>_`.
    pub name: &'static str,
    /// Its version: `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// Default address of the admin endpoint, on loopback.
    pub admin: &'static str,
}

/// What a running service has from its main.
#[derive(Debug)]
pub struct Kit {
    service: Service,
    shutdown: Shutdown,
    admin: Option<Admin>,
    bound: Condition,
    ready_file: Option<PathBuf>,
}

impl Kit {
    /// The process's stop.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// [`Kit::ready`] for a service's `ready` callback, which cannot fail: an error is logged and stops the
    /// service, which then ends with exit code 1.
    pub fn announce<K, V>(&self, addresses: impl IntoIterator<Item = (K, V)>)
    where
        K: Into<String>,
        V: Into<String>,
    {
        if let Err(error) = self.ready(addresses) {
            tracing::error!(service = self.service.name, error = format!("{error:#}"), "not ready");
            self.shutdown.fail();
        }
    }

    /// Says that every socket is bound: logs the addresses, lets `/readyz` go green and writes the
    /// ready file. `addresses` are pairs of socket name and address really bound.
    ///
    /// # Errors
    /// When the ready file cannot be written.
    pub fn ready<K, V>(&self, addresses: impl IntoIterator<Item = (K, V)>) -> anyhow::Result<()>
    where
        K: Into<String>,
        V: Into<String>,
    {
        let mut addresses: BTreeMap<String, String> =
            addresses.into_iter().map(|(name, address)| (name.into(), address.into())).collect();
        if let Some(admin) = &self.admin {
            addresses.insert("admin".to_owned(), format!("http://{}", admin.address()));
        }
        self.bound.holds();
        if let Some(path) = &self.ready_file {
            let ready = ReadyFile {
                service: self.service.name.to_owned(),
                version: self.service.version.to_owned(),
                pid: std::process::id(),
                addresses: addresses.clone(),
            };
            write_ready_file(path, &ready)
                .with_context(|| format!("the ready file {} cannot be written", path.display()))?;
        }
        // Last, so that whoever waits for this line finds the file.
        tracing::info!(service = self.service.name, ?addresses, "listening");
        Ok(())
    }
}

/// The whole main of a service. `run` does the work until the kit's shutdown is requested; it calls
/// [`Kit::ready`] once its sockets are bound. Exit codes: 0 after an orderly stop, 1 when `run`
/// failed or a guarded thread panicked, 2 for usage and configuration.
pub fn main_with<A, C>(service: &Service, run: impl FnOnce(C, &Kit) -> anyhow::Result<()>) -> ExitCode
where
    A: Arguments,
    C: Serialize + DeserializeOwned + Default + Validate,
{
    let args = A::parse();
    let loaded = load_with_common::<C>(service.name, args.common(), args.overrides());
    let loaded = loaded.map(|loaded| with_defaults(service, loaded));
    let loaded = match loaded.and_then(|loaded| to_toml(service.name, &loaded).map(|text| (loaded, text))) {
        Ok((_, text)) if args.common().print_config => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Ok((loaded, _)) if args.common().health => return probe::health(&loaded.common.admin),
        Ok((loaded, _)) => loaded,
        Err(error) => return refuse(&error),
    };
    if let Err(error) = init_logs(&loaded.common.log_level, loaded.common.log_format) {
        return refuse(&error);
    }
    match start_and_run(service, loaded, args.common().ready_file.clone(), run) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!(service = service.name, error = format!("{error:#}"), "ended by a failure");
            ExitCode::FAILURE
        }
    }
}

/// Fills in what is left empty, so that `--print-config` shows what really holds.
fn with_defaults<C>(service: &Service, mut loaded: Loaded<C>) -> Loaded<C> {
    for (value, default) in
        [(&mut loaded.common.admin, service.admin), (&mut loaded.common.log_level, DEFAULT_LEVEL)]
    {
        if value.is_empty() {
            *value = default.to_owned();
        }
    }
    loaded
}

/// Whether the service ended in order.
fn start_and_run<C>(
    service: &Service,
    loaded: Loaded<C>,
    ready_file: Option<PathBuf>,
    run: impl FnOnce(C, &Kit) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    log_panics();
    metrics::install();
    metrics::gauge(names::BUILD_INFO, service.name, &[("version", service.version)]).set(1.0);
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("signal handlers cannot be installed")?;
    let bound = condition(service.name, "sockets-bound", "starting");
    let admin = Some(loaded.common.admin.as_str()).filter(|address| *address != "off");
    let start = |address| Admin::start(address, Some(service.name), service.version, shutdown.clone());
    let admin = admin.map(start).transpose()?;
    let kit = Kit { service: *service, shutdown: shutdown.clone(), admin, bound, ready_file };
    let result = run(loaded.config, &kit);
    shutdown.request();
    result?;
    tracing::info!(service = service.name, "stopped");
    shutdown.finished();
    Ok(!shutdown.has_failed())
}

fn refuse(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(USAGE)
}

/// A panic goes through the log like everything else, with its place.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(thread, place, message, "a thread panicked");
    }));
}
