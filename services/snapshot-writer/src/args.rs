//! The command line of `gapless-snapshot-writer`.

use clap::Parser;
use gapless_service_kit::{Arguments, CommonArgs, overrides};
use toml::{Table, Value};

/// Writes artifacts that people and tools read, and checkpoints of the live engine.
#[derive(Debug, Parser)]
#[command(name = "gapless-snapshot-writer", version)]
pub struct Args {
    /// Flags of every service.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Address of the live feed [default: tcp://127.0.0.1:5556]
    #[arg(long, value_name = "ENDPOINT")]
    pub live: Option<String>,
    /// Address of backfill [default: tcp://127.0.0.1:5557]
    #[arg(long, value_name = "ENDPOINT")]
    pub backfill: Option<String>,
    /// Address of the engine's state [default: tcp://127.0.0.1:5558]
    #[arg(long, value_name = "ENDPOINT")]
    pub state: Option<String>,
    /// Address of the journal's replay side [default: tcp://127.0.0.1:5553]
    #[arg(long, value_name = "ENDPOINT")]
    pub journal_replay: Option<String>,
    /// Folder of the artifacts; "" for none [default: gapless-data/artifacts]
    #[arg(long, value_name = "DIR")]
    pub artifact_dir: Option<String>,
    /// Folder of the checkpoints; "" for none [default: gapless-data/checkpoints]
    #[arg(long, value_name = "DIR")]
    pub checkpoint_dir: Option<String>,
    /// Write only streams whose topic begins with this; may be said more than once [default: all]
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Vec<String>,
    /// One artifact for each stream, or for each session of a source: stream, source [default: stream]
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Forms of the rows: parquet, csv; may be said more than once [default: parquet]
    #[arg(long, value_name = "FORMAT")]
    pub format: Vec<String>,
    /// How long rows wait before they are written [default: 10s]
    #[arg(long, value_name = "DURATION")]
    pub write_every: Option<String>,
}

impl Arguments for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn overrides(&self) -> Table {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let list = |values: &[String]| (!values.is_empty()).then(|| Value::from(values.to_vec()));
        overrides([
            ("live", text(&self.live)),
            ("backfill", text(&self.backfill)),
            ("state", text(&self.state)),
            ("journal_replay", text(&self.journal_replay)),
            ("artifact_dir", text(&self.artifact_dir)),
            ("checkpoint.dir", text(&self.checkpoint_dir)),
            ("prefixes", list(&self.prefix)),
            ("group", text(&self.group)),
            ("formats", list(&self.format)),
            ("write_every", text(&self.write_every)),
        ])
    }
}
