//! `latest.json`: the last state of an artifact's streams, for tools that poll a file.

use crate::clock;
use crate::manifest::{Hex, Program, Session, State};
use gapless_formats::{parse_time, rows};
use gapless_model::{Batch, Digest, Flags, Seq, UnixNanos};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    /// When it was written.
    pub generated_at: String,
    /// Who wrote it.
    pub written_by: Program,
    /// Whether more is to come.
    pub state: State,
    /// The live session that it came from.
    pub source: Session,
    /// The last row of each stream, by its topic.
    pub streams: BTreeMap<String, LatestRow>,
}

/// The last row of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatestRow {
    /// Its sequence.
    pub sequence: u64,
    /// The epoch that it belongs to.
    pub epoch: u64,
    /// Its time, at its source.
    pub time: String,
    /// How old it was when the file was written; negative when the source's clock is ahead.
    pub age_ms: i64,
    /// Its fields.
    pub row: Map<String, Value>,
    /// The digest of the stream up to it; `None` when that is not known.
    pub digest: Option<Hex>,
    /// Whether it was generated rather than measured.
    pub simulated: bool,
}

impl LatestRow {
    /// The last row of `batch`; `None` when it has none.
    pub(crate) fn of(batch: &Batch, running: Option<Hex>) -> Option<LatestRow> {
        let last = batch.rows.len().checked_sub(1)?;
        Some(LatestRow {
            sequence: batch.range().last().0,
            epoch: batch.epoch.0,
            time: rows::time_of(&batch.rows, last),
            age_ms: 0,
            row: rows::json(&batch.rows, last),
            digest: running.filter(|hex| hex.0 != Digest::default()),
            simulated: batch.flags.contains(Flags::SIMULATED),
        })
    }
}

/// What will be in the file, and when it may be written again.
#[derive(Debug, Default)]
pub(crate) struct Board {
    rows: BTreeMap<String, LatestRow>,
    is_changed: bool,
    written: Option<Instant>,
}

impl Board {
    /// What an earlier run wrote. Rows that come again are not newer, so the file never goes back.
    pub(crate) fn load(bytes: &[u8]) -> Board {
        let rows = serde_json::from_slice::<Latest>(bytes).map(|latest| latest.streams).unwrap_or_default();
        Board { rows, is_changed: false, written: None }
    }

    /// Whether a row of the stream is known that is at least as new.
    pub(crate) fn has(&self, topic: &str, sequence: u64) -> bool {
        self.rows.get(topic).is_some_and(|row| row.sequence >= sequence)
    }

    pub(crate) fn note(&mut self, topic: &str, row: LatestRow) {
        if !self.has(topic, row.sequence) {
            self.rows.insert(topic.to_owned(), row);
            self.is_changed = true;
        }
    }

    /// Rows after `keep` never happened.
    pub(crate) fn rewind(&mut self, topic: &str, keep: Seq) {
        if self.rows.get(topic).is_some_and(|row| row.sequence > keep.0) {
            self.rows.remove(topic);
            self.is_changed = true;
        }
    }

    /// It has to be written, whether rows changed or not.
    pub(crate) fn touch(&mut self) {
        self.is_changed = true;
    }

    /// When it may be written; `None`: it need not be.
    pub(crate) fn due(&self, every: Duration, now: Instant) -> Option<Instant> {
        self.is_changed.then(|| self.written.map_or(now, |written| written + every))
    }

    /// The file's bytes.
    pub(crate) fn bytes(
        &self,
        written_by: &Program,
        state: State,
        source: &Session,
        now: UnixNanos,
    ) -> Vec<u8> {
        let aged = |(topic, row): (&String, &LatestRow)| {
            let age = parse_time(&row.time).map_or(0, |then| now.0.saturating_sub(then.0) / 1_000_000);
            (topic.clone(), LatestRow { age_ms: age, ..row.clone() })
        };
        let latest = Latest {
            generated_at: clock::text(now),
            written_by: written_by.clone(),
            state,
            source: source.clone(),
            streams: self.rows.iter().map(aged).collect(),
        };
        let mut bytes = serde_json::to_vec_pretty(&latest).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// It was written.
    pub(crate) fn written(&mut self, now: Instant) {
        self.is_changed = false;
        self.written = Some(now);
    }
}
