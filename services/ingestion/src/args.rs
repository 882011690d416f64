//! The command line of the process.

use clap::Parser;
use gapless_service_kit::{Arguments, CommonArgs, overrides};
use toml::{Table, Value};

/// Accepts rows from sources and producers, sequences them and writes the journal.
#[derive(Debug, Parser)]
#[command(name = "gapless-ingestion", version)]
pub struct Args {
    #[command(flatten)]
    common: CommonArgs,
    /// Where producers send batches [default: tcp://127.0.0.1:5551]
    #[arg(long, value_name = "ENDPOINT")]
    ingest: Option<String>,
    /// Where journal records are published [default: tcp://127.0.0.1:5552]
    #[arg(long, value_name = "ENDPOINT")]
    journal_live: Option<String>,
    /// Where followers read ranges of the journal [default: tcp://127.0.0.1:5553]
    #[arg(long, value_name = "ENDPOINT")]
    journal_replay: Option<String>,
    /// Where rows are taken over HTTP, or "off" [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
    /// Folder of the journal [default: gapless-data/journal]
    #[arg(long, value_name = "DIR")]
    journal_dir: Option<String>,
    /// When records are forced to the disk: always, a duration, or os [default: 50ms]
    #[arg(long, value_name = "WHEN")]
    sync: Option<String>,
    /// For how long a follower that is gone holds back old records; 0: for ever [default: 24h]
    #[arg(long, value_name = "DURATION")]
    follower_lease: Option<String>,
    /// Replay a CSV or Parquet file at full speed; may be given several times
    #[arg(long, value_name = "FILE")]
    replay: Vec<String>,
}

impl Arguments for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn overrides(&self) -> Table {
        let replays = self.replay.iter().map(|path| replay(path)).collect::<Vec<_>>();
        let replays = Some(replays).filter(|replays| !replays.is_empty());
        overrides([
            ("ingest", self.ingest.clone().map(Value::from)),
            ("journal_live", self.journal_live.clone().map(Value::from)),
            ("journal_replay", self.journal_replay.clone().map(Value::from)),
            ("http", self.http.clone().map(Value::from)),
            ("journal.dir", self.journal_dir.clone().map(Value::from)),
            ("journal.sync", self.sync.clone().map(Value::from)),
            ("journal.follower_lease", self.follower_lease.clone().map(Value::from)),
            ("sources", replays.map(Value::Array)),
        ])
    }
}

/// A source that replays the file at `path`, as its table in the configuration.
fn replay(path: &str) -> Value {
    let fields = [("type", "replay"), ("path", path)];
    Value::Table(fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
}
