//! The command line of `gapless-live-engine`.

use clap::Parser;
use gapless_service_kit::{Arguments, CommonArgs, overrides};
use toml::{Table, Value};

/// Folds the journal into current state and publishes every stream live.
#[derive(Debug, Parser)]
#[command(name = "gapless-live-engine", version)]
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
    /// Address at which ingestion takes derived rows [default: tcp://127.0.0.1:5551]
    #[arg(long, value_name = "ENDPOINT")]
    pub ingest: Option<String>,
    /// Where to bind the live feed [default: tcp://127.0.0.1:5556]
    #[arg(long, value_name = "ENDPOINT")]
    pub live: Option<String>,
    /// Where to bind state requests [default: tcp://127.0.0.1:5558]
    #[arg(long, value_name = "ENDPOINT")]
    pub state: Option<String>,
    /// Folder of the checkpoints to begin from; "" for none [default: none]
    #[arg(long, value_name = "DIR")]
    pub checkpoint_dir: Option<String>,
    /// Rows kept per stream for state requests [default: 300]
    #[arg(long, value_name = "ROWS")]
    pub window_rows: Option<u32>,
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
            ("ingest", text(&self.ingest)),
            ("live", text(&self.live)),
            ("state", text(&self.state)),
            ("checkpoint_dir", text(&self.checkpoint_dir)),
            ("window_rows", self.window_rows.map(|rows| Value::from(i64::from(rows)))),
        ])
    }
}
