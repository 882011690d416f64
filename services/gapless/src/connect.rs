//! Where the services are: default < the services' own tables in gapless.toml < `[gapless]` there < environment <
//! `--connect`.

use crate::exit::{how_to_start, usage};
use anyhow::Result;
use clap::Args;
use gapless::{Client, Endpoints, Service};
use gapless_service_kit::{CommonArgs, HumanDuration, Invalid, LogFormat, Validate};
use serde::{Deserialize, Serialize};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A wait longer than this is told: a command that says nothing looks hung.
const TELL_AFTER: Duration = Duration::from_secs(1);
/// How long one attempt to reach a port may take.
const PROBE: Duration = Duration::from_millis(500);

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Configuration file [default: gapless.toml in the current folder, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "GAPLESS_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Where the services are: a host, or addresses such as live=tcp://h:5556,backfill=tcp://h:5557
    /// (also state=, ingest=, journal=; a host may come first)
    #[arg(long, global = true, value_name = "WHERE", env = "GAPLESS_CONNECT", hide_env_values = true)]
    pub(crate) connect: Option<String>,
    /// Longest wait for a service that does not answer [default: 5s]
    #[arg(long, global = true, value_name = "DURATION", env = "GAPLESS_PATIENCE", hide_env_values = true)]
    pub(crate) patience: Option<HumanDuration>,
    /// Results as JSON, for machines
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// error, warn, info, debug, trace, or a filter such as info,gapless_follow=debug [default: warn]
    #[arg(long, global = true, value_name = "LEVEL", env = "GAPLESS_LOG", hide_env_values = true)]
    pub(crate) log_level: Option<String>,
    /// How log lines on stderr look
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// The table `[gapless]` of the configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Connection {
    /// A host with everything at its default port; empty: this machine.
    host: String,
    /// Addresses that differ from the host's; empty: as the host says.
    live: String,
    backfill: String,
    state: String,
    ingest: String,
    journal: String,
    /// Longest wait for a service that does not answer; 0: 5 seconds.
    patience: HumanDuration,
}

impl Validate for Connection {
    fn validate(&self) -> Result<(), Invalid> {
        self.endpoints().check().map_err(|error| Invalid::new("live", error.to_string()))
    }
}

impl Global {
    /// A client for the services that the flags, the environment and the configuration name.
    pub(crate) fn client(&self) -> Result<Client> {
        let connection = self.connection()?;
        Ok(Client::new(connection.endpoints()).with_patience(connection.patience()))
    }

    /// As [`Global::client`], after it was seen that something listens where `services` should be.
    pub(crate) fn client_of(&self, services: &[Service]) -> Result<Client> {
        self.client_where(|endpoints| services.iter().flat_map(|s| addresses(endpoints, *s)).collect())
    }

    /// As [`Global::client_of`], for one who only follows: nothing asks for the live engine's state.
    pub(crate) fn client_to_follow(&self) -> Result<Client> {
        self.client_where(|endpoints| {
            vec![(Service::LiveEngine, &*endpoints.live), (Service::Backfill, &*endpoints.backfill)]
        })
    }

    fn client_where(&self, needed: impl Fn(&Endpoints) -> Vec<(Service, &str)>) -> Result<Client> {
        let connection = self.connection()?;
        let endpoints = connection.endpoints();
        require(needed(&endpoints), connection.patience())?;
        Ok(Client::new(endpoints).with_patience(connection.patience()))
    }

    /// The arguments that the services' own configuration takes.
    pub(crate) fn common(&self) -> CommonArgs {
        CommonArgs { config: self.config.clone(), ..CommonArgs::default() }
    }

    /// Starts the log on stderr.
    pub(crate) fn init_logs(&self, default: &str) -> Result<()> {
        let level = self.log_level.as_deref().unwrap_or(default);
        gapless_service_kit::init_logs(level, self.log_format.unwrap_or_default())
            .map_err(|error| usage(error.to_string()))
    }

    fn connection(&self) -> Result<Connection> {
        let mut flags = toml::Table::new();
        if let Some(text) = &self.connect {
            flags = parse_connect(text).map_err(usage)?;
        }
        if let Some(patience) = &self.patience {
            flags.insert("patience".into(), patience.to_string().into());
        }
        let mut connection: Connection = gapless_service_kit::load("gapless", &self.common(), flags)?;
        if connection.host.is_empty() {
            connection.take_from_services(&self.common())?;
        }
        Ok(connection)
    }
}

impl Connection {
    fn endpoints(&self) -> Endpoints {
        let host = if self.host.is_empty() { "127.0.0.1" } else { &self.host };
        let default = Endpoints::on_host(host);
        let or = |own: &String, default: String| if own.is_empty() { default } else { own.clone() };
        Endpoints {
            live: or(&self.live, default.live),
            backfill: or(&self.backfill, default.backfill),
            state: or(&self.state, default.state),
            ingest: or(&self.ingest, default.ingest),
            journal: or(&self.journal, default.journal),
        }
    }

    /// The configuration that the services have says where they are, too. One that is wrong is an error here as there:
    /// the default addresses may be those of another stack.
    fn take_from_services(&mut self, common: &CommonArgs) -> Result<()> {
        use gapless_service_kit::load;
        let flags = toml::Table::new;
        let ingestion: gapless_ingestion::Config = load("ingestion", common, flags())?;
        let engine: gapless_live_engine::Config = load("live-engine", common, flags())?;
        let backfill: gapless_backfill::Config = load("backfill", common, flags())?;
        for (own, bound) in [
            (&mut self.ingest, &ingestion.ingest),
            (&mut self.journal, &ingestion.journal_replay),
            (&mut self.live, &engine.live),
            (&mut self.state, &engine.state),
            (&mut self.backfill, &backfill.backfill),
        ] {
            if own.is_empty() {
                *own = reachable(bound);
            }
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        let patience = self.patience.0;
        if patience.is_zero() { gapless::DEFAULT_PATIENCE } else { patience }
    }
}

/// Where something is reached that is bound there; empty when only it knows.
fn reachable(bound: &str) -> String {
    if bound.ends_with(":*") || bound.ends_with(":0") {
        return String::new();
    }
    bound.replace("//*:", "//127.0.0.1:").replace("//0.0.0.0:", "//127.0.0.1:")
}

/// Reads `--connect`: a host, then `name=address` pairs, separated by commas.
fn parse_connect(text: &str) -> Result<toml::Table, String> {
    let mut table = toml::Table::new();
    for (at, part) in text.split(',').map(str::trim).filter(|part| !part.is_empty()).enumerate() {
        match part.split_once('=') {
            Some((name @ ("live" | "backfill" | "state" | "ingest" | "journal"), address)) => {
                table.insert(name.into(), address.into());
            }
            None if at == 0 => {
                table.insert("host".into(), part.into());
            }
            _ => {
                return Err(format!(
                    "--connect {text:?}: {part:?} is neither a host nor live=, backfill=, state=, ingest= or journal="
                ));
            }
        }
    }
    Ok(table)
}

/// Waits, at most `patience`, until something listens at each of these addresses, and names the ones where
/// nothing does.
fn require(mut missing: Vec<(Service, &str)>, patience: Duration) -> Result<()> {
    let start = Instant::now();
    let mut is_told = false;
    loop {
        missing.retain(|(_, address)| !listens(address));
        if missing.is_empty() {
            return Ok(());
        }
        if start.elapsed() >= patience {
            break;
        }
        if !is_told && start.elapsed() >= TELL_AFTER {
            is_told = true;
            eprintln!("waiting for {} (is `gapless up` running?)", unheard_list(&missing));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let remedy = how_to_start(&lacking(&missing));
    Err(anyhow::anyhow!("nothing listens for {}\n  {remedy}", unheard_list(&missing)))
}

/// The services that are missing, each once.
fn lacking(missing: &[(Service, &str)]) -> Vec<Service> {
    let mut lacking: Vec<Service> = missing.iter().map(|(service, _)| *service).collect();
    lacking.dedup();
    lacking
}

/// The services that are missing and where.
fn unheard_list(missing: &[(Service, &str)]) -> String {
    let list: Vec<String> = lacking(missing).iter().map(|service| unheard(*service, missing)).collect();
    list.join(", ")
}

/// A service and the addresses at which it is missing.
fn unheard(service: Service, missing: &[(Service, &str)]) -> String {
    let at: Vec<&str> = missing.iter().filter(|(whose, _)| *whose == service).map(|(_, at)| *at).collect();
    format!("{service} at {}", at.join(" and "))
}

/// The addresses at which a service is needed.
pub(crate) fn addresses(endpoints: &Endpoints, service: Service) -> Vec<(Service, &str)> {
    let addresses = match service {
        Service::Ingestion => vec![endpoints.ingest.as_str(), endpoints.journal.as_str()],
        Service::LiveEngine => vec![endpoints.live.as_str(), endpoints.state.as_str()],
        Service::Backfill => vec![endpoints.backfill.as_str()],
    };
    addresses.into_iter().map(|address| (service, address)).collect()
}

/// Whether something accepts connections there. What is not `tcp` cannot be asked, and counts as there.
pub(crate) fn listens(address: &str) -> bool {
    let Some(host_port) = address.strip_prefix("tcp://") else { return true };
    let Ok(mut found) = host_port.to_socket_addrs() else { return false };
    found.any(|address| TcpStream::connect_timeout(&address, PROBE).is_ok())
}

#[cfg(test)]
mod tests;
