//! What every row was, kept beside the history so that a judge can tell what a client should have got, also
//! of rows that were trimmed or lost since.

use gapless_model::{Batch, Digest, Epoch, Seq};
use std::collections::BTreeMap;

/// Rows remembered at most, over all streams; 24 bytes each.
const MAX_ROWS: usize = 20_000_000;

/// One row as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// Its sequence.
    pub seq: Seq,
    /// Its digest.
    pub digest: Digest,
}

/// All rows of all streams, in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    streams: BTreeMap<String, Vec<Record>>,
    rows: usize,
    overflowed: bool,
}

impl Recorder {
    /// Adds the rows of a batch.
    pub fn record(&mut self, topic: &str, batch: &Batch) {
        if self.rows + batch.rows.len() > MAX_ROWS {
            self.overflowed = true;
            return;
        }
        self.rows += batch.rows.len();
        let records = self.streams.entry(topic.to_owned()).or_default();
        let rows = (0..batch.rows.len()).zip(batch.start.0..).map(|(row, seq)| Record {
            epoch: batch.epoch,
            seq: Seq(seq),
            digest: Digest::of(Seq(seq), &batch.rows.clone().slice(row, row + 1)),
        });
        records.extend(rows);
    }

    /// The rows of one stream, in the order in which they were made.
    pub fn rows(&self, topic: &str) -> &[Record] {
        self.streams.get(topic).map_or(&[], Vec::as_slice)
    }

    /// The topics of all streams that ever had rows.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.streams.keys().map(String::as_str)
    }

    /// Whether rows were left out because there were too many: nothing can be judged then.
    pub fn has_overflowed(&self) -> bool {
        self.overflowed
    }
}
