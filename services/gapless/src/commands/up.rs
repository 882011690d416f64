//! `gapless up`: the whole stack in this process.

use crate::connect::Global;
use crate::exit::Outcome;
use crate::render;
use crate::stack::{Configs, Ports, Stack, default_data_dir};
use anyhow::{Context, Result};
use gapless_ingestion::sources::{HostSettings, SimSettings, SourceSettings, StdinSettings};
use gapless_service_kit::{Admin, Shutdown, metrics};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the services are looked at.
const TICK: Duration = Duration::from_millis(250);
/// Where `/healthz`, `/readyz` and `/metrics` are by default.
const ADMIN: &str = "127.0.0.1:9080";

/// Starts ingestion, live-engine and backfill in this process and runs until it is stopped (Ctrl-C).
///
/// Each reads its own table of gapless.toml ([ingestion], [live-engine], [backfill]). With --snapshots, or a
/// table [snapshot-writer], it also writes artifacts and checkpoints. Data stays in one folder and is found
/// again at the next start.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the journal and the archive, where the configuration names no other [default: $XDG_DATA_HOME/gapless or ~/.local/share/gapless]
    #[arg(long, value_name = "DIR", env = "GAPLESS_DATA", hide_env_values = true)]
    data: Option<PathBuf>,
    /// What to start with: host (this machine's telemetry), sim (a simulated market), replay:FILE,
    /// or stdin:TOPIC (NDJSON); may be said more than once
    #[arg(long, value_name = "SOURCE", value_parser = parse_source)]
    source: Vec<SourceSettings>,
    /// Write artifacts (rows as Parquet, manifest, last state) into this folder, and checkpoints, from which
    /// the engine restarts quickly
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
    /// Put the archive aside and begin a new one from what the journal still has: for an archive that cannot be read
    #[arg(long)]
    rebuild: bool,
    /// Take any free ports instead of the configured ones
    #[arg(long)]
    free_ports: bool,
    /// Print the resulting configuration as TOML and end
    #[arg(long)]
    print_config: bool,
    /// Address of /healthz, /readyz and /metrics, or "off"
    #[arg(long, value_name = "ADDRESS", default_value = ADMIN)]
    admin: String,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let data = args.data.map_or_else(default_data_dir, Ok)?;
    let ports = if args.free_ports { Ports::Free } else { Ports::Configured };
    let configs = Configs::load(global, &data, ports)?.with_sources(args.source)?;
    let mut configs = configs.with_snapshots(global, &data, args.snapshots.as_deref())?;
    configs.backfill.rebuild |= args.rebuild;
    if args.print_config {
        return render::line(configs.to_toml()?.trim_end()).map(|()| Outcome::Good);
    }
    make_folder(&data)?;
    let artifacts = configs.snapshots.as_ref().map(|config| config.artifact_dir.display().to_string());
    metrics::install();
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let admin = match args.admin.as_str() {
        "off" => None,
        _ if args.free_ports && args.admin == ADMIN => {
            Some(Admin::start("127.0.0.1:0", None, env!("CARGO_PKG_VERSION"), shutdown.clone())?)
        }
        address => Some(Admin::start(address, None, env!("CARGO_PKG_VERSION"), shutdown.clone())?),
    };
    let mut stack = Stack::start(configs)?;
    tell(global, &stack, admin.as_ref(), &data, &artifacts.unwrap_or_default(), args.free_ports)?;
    let failure = loop {
        if let Some(error) = stack.failure() {
            break Some(error);
        }
        if shutdown.wait(TICK) {
            break None;
        }
    };
    let stopped = stack.stop();
    shutdown.finished();
    match failure {
        Some(error) => Err(error),
        None => stopped.map(|()| Outcome::Good),
    }
}

fn tell(
    global: &Global,
    stack: &Stack,
    admin: Option<&Admin>,
    data: &Path,
    artifacts: &str,
    free_ports: bool,
) -> Result<()> {
    let at = stack.endpoints();
    let admin = admin.map(|admin| format!("http://{}", admin.address())).unwrap_or_default();
    if global.json {
        return render::json(&serde_json::json!({
            "data": data.display().to_string(), "ingest": at.ingest, "journal": at.journal, "live": at.live,
            "backfill": at.backfill, "state": at.state, "http": stack.http(), "admin": admin,
            "artifacts": artifacts,
        }));
    }
    render::line(format!("Gapless is up; data in {}", data.display()))?;
    let mut table = render::table(&["what", "where"]);
    for (what, address) in [
        ("live feed", at.live.as_str()),
        ("ranges and streams", &at.backfill),
        ("current state", &at.state),
        ("producers", &at.ingest),
        ("rows over HTTP", stack.http()),
        ("journal replay", &at.journal),
        ("health and metrics", &admin),
        ("artifacts", artifacts),
    ] {
        if !address.is_empty() {
            table.add_row([what, address]);
        }
    }
    render::line(table)?;
    if free_ports {
        // Nobody would find it otherwise.
        render::line(format!(
            "export GAPLESS_CONNECT=live={},backfill={},state={},ingest={},journal={}",
            at.live, at.backfill, at.state, at.ingest, at.journal
        ))?;
        if !artifacts.is_empty() {
            render::line(format!("gapless checkpoint and gapless flush need --admin {admin} here"))?;
        }
    }
    render::line("try: gapless streams, gapless tail candles., gapless status; Ctrl-C stops it")
}

fn make_folder(data: &Path) -> Result<()> {
    std::fs::create_dir_all(data).with_context(|| format!("cannot make the folder {}", data.display()))
}

fn parse_source(text: &str) -> Result<SourceSettings, String> {
    match text.split_once(':').unwrap_or((text, "")) {
        ("host", "") => Ok(SourceSettings::Host(HostSettings::default())),
        ("sim", "") => Ok(SourceSettings::Sim(SimSettings::default())),
        ("replay", file) if !file.is_empty() => Ok(SourceSettings::replay(file)),
        ("stdin", topic) if !topic.is_empty() => {
            Ok(SourceSettings::Stdin(StdinSettings { topic: topic.into(), ..StdinSettings::default() }))
        }
        _ => Err("use host, sim, replay:FILE or stdin:TOPIC".into()),
    }
}
