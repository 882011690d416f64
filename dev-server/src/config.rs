//! What can be configured, with its defaults and its checks.

use crate::error::Error;
use crate::scenario::{Scenario, StreamSetup};
use crate::source::{self, Recording};
use crate::universe::{Universe, fallback};
use gapless_model::StreamKey;
use gapless_service_kit::{HumanDuration, Invalid, Validate};
use gapless_transport::Endpoint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The table `[dev-server]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where to bind the live feed.
    pub live: String,
    /// Where to bind requests.
    pub backfill: String,
    /// Where to serve the control panel and the HTTP API (port 0: any free one), or "off".
    pub panel: String,
    /// Name of a built-in scenario, or a file of one that ends with `.toml`.
    pub scenario: String,
    /// How long to run; 0: until it is stopped. When it is over a report is printed.
    pub duration: HumanDuration,
    /// What the report looks like.
    pub report: ReportForm,
    /// Seed of the faults; 0: the scenario's.
    pub seed: u64,
    /// Symbols instead of the scenario's.
    pub symbols: Vec<String>,
    /// Milliseconds between two batches of every stream; 0: the scenario's.
    pub tick_ms: u32,
    /// Rows of a batch; 0: the scenario's.
    pub batch_rows: u32,
    /// Rows of each stream that can be replayed; 0: the scenario's.
    pub keep_rows: u64,
    /// The symbols to choose from: a DuckDB file with a table `universe`, or a CSV file with its columns.
    pub universe: Option<PathBuf>,
    /// A CSV file with those columns for when the DuckDB file or its table is not there; the one beside it, of the same
    /// name, unless it is set.
    pub universe_csv: Option<PathBuf>,
    /// Where rows come from; the generator unless it names a file.
    pub source: SourceConfig,
    /// Remembers every row for a judge; set by programs.
    #[serde(skip)]
    pub record: bool,
}

/// The table `[dev-server.source]`: recorded rows instead of made-up ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceConfig {
    /// A CSV, Parquet or DuckDB file of candles.
    pub path: Option<PathBuf>,
    /// The table in a DuckDB file: columns `ts` (or `ts_ms`), `open`, `high`, `low`, `close`, `volume`, and
    /// `symbol` if it holds several.
    pub table: String,
    /// The rows were generated rather than measured, and are flagged so. Needed only where the file does not say it: a
    /// DuckDB table has a column `simulated`.
    pub simulated: bool,
}

/// What the report looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ReportForm {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            live: "tcp://127.0.0.1:5556".into(),
            backfill: "tcp://127.0.0.1:5557".into(),
            panel: "127.0.0.1:8090".into(),
            scenario: "steady".into(),
            duration: HumanDuration::default(),
            report: ReportForm::Table,
            seed: 0,
            symbols: Vec::new(),
            tick_ms: 0,
            batch_rows: 0,
            keep_rows: 0,
            universe: None,
            universe_csv: None,
            source: SourceConfig::default(),
            record: false,
        }
    }
}

impl Config {
    /// The default configuration on addresses that the system chooses.
    pub fn on_any_port() -> Config {
        Config {
            live: "tcp://127.0.0.1:*".into(),
            backfill: "tcp://127.0.0.1:*".into(),
            panel: "127.0.0.1:0".into(),
            ..Config::default()
        }
    }

    /// The scenario with what is configured over it.
    pub(crate) fn scenario(&self) -> Result<Scenario, Error> {
        let mut scenario = Scenario::find(&self.scenario)?;
        if self.seed != 0 {
            scenario.seed = self.seed;
        }
        if self.keep_rows != 0 {
            scenario.keep_rows = self.keep_rows;
        }
        scenario.streams.iter_mut().for_each(|setup| self.lay_over(setup));
        let problem = scenario.streams.iter().find_map(StreamSetup::problem);
        match problem {
            Some(reason) => Err(Error::Setting { key: "symbols, tick_ms or batch_rows", reason }),
            None => Ok(scenario),
        }
    }

    fn lay_over(&self, setup: &mut StreamSetup) {
        if !self.symbols.is_empty() {
            setup.symbols.clone_from(&self.symbols);
        }
        if self.tick_ms != 0 {
            setup.tick_ms = self.tick_ms;
        }
        if self.batch_rows != 0 {
            setup.batch_rows = self.batch_rows;
        }
    }

    /// The symbols to choose from: those that are built in unless a file is named.
    pub(crate) fn universe(&self) -> Result<Universe, Error> {
        match self.universe.as_deref() {
            None => Universe::built_in(),
            Some(path) => Universe::read(path, self.universe_csv.as_deref()),
        }
    }

    /// The recorded rows, if any are configured.
    pub(crate) fn recordings(&self) -> Result<BTreeMap<StreamKey, Recording>, Error> {
        match &self.source.path {
            None => Ok(BTreeMap::new()),
            Some(path) => source::recordings(path, &self.source.table, self.source.simulated),
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Invalid> {
        for (key, address) in [("live", &self.live), ("backfill", &self.backfill)] {
            address.parse::<Endpoint>().map_err(|error| Invalid::new(key, error.to_string()))?;
        }
        for (key, path) in [("universe_csv", &self.universe_csv), ("source.path", &self.source.path)] {
            if let Some(path) = path.as_ref().filter(|path| !path.is_file()) {
                return Err(Invalid::new(key, format!("{} is not a file that can be read", path.display())));
            }
        }
        if let Some(path) = self.universe.as_ref().filter(|path| !path.is_file()) {
            let csv = fallback(path, self.universe_csv.as_deref());
            if !csv.is_file() {
                let reason = format!(
                    "{} is not a file that can be read, nor is {} in its place",
                    path.display(),
                    csv.display()
                );
                return Err(Invalid::new("universe", reason));
            }
        }
        if self.universe_csv.is_some() && self.universe.is_none() {
            return Err(Invalid::new("universe_csv", "stands in for a DuckDB file: name that as universe"));
        }
        if self.panel != "off" {
            let refused = |_| Invalid::new("panel", "write an address such as 127.0.0.1:8090, or off");
            self.panel.parse::<std::net::SocketAddr>().map_err(refused)?;
        }
        if self.source.path.is_none() && !self.source.table.is_empty() {
            return Err(Invalid::new("source.table", "name its DuckDB file as source.path"));
        }
        self.scenario().map(drop).map_err(|error| Invalid::new("scenario", error.to_string()))
    }
}

#[cfg(test)]
mod tests;
