//! The services' configurations, as one stack needs them: one folder, addresses that fit together.

use crate::connect::Global;
use crate::exit::usage;
use anyhow::Result;
use gapless_ingestion::sources::SourceSettings;
use gapless_service_kit::{Common, Loaded, to_toml};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The ports that a stack uses by default, HTTP last.
const DEFAULT_PORTS: [u16; 7] = [5551, 5552, 5553, 5556, 5557, 5558, 8081];

/// The table of the snapshot-writer.
const SNAPSHOTS: &str = "snapshot-writer";

/// Which ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Those of the configuration.
    Configured,
    /// Any that are free.
    Free,
}

impl Ports {
    /// The configured ones when all default ports are free, else any.
    pub(crate) fn configured_if_free() -> Ports {
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if DEFAULT_PORTS.into_iter().all(free) { Ports::Configured } else { Ports::Free }
    }
}

/// Configurations of the services.
#[derive(Debug, Clone)]
pub(crate) struct Configs {
    pub(crate) ingestion: gapless_ingestion::Config,
    pub(crate) live_engine: gapless_live_engine::Config,
    pub(crate) backfill: gapless_backfill::Config,
    /// `None`: no snapshots are written.
    pub(crate) snapshots: Option<gapless_snapshot_writer::Config>,
}

impl Configs {
    /// Each service's own configuration. Below `data` lies what it does not place itself.
    pub(crate) fn load(global: &Global, data: &Path, ports: Ports) -> Result<Configs> {
        let common = global.common();
        let (mut ingestion, mut live_engine, mut backfill) = (Table::new(), Table::new(), Table::new());
        if ports == Ports::Free {
            let any = || Value::from("tcp://127.0.0.1:*");
            ingestion.extend(table_of([
                ("ingest", any()),
                ("journal_live", any()),
                ("journal_replay", any()),
            ]));
            ingestion.insert("http".into(), "127.0.0.1:0".into());
            live_engine.extend(table_of([("live", any()), ("state", any())]));
            backfill.extend(table_of([("backfill", any())]));
        }
        let mut configs = Configs {
            ingestion: gapless_service_kit::load("ingestion", &common, ingestion)?,
            live_engine: gapless_service_kit::load("live-engine", &common, live_engine)?,
            backfill: gapless_service_kit::load("backfill", &common, backfill)?,
            snapshots: None,
        };
        let (journal, archive) = (journal_in(data), archive_in(data));
        if configs.ingestion.journal.dir == gapless_ingestion::Config::default().journal.dir {
            configs.ingestion.journal.dir = journal;
        }
        if configs.backfill.archive == gapless_backfill::Config::default().archive {
            configs.backfill.archive = archive;
        }
        Ok(configs)
    }

    /// With everything that is written below `data`, whatever the configuration says: for what must not touch the
    /// data of a real stack. The folder of the artifacts is the one that was asked for.
    pub(crate) fn only_inside(mut self, data: &Path) -> Configs {
        self.ingestion.journal.dir = journal_in(data);
        self.backfill.archive = archive_in(data);
        self.live_engine.checkpoint_dir = PathBuf::new();
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.checkpoint.dir = data.join("checkpoints");
            self.live_engine.checkpoint_dir = snapshots.checkpoint.dir.clone();
        }
        self
    }

    /// With the snapshot-writer, when its table is configured or a folder for artifacts is given. Below `data`
    /// lies what neither says; the engine restarts from the checkpoints.
    pub(crate) fn with_snapshots(
        mut self,
        global: &Global,
        data: &Path,
        artifacts: Option<&Path>,
    ) -> Result<Configs> {
        let common = global.common();
        if artifacts.is_none() && !gapless_service_kit::is_configured(SNAPSHOTS, &common)? {
            return Ok(self);
        }
        let mut flags = Table::new();
        if let Some(folder) = artifacts {
            flags.insert("artifact_dir".into(), folder.to_string_lossy().into_owned().into());
        }
        let mut config: gapless_snapshot_writer::Config =
            gapless_service_kit::load(SNAPSHOTS, &common, flags)?;
        let default = gapless_snapshot_writer::Config::default();
        if config.artifact_dir == default.artifact_dir {
            config.artifact_dir = data.join("artifacts");
        }
        if config.checkpoint.dir == default.checkpoint.dir {
            config.checkpoint.dir = data.join("checkpoints");
        }
        if self.live_engine.checkpoint_dir.as_os_str().is_empty() {
            self.live_engine.checkpoint_dir = config.checkpoint.dir.clone();
        }
        self.snapshots = Some(config);
        Ok(self)
    }

    /// Every configuration as gapless.toml would hold it.
    pub(crate) fn to_toml(&self) -> Result<String> {
        let common = Common::default;
        let mut tables = vec![
            to_toml("ingestion", &Loaded { config: self.ingestion.clone(), common: common() })?,
            to_toml("live-engine", &Loaded { config: self.live_engine.clone(), common: common() })?,
            to_toml("backfill", &Loaded { config: self.backfill.clone(), common: common() })?,
        ];
        if let Some(config) = &self.snapshots {
            tables.push(to_toml(SNAPSHOTS, &Loaded { config: config.clone(), common: common() })?);
        }
        Ok(tables.join("\n"))
    }

    /// Sources that ingestion starts with.
    pub(crate) fn with_sources(mut self, sources: Vec<SourceSettings>) -> Result<Configs> {
        for source in &sources {
            source.check().map_err(|error| usage(format!("source {}: {error}", source.name())))?;
        }
        self.ingestion.sources.extend(sources);
        Ok(self)
    }

    /// The others follow the journal where it was really bound.
    pub(super) fn follow(&mut self, bound: &gapless_ingestion::Bound) {
        self.live_engine.journal_live = bound.journal_live.clone();
        self.live_engine.journal_replay = bound.journal_replay.clone();
        self.live_engine.ingest = bound.ingest.clone();
        self.backfill.journal_live = bound.journal_live.clone();
        self.backfill.journal_replay = bound.journal_replay.clone();
    }
}

fn journal_in(data: &Path) -> PathBuf {
    data.join("journal")
}

fn archive_in(data: &Path) -> PathBuf {
    data.join("archive/archive.duckdb")
}

/// `$XDG_DATA_HOME/gapless`, or `~/.local/share/gapless`.
pub(crate) fn default_data_dir() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
    base.map(|base| base.join("gapless")).ok_or_else(|| usage("no home folder is set: say --data DIR"))
}

/// Where backfill listens.
pub(super) fn backfill_address(bound: &gapless_backfill::Bound) -> String {
    bound.requests.clone()
}

/// The snapshot-writer follows the others where they were really bound.
pub(super) fn follow_all(config: &mut gapless_snapshot_writer::Config, at: &gapless::Endpoints) {
    config.live.clone_from(&at.live);
    config.backfill.clone_from(&at.backfill);
    config.state.clone_from(&at.state);
    config.journal_replay.clone_from(&at.journal);
}

fn table_of<const N: usize>(fields: [(&str, Value); N]) -> Table {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
