//! The command line of `gapless-backfill`.

use clap::Parser;
use gapless_service_kit::{Arguments, CommonArgs, overrides};
use toml::{Table, Value};

/// Archives the journal in DuckDB and replays any range on request.
#[derive(Debug, Parser)]
#[command(name = "gapless-backfill", version)]
pub struct Args {
    /// Flags of every service.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Address of the journal's live feed [default: tcp://127.0.0.1:5552]
    #[arg(long, value_name = "ENDPOINT")]
    pub journal_live: Option<String>,
    /// Address of the journal's replay side [default: tcp://127.0.0.1:5553]
    #[arg(long, value_name = "ENDPOINT")]
    pub journal_replay: Option<String>,
    /// Where to bind requests [default: tcp://127.0.0.1:5557]
    #[arg(long, value_name = "ENDPOINT")]
    pub backfill: Option<String>,
    /// The archive's DuckDB file [default: gapless-data/archive.duckdb]
    #[arg(long, value_name = "FILE")]
    pub archive: Option<String>,
    /// Put the archive aside under another name, and begin a new one from what the journal still has
    #[arg(long)]
    pub rebuild: bool,
    /// How often rows are committed to the archive [default: 200ms]
    #[arg(long, value_name = "DURATION")]
    pub commit_every: Option<String>,
    /// Threads that answer requests [default: 4]
    #[arg(long, value_name = "COUNT")]
    pub workers: Option<u32>,
}

impl Arguments for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn overrides(&self) -> Table {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        overrides([
            ("journal_live", text(&self.journal_live)),
            ("journal_replay", text(&self.journal_replay)),
            ("backfill", text(&self.backfill)),
            ("archive", text(&self.archive)),
            ("rebuild", self.rebuild.then_some(Value::from(true))),
            ("commit_every", text(&self.commit_every)),
            ("workers", self.workers.map(|count| Value::from(i64::from(count)))),
        ])
    }
}
