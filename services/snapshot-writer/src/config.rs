//! What can be configured, with its defaults and its checks.

use crate::manifest::Group;
use crate::retention::Limits;
use gapless_formats::FileForm;
use gapless_model::{MAX_ROWS_PER_BATCH, StreamKey};
use gapless_service_kit::{ByteSize, HumanDuration, Invalid, Validate};
use gapless_transport::Endpoint;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Longer, and much has to be read again after a crash; shorter, and the disk syncs all the time.
const WRITE_BOUNDS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(24 * 3600));
/// The longest prefix of topics: the longest topic.
const MAX_PREFIX_BYTES: usize = 4 * (gapless_model::MAX_PART_BYTES + 1);

/// The longest name of a follower, as on the wire.
const MAX_ID_BYTES: usize = 128;

/// The table `[snapshot-writer]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Address of the live feed.
    pub live: String,
    /// Address of backfill.
    pub backfill: String,
    /// Address of the engine's state.
    pub state: String,
    /// Address of the journal's replay side, where acknowledged checkpoints are told.
    pub journal_replay: String,
    /// Folder of the artifacts; empty: none are written.
    pub artifact_dir: PathBuf,
    /// Streams to write.
    pub topics: Vec<String>,
    /// Beginnings of the topics of streams to write, also of those that come later. Without topics and
    /// prefixes: all streams.
    pub prefixes: Vec<String>,
    /// Where a stream begins that was not written before.
    pub from: Beginning,
    /// What one artifact holds.
    pub group: Group,
    /// The forms in which rows are written.
    pub formats: Vec<Format>,
    /// How long rows wait before they are written.
    pub write_every: HumanDuration,
    /// Rows of one stream that wait before they are written.
    pub write_rows: u64,
    /// Rows of one file at most. Smaller ones are put together until they have that many.
    pub part_rows: u64,
    /// Rows of all streams that wait at most.
    pub buffer_rows: u64,
    /// Memory that they take at most, about.
    pub buffer_bytes: ByteSize,
    /// How often `latest.json` is written at most.
    pub latest_every: HumanDuration,
    /// What is kept of complete artifacts.
    pub retention: RetentionConfig,
    /// Checkpoints of the live engine.
    pub checkpoint: CheckpointConfig,
}

/// Where a stream begins that was not written before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Beginning {
    /// At the oldest row that backfill has.
    Start,
    /// At the next row.
    Latest,
}

/// A form of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Parquet, compressed with zstd.
    Parquet,
    /// Comma-separated with a header line.
    Csv,
}

/// The table `[snapshot-writer.retention]`: an artifact that is complete goes as soon as one limit says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionConfig {
    /// Complete artifacts of one stream or source; 0: all.
    pub max_count: u64,
    /// Since it was completed; 0: for ever.
    pub max_age: HumanDuration,
    /// Bytes of all complete artifacts; 0: no limit.
    pub max_bytes: ByteSize,
}

/// The table `[snapshot-writer.checkpoint]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckpointConfig {
    /// Folder of the checkpoints, the engine's `checkpoint_dir`; empty: none are written.
    pub dir: PathBuf,
    /// How often one is written, when anything happened since the last one.
    pub every: HumanDuration,
    /// Rows after which one is written early; 0: only by time.
    pub rows: u64,
    /// Whether one is written when a stream ends.
    pub on_end: bool,
    /// How many are kept.
    pub keep: usize,
    /// The name under which the journal keeps what comes after the checkpoint before the newest.
    pub follower_id: String,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            live: "tcp://127.0.0.1:5556".into(),
            backfill: "tcp://127.0.0.1:5557".into(),
            state: "tcp://127.0.0.1:5558".into(),
            journal_replay: "tcp://127.0.0.1:5553".into(),
            artifact_dir: "gapless-data/artifacts".into(),
            topics: Vec::new(),
            prefixes: Vec::new(),
            from: Beginning::Start,
            group: Group::Stream,
            formats: vec![Format::Parquet],
            write_every: HumanDuration::from_secs(10),
            write_rows: 10_000,
            part_rows: 100_000,
            buffer_rows: 500_000,
            buffer_bytes: ByteSize::from_mib(128),
            latest_every: HumanDuration::from_secs(1),
            retention: RetentionConfig::default(),
            checkpoint: CheckpointConfig::default(),
        }
    }
}

impl Default for CheckpointConfig {
    /// A minute of records is read again in a fraction of a second; 100,000 rows are what the engine folds
    /// within one.
    fn default() -> CheckpointConfig {
        CheckpointConfig {
            dir: "gapless-data/checkpoints".into(),
            every: HumanDuration::from_secs(60),
            rows: 100_000,
            on_end: true,
            keep: 3,
            follower_id: "checkpoint".into(),
        }
    }
}

impl From<Format> for FileForm {
    fn from(format: Format) -> FileForm {
        match format {
            Format::Parquet => FileForm::Parquet,
            Format::Csv => FileForm::Csv,
        }
    }
}

impl Config {
    /// The limits of retention.
    pub(crate) fn limits(&self) -> Limits {
        let RetentionConfig { max_count, max_age, max_bytes } = &self.retention;
        Limits {
            count: (*max_count > 0).then_some(*max_count),
            age: (max_age.0 > Duration::ZERO).then_some(max_age.0),
            bytes: (max_bytes.0 > 0).then_some(max_bytes.0),
        }
    }

    /// The streams named one by one, without those that a prefix names too, and the prefixes without those
    /// that a shorter one covers. Nothing at all: everything.
    pub(crate) fn selection(&self) -> (Vec<String>, Vec<String>) {
        if self.topics.is_empty() && self.prefixes.is_empty() {
            return (Vec::new(), vec![String::new()]);
        }
        let mut prefixes = self.prefixes.clone();
        prefixes.sort();
        prefixes.dedup();
        let all = prefixes.clone();
        prefixes.retain(|prefix| !all.iter().any(|other| other != prefix && prefix.starts_with(other)));
        let mut topics = self.topics.clone();
        topics.sort();
        topics.dedup();
        topics.retain(|topic| !prefixes.iter().any(|prefix| topic.starts_with(prefix)));
        (topics, prefixes)
    }

    fn check_selection(&self) -> Result<(), Invalid> {
        for (index, topic) in self.topics.iter().enumerate() {
            let key = topic.parse::<StreamKey>();
            key.map_err(|error| Invalid::new(format!("topics.{index}"), error.to_string()))?;
        }
        let long = self.prefixes.iter().position(|prefix| prefix.len() > MAX_PREFIX_BYTES);
        match long {
            Some(at) => {
                Err(Invalid::new(format!("prefixes.{at}"), format!("at most {MAX_PREFIX_BYTES} bytes")))
            }
            None => Ok(()),
        }
    }

    fn check_sizes(&self) -> Result<(), Invalid> {
        let (shortest, longest) = WRITE_BOUNDS;
        let every = [
            ("write_every", &self.write_every),
            ("latest_every", &self.latest_every),
            ("checkpoint.every", &self.checkpoint.every),
        ];
        for (key, every) in every {
            if !(shortest..=longest).contains(&every.0) {
                return Err(Invalid::new(key, "choose 50ms to 24h"));
            }
        }
        if self.write_rows == 0 || self.write_rows > self.buffer_rows {
            return Err(Invalid::new("write_rows", "choose at least 1, and not more than buffer_rows"));
        }
        if self.part_rows < MAX_ROWS_PER_BATCH as u64 {
            let message = format!("choose at least {MAX_ROWS_PER_BATCH}: a batch is never cut in two");
            return Err(Invalid::new("part_rows", message));
        }
        if self.buffer_bytes < ByteSize::from_mib(16) {
            return Err(Invalid::new("buffer_bytes", "choose at least 16MiB: two of the largest batches"));
        }
        Ok(())
    }

    fn check_checkpoint(&self) -> Result<(), Invalid> {
        let CheckpointConfig { dir, keep, follower_id, .. } = &self.checkpoint;
        if !dir.as_os_str().is_empty() && *dir == self.artifact_dir {
            return Err(Invalid::new("checkpoint.dir", "choose another folder than artifact_dir"));
        }
        if *keep == 0 {
            return Err(Invalid::new("checkpoint.keep", "keep at least 1; 2 survive a damaged one"));
        }
        let is_id =
            |id: &str| (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        if !is_id(follower_id) {
            return Err(Invalid::new("checkpoint.follower_id", "1 to 128 printable ASCII characters"));
        }
        Ok(())
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Invalid> {
        let addresses = [
            ("live", &self.live),
            ("backfill", &self.backfill),
            ("state", &self.state),
            ("journal_replay", &self.journal_replay),
        ];
        for (key, address) in addresses {
            address.parse::<Endpoint>().map_err(|error| Invalid::new(key, error.to_string()))?;
        }
        let nothing = self.artifact_dir.as_os_str().is_empty() && self.checkpoint.dir.as_os_str().is_empty();
        if nothing {
            return Err(Invalid::new(
                "artifact_dir",
                "with this and checkpoint.dir empty there is nothing to do",
            ));
        }
        let twice = |format| self.formats.iter().filter(|other| *other == format).count() > 1;
        if self.formats.is_empty() || self.formats.iter().any(twice) {
            return Err(Invalid::new("formats", "name parquet, csv or both, each once"));
        }
        self.check_selection()?;
        self.check_sizes()?;
        self.check_checkpoint()
    }
}

#[cfg(test)]
mod tests;
