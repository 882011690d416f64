//! A client in a process of its own, so that it can be killed: it follows into a DuckDB file and prints how
//! far it is, one JSON object a line.

use anyhow::{Context, Result};
use gapless::{Client, Endpoints, Filled, From, StreamKey};
use gapless_service_kit::Shutdown;
use gapless_store::AppStore;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What it prints.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Rows committed by this process.
    pub(crate) rows: u64,
    /// Rows that came although the file had them.
    pub(crate) duplicates: u64,
    /// Rows taken back.
    pub(crate) removed: u64,
    pub(crate) found: u64,
    pub(crate) healed: u64,
    pub(crate) truncated: u64,
    pub(crate) dropped: u64,
    /// The last row handed over, by topic.
    pub(crate) applied: BTreeMap<String, u64>,
}

/// Follows streams into a DuckDB file and prints how far it is; the crash campaign starts and kills it.
#[derive(Debug, clap::Args)]
pub struct FollowArgs {
    /// The addresses of live feed, backfill, state, ingest and journal, with commas between.
    #[arg(long, value_delimiter = ',')]
    connect: Vec<String>,
    /// The beginning of topics.
    #[arg(long)]
    prefix: String,
    /// The file.
    #[arg(long)]
    into: PathBuf,
}

/// The arguments that start such a process.
pub(crate) fn arguments(endpoints: &Endpoints, prefix: &str, into: &Path) -> Vec<String> {
    let Endpoints { live, backfill, state, ingest, journal } = endpoints;
    let connect = [live, backfill, state, ingest, journal].map(String::as_str).join(",");
    let into = into.display().to_string();
    ["follow", "--connect", &connect, "--prefix", prefix, "--into", &into].map(str::to_owned).to_vec()
}

/// Follows until it is asked to stop.
///
/// # Errors
/// When the file cannot be opened or written.
pub fn follow(args: &FollowArgs) -> Result<()> {
    let [live, backfill, state, ingest, journal] = &args.connect[..] else {
        anyhow::bail!("--connect needs five addresses");
    };
    let endpoints = Endpoints {
        live: live.clone(),
        backfill: backfill.clone(),
        state: state.clone(),
        ingest: ingest.clone(),
        journal: journal.clone(),
    };
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let stands = stands(&args.into)?;
    tell(&Line { applied: stands.clone(), ..Line::default() })?;
    let builder = Client::new(endpoints).subscribe().prefix(&args.prefix).from(From::Start);
    let filled = builder.into_duckdb(&args.into, |filled| {
        let told = tell(&line(filled, &stands));
        if told.is_err() || shutdown.is_requested() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let filled = filled.with_context(|| format!("cannot follow into {}", args.into.display()))?;
    tell(&line(&filled, &stands))?;
    shutdown.finished();
    Ok(())
}

/// Where a file stands that an earlier process left.
fn stands(file: &Path) -> Result<BTreeMap<String, u64>> {
    let store = AppStore::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    Ok(store.cursors().into_iter().map(|cursor| (cursor.key.topic(), cursor.applied.0)).collect())
}

fn line(filled: &Filled, stands: &BTreeMap<String, u64>) -> Line {
    let mut line = Line {
        applied: stands.clone(),
        rows: filled.rows,
        duplicates: filled.duplicates,
        removed: filled.removed,
        ..Line::default()
    };
    for report in &filled.streams {
        line.found += report.gaps.found;
        line.healed += report.gaps.healed;
        line.truncated += report.gaps.truncated;
        line.dropped += report.duplicates;
        let applied = line.applied.entry(report.key.topic()).or_default();
        *applied = report.applied.0.max(*applied);
    }
    line
}

fn tell(line: &Line) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(line)?)?;
    out.flush()?;
    Ok(())
}

impl Line {
    /// How far it is.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (StreamKey, u64)> + '_ {
        self.applied.iter().filter_map(|(topic, applied)| Some((topic.parse().ok()?, *applied)))
    }
}
