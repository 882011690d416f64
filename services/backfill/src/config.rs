//! What can be configured, with its defaults and its checks.

use gapless_model::StreamKey;
use gapless_service_kit::{ByteSize, HumanDuration, Invalid, Validate};
use gapless_store::Retention;
use gapless_transport::Endpoint;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Longer, and a crash would leave much to be read again from the journal; shorter, and the disk syncs
/// all the time.
const COMMIT_BOUNDS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));
/// Each worker has a connection to DuckDB and a thread.
const MAX_WORKERS: usize = 64;
/// DuckDB's threads at most: more than any machine has processors for one archive.
const MAX_THREADS: u32 = 256;

/// The table `[backfill]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Address of the journal's live feed.
    pub journal_live: String,
    /// Address of the journal's replay side.
    pub journal_replay: String,
    /// Where to bind requests.
    pub backfill: String,
    /// The archive's DuckDB file.
    pub archive: PathBuf,
    /// Puts the archive aside and begins a new one from what the journal still has. For one start: left in a file
    /// it would do so at each.
    pub rebuild: bool,
    /// The name under which the journal keeps what is not archived yet.
    pub follower_id: String,
    /// How often rows are committed to the archive.
    pub commit_every: HumanDuration,
    /// Threads that answer requests. A request waits for the disk at most, so more than cores are useful.
    pub workers: usize,
    /// Requests that wait, over all clients; further ones are told to come back.
    pub max_waiting: usize,
    /// Requests of one client that wait.
    pub max_waiting_per_client: usize,
    /// What is kept in memory.
    pub hot: HotConfig,
    /// What DuckDB may use.
    pub duckdb: DuckDbConfig,
    /// What is kept of streams that no rule names; without limits, everything.
    pub retention: RetentionConfig,
    /// What is kept of streams by the beginning of their topic; the first rule that fits counts.
    pub retain: Vec<RetentionRule>,
}

/// The table `[backfill.hot]`: the newest rows, in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HotConfig {
    /// Rows per stream.
    pub stream_rows: u64,
    /// Bytes per stream.
    pub stream_bytes: ByteSize,
    /// Bytes of all streams.
    pub total_bytes: ByteSize,
}

/// The table `[backfill.duckdb]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DuckDbConfig {
    /// Memory.
    pub memory: ByteSize,
    /// Threads of one query. A page is a handful of values: to share that with another thread costs more than it saves.
    pub threads: u32,
}

/// How much of a stream is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionConfig {
    /// The newest rows; 0: all.
    pub max_rows: u64,
    /// Since their publication; 0: for ever.
    pub max_age: HumanDuration,
}

/// How much of some streams is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionRule {
    /// Beginning of the topic.
    pub prefix: String,
    /// The newest rows; 0: all.
    pub max_rows: u64,
    /// Since their publication; 0: for ever.
    pub max_age: HumanDuration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            journal_live: "tcp://127.0.0.1:5552".into(),
            journal_replay: "tcp://127.0.0.1:5553".into(),
            backfill: "tcp://127.0.0.1:5557".into(),
            archive: "gapless-data/archive.duckdb".into(),
            rebuild: false,
            follower_id: "backfill".into(),
            commit_every: HumanDuration::from_millis(200),
            workers: 4,
            max_waiting: 4096,
            max_waiting_per_client: 64,
            hot: HotConfig::default(),
            duckdb: DuckDbConfig::default(),
            retention: RetentionConfig::default(),
            retain: Vec::new(),
        }
    }
}

impl Default for HotConfig {
    /// An answer of version 1 holds 10,000 rows at most, so a stream's memory serves one whole.
    fn default() -> HotConfig {
        HotConfig {
            stream_rows: 10_000,
            stream_bytes: ByteSize::from_mib(8),
            total_bytes: ByteSize::from_mib(256),
        }
    }
}

impl Default for DuckDbConfig {
    fn default() -> DuckDbConfig {
        DuckDbConfig { memory: ByteSize::from_mib(512), threads: 1 }
    }
}

impl Config {
    /// What is kept of `key`.
    pub(crate) fn retention_of(&self, key: &StreamKey) -> Retention {
        let topic = key.topic();
        match self.retain.iter().find(|rule| topic.starts_with(&rule.prefix)) {
            Some(rule) => retention(rule.max_rows, rule.max_age),
            None => retention(self.retention.max_rows, self.retention.max_age),
        }
    }

    /// Whether anything is ever removed.
    pub(crate) fn removes_rows(&self) -> bool {
        let limits = |rows: u64, age: HumanDuration| rows > 0 || age.0 > Duration::ZERO;
        limits(self.retention.max_rows, self.retention.max_age)
            || self.retain.iter().any(|rule| limits(rule.max_rows, rule.max_age))
    }
}

fn retention(rows: u64, age: HumanDuration) -> Retention {
    Retention { max_rows: (rows > 0).then_some(rows), max_age: (age.0 > Duration::ZERO).then_some(age.0) }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Invalid> {
        let addresses = [
            ("journal_live", &self.journal_live),
            ("journal_replay", &self.journal_replay),
            ("backfill", &self.backfill),
        ];
        for (key, address) in addresses {
            address.parse::<Endpoint>().map_err(|error| Invalid::new(key, error.to_string()))?;
        }
        if self.archive.file_name().is_none() {
            return Err(Invalid::new("archive", "name a file, such as gapless-data/archive.duckdb"));
        }
        let (shortest, longest) = COMMIT_BOUNDS;
        if !(shortest..=longest).contains(&self.commit_every.0) {
            return Err(Invalid::new("commit_every", "choose 10ms to 10s"));
        }
        if self.workers == 0 || self.workers > MAX_WORKERS {
            return Err(Invalid::new("workers", format!("choose 1 to {MAX_WORKERS}")));
        }
        if self.max_waiting_per_client == 0 || self.max_waiting_per_client > self.max_waiting {
            let message = "choose at least 1, and not more than max_waiting";
            return Err(Invalid::new("max_waiting_per_client", message));
        }
        if self.follower_id.is_empty() || self.follower_id.len() > gapless_wire::MAX_ID_BYTES {
            let message = format!("1 to {} printable ASCII characters", gapless_wire::MAX_ID_BYTES);
            return Err(Invalid::new("follower_id", message));
        }
        if self.hot.stream_bytes > self.hot.total_bytes {
            return Err(Invalid::new("hot.stream_bytes", "one stream cannot have more than hot.total_bytes"));
        }
        if self.duckdb.memory < ByteSize::from_mib(64) || !(1..=MAX_THREADS).contains(&self.duckdb.threads) {
            return Err(Invalid::new("duckdb", "it needs at least 64MiB and 1 to 256 threads"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
