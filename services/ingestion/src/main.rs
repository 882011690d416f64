//! The ingestion service as a process.

use clap::Parser;
use gapless_ingestion::{Config, SERVICE, run};
use gapless_service_kit::{Arguments, CommonArgs, Service, main_with, overrides};
use std::process::ExitCode;
use toml::Value;

/// Accepts rows from sources and producers, sequences them and writes the journal.
#[derive(Debug, Parser)]
#[command(name = "gapless-ingestion", version)]
struct Args {
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
}

impl Arguments for Args {
    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn overrides(&self) -> toml::Table {
        overrides([
            ("ingest", self.ingest.clone().map(Value::from)),
            ("journal_live", self.journal_live.clone().map(Value::from)),
            ("journal_replay", self.journal_replay.clone().map(Value::from)),
            ("http", self.http.clone().map(Value::from)),
            ("journal.dir", self.journal_dir.clone().map(Value::from)),
            ("journal.sync", self.sync.clone().map(Value::from)),
        ])
    }
}

fn main() -> ExitCode {
    let service = Service { name: SERVICE, version: env!("CARGO_PKG_VERSION"), admin: "127.0.0.1:9081" };
    main_with::<Args, Config>(&service, |config, kit| {
        let mut told = Ok(());
        run(config, kit.shutdown(), |bound| {
            told = kit.ready(bound.addresses()).inspect_err(|_| kit.shutdown().request());
        })?;
        told
    })
}
