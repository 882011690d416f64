//! The command line of `gapless-dev-server`.

use crate::config::ReportForm;
use clap::Parser;
use gapless_service_kit::{Arguments, CommonArgs, overrides};
use toml::{Table, Value};

/// A whole upstream in one process that misbehaves on command: live feed, replay and state.
#[derive(Debug, Parser)]
#[command(name = "gapless-dev-server", version)]
pub struct Args {
    /// Flags of every service.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Name of a built-in scenario (see --list), or a .toml file of one [default: steady]
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// List the built-in scenarios and end
    #[arg(long)]
    pub list: bool,
    /// How long to run, then print a report; 0: until it is stopped [default: 0]
    #[arg(long, value_name = "DURATION")]
    pub duration: Option<String>,
    /// What the report looks like [default: table]
    #[arg(long, value_enum, value_name = "FORM")]
    pub report: Option<ReportForm>,
    /// Seed of the faults instead of the scenario's
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Symbols instead of the scenario's, separated by commas
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// Milliseconds between two batches of every stream, instead of the scenario's
    #[arg(long, value_name = "MS")]
    pub tick_ms: Option<u32>,
    /// Rows of a batch, instead of the scenario's
    #[arg(long, value_name = "COUNT")]
    pub batch_rows: Option<u32>,
    /// Rows of each stream that can be replayed, instead of the scenario's
    #[arg(long, value_name = "COUNT")]
    pub keep_rows: Option<u64>,
    /// Symbols to choose from: a DuckDB file with a table `universe`, or a CSV file with its columns
    #[arg(long, value_name = "FILE")]
    pub universe: Option<String>,
    /// CSV file of symbols for when the DuckDB --universe is not there [default: the one beside it]
    #[arg(long, value_name = "FILE")]
    pub universe_csv: Option<String>,
    /// Rows from this CSV, Parquet or DuckDB file instead of made-up ones
    #[arg(long, value_name = "FILE")]
    pub source: Option<String>,
    /// The table in a DuckDB --source
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// Where to bind the live feed [default: tcp://127.0.0.1:5556]
    #[arg(long, value_name = "ENDPOINT")]
    pub live: Option<String>,
    /// Where to serve the control panel and the HTTP API, or "off" [default: 127.0.0.1:8090]
    #[arg(long, value_name = "ADDRESS")]
    pub panel: Option<String>,
    /// Where to bind requests [default: tcp://127.0.0.1:5557]
    #[arg(long, value_name = "ENDPOINT")]
    pub backfill: Option<String>,
}

impl Arguments for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn overrides(&self) -> Table {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let whole = |value: Option<i64>| value.map(Value::from);
        let report = self.report.map(|form| match form {
            ReportForm::Table => "table",
            ReportForm::Json => "json",
        });
        let symbols = (!self.symbols.is_empty()).then(|| Value::from(self.symbols.clone()));
        overrides([
            ("scenario", text(&self.scenario)),
            ("duration", text(&self.duration)),
            ("report", report.map(Value::from)),
            // TOML has no larger numbers; a seed above them is as good as this one.
            ("seed", whole(self.seed.map(|seed| i64::try_from(seed).unwrap_or(i64::MAX)))),
            ("symbols", symbols),
            ("tick_ms", whole(self.tick_ms.map(i64::from))),
            ("batch_rows", whole(self.batch_rows.map(i64::from))),
            ("keep_rows", whole(self.keep_rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX)))),
            ("universe", text(&self.universe)),
            ("universe_csv", text(&self.universe_csv)),
            ("source.path", text(&self.source)),
            ("source.table", text(&self.table)),
            ("live", text(&self.live)),
            ("backfill", text(&self.backfill)),
            ("panel", text(&self.panel)),
        ])
    }
}
