//! What can be set, with its defaults and limits.

use crate::MAX_SUBMISSION_BYTES;
use crate::intake::IntakeLimits;
use crate::sources::{SourceError, SourceSettings};
use gapless_journal::{Options, Retention, Sync, Verify};
use gapless_protocol::SequencerLimits;
use gapless_service_kit::{ByteSize, HumanDuration, Invalid, Validate};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Smaller segments would make more files than a folder carries well.
const MIN_SEGMENT_BYTES: u64 = 64 << 10;

/// Everything that can be set, as in the `[ingestion]` table of `gapless.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where producers send batches (ROUTER).
    pub ingest: String,
    /// Where journal records are published (PUB).
    pub journal_live: String,
    /// Where followers read ranges of the journal (ROUTER).
    pub journal_replay: String,
    /// Where rows are taken over HTTP; `off` for nowhere.
    pub http: String,
    /// Batches that wait for the writer; further ones are refused as busy.
    pub queue_batches: u32,
    /// Bytes of rows that wait for the writer; further batches are refused as busy.
    pub queue_bytes: ByteSize,
    /// The most streams; about 500 bytes of memory each.
    pub max_streams: u32,
    /// The journal.
    pub journal: JournalConfig,
    /// Where rows come from inside the process, as `[[ingestion.sources]]` tables; none by default.
    pub sources: Vec<SourceSettings>,
}

/// How the journal is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JournalConfig {
    /// Its folder; made when missing.
    pub dir: PathBuf,
    /// `always`, a duration such as `50ms`, or `os`: when records are forced to the disk.
    pub sync: SyncPolicy,
    /// A segment file is sealed at this size.
    pub segment_bytes: ByteSize,
    /// Older segments are retired once every follower has them; 0: age does not matter.
    pub max_age: HumanDuration,
    /// The oldest segments are retired while all take more than this; 0: size does not matter.
    pub max_bytes: ByteSize,
    /// A follower that was not heard of for longer than this holds nothing back any more; 0: it does for ever.
    pub follower_lease: HumanDuration,
    /// Read and check every byte at start, not only the last segment.
    pub verify_all: bool,
}

/// When records are forced to the disk: `always`, `os`, or a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncPolicy(pub Sync);

impl Default for Config {
    fn default() -> Config {
        Config {
            ingest: "tcp://127.0.0.1:5551".into(),
            journal_live: "tcp://127.0.0.1:5552".into(),
            journal_replay: "tcp://127.0.0.1:5553".into(),
            http: "127.0.0.1:8081".into(),
            queue_batches: 4096,
            queue_bytes: ByteSize::from_mib(64),
            max_streams: 100_000,
            journal: JournalConfig::default(),
            sources: Vec::new(),
        }
    }
}

impl Default for JournalConfig {
    fn default() -> JournalConfig {
        JournalConfig {
            dir: "gapless-data/journal".into(),
            sync: SyncPolicy(Sync::Every(std::time::Duration::from_millis(50))),
            segment_bytes: ByteSize::from_mib(64),
            max_age: HumanDuration::from_secs(7 * 24 * 3600),
            max_bytes: ByteSize(16 << 30),
            follower_lease: HumanDuration::from_secs(24 * 3600),
            verify_all: false,
        }
    }
}

impl Config {
    pub(crate) fn intake_limits(&self) -> IntakeLimits {
        let bytes = usize::try_from(self.queue_bytes.0).unwrap_or(usize::MAX);
        IntakeLimits { batches: self.queue_batches as usize, bytes }
    }

    pub(crate) fn sequencer_limits(&self) -> SequencerLimits {
        SequencerLimits { max_streams: self.max_streams as usize, ..SequencerLimits::default() }
    }
}

impl JournalConfig {
    pub(crate) fn options(&self, boot_id: String) -> Options {
        let max_age = Some(self.max_age.0).filter(|age| !age.is_zero());
        let max_bytes = Some(self.max_bytes.0).filter(|bytes| *bytes != 0);
        let follower_lease = Some(self.follower_lease.0).filter(|lease| !lease.is_zero());
        Options {
            segment_bytes: self.segment_bytes.0,
            sync: self.sync.0,
            retention: Retention { max_age, max_bytes, follower_lease },
            on_sync: crate::counts::synced,
            verify: if self.verify_all { Verify::All } else { Verify::Tail },
            ..Options::new(self.dir.clone(), boot_id)
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Invalid> {
        if self.queue_batches == 0 {
            return Err(Invalid::new("queue_batches", "0 batches fit nowhere: use 1 or more"));
        }
        if self.queue_bytes.0 < MAX_SUBMISSION_BYTES as u64 {
            let message =
                format!("the largest batch must fit: use {} or more", ByteSize(MAX_SUBMISSION_BYTES as u64));
            return Err(Invalid::new("queue_bytes", message));
        }
        if self.max_streams == 0 {
            return Err(Invalid::new("max_streams", "0 streams take no rows: use 1 or more"));
        }
        if self.journal.dir.as_os_str().is_empty() {
            return Err(Invalid::new("journal.dir", "it is empty: name a folder"));
        }
        if self.journal.segment_bytes.0 < MIN_SEGMENT_BYTES {
            let message = format!("too many files: use {} or more", ByteSize(MIN_SEGMENT_BYTES));
            return Err(Invalid::new("journal.segment_bytes", message));
        }
        let max_bytes = self.journal.max_bytes.0;
        if max_bytes != 0 && max_bytes < 2 * self.journal.segment_bytes.0 {
            let message =
                "only whole sealed segments are retired: use at least twice journal.segment_bytes, or 0";
            return Err(Invalid::new("journal.max_bytes", message));
        }
        check_sources(&self.sources)
    }
}

fn check_sources(sources: &[SourceSettings]) -> Result<(), Invalid> {
    for (number, source) in sources.iter().enumerate() {
        source.check().map_err(|error| match error {
            SourceError::Settings { setting, reason } => {
                Invalid::new(format!("sources.{number}.{setting}"), reason)
            }
            other => Invalid::new(format!("sources.{number}"), other.to_string()),
        })?;
    }
    let stdins = sources.iter().filter(|source| matches!(source, SourceSettings::Stdin(_))).count();
    if stdins > 1 {
        return Err(Invalid::new("sources", "there is one standard input: configure one stdin source"));
    }
    Ok(())
}

impl FromStr for SyncPolicy {
    type Err = String;

    fn from_str(text: &str) -> Result<SyncPolicy, String> {
        match text.trim() {
            "always" => Ok(SyncPolicy(Sync::Always)),
            "os" => Ok(SyncPolicy(Sync::Os)),
            other => match other.parse::<HumanDuration>() {
                Ok(wait) if wait.0.is_zero() => Ok(SyncPolicy(Sync::Always)),
                Ok(wait) => Ok(SyncPolicy(Sync::Every(wait.0))),
                Err(_) => Err(format!("`{other}` is not `always`, `os` or a duration such as `50ms`")),
            },
        }
    }
}

impl fmt::Display for SyncPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Sync::Always => f.write_str("always"),
            Sync::Os => f.write_str("os"),
            Sync::Manual => f.write_str("manual"),
            Sync::Every(wait) => HumanDuration(wait).fmt(f),
        }
    }
}

impl Serialize for SyncPolicy {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SyncPolicy {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<SyncPolicy, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
