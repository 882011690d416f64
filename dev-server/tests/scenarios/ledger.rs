//! What a client was told, folded to what it has.

use gapless::{Digest, Event, Seq, SeqRange, StreamKey};
use gapless_dev_server::{Expectation, Record};
use std::collections::{BTreeMap, BTreeSet};

/// What a client has of one stream.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) rows: BTreeMap<u64, Digest>,
    pub(crate) lost: Vec<SeqRange>,
}

/// What a client was told of all streams.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) streams: BTreeMap<StreamKey, Held>,
    pub(crate) told: BTreeSet<Expectation>,
    pub(crate) broken: Vec<String>,
}

impl Ledger {
    pub(crate) fn take(&mut self, event: &Event) {
        let held = self.streams.entry(event.key().clone()).or_default();
        match event {
            Event::Rows(batch) => {
                let next = held.next();
                if batch.start.0 != next {
                    self.broken.push(format!("{}: {} came where {next} was next", batch.key, batch.start));
                }
                for row in 0..batch.rows.len() {
                    let seq = batch.start.plus(row as u64);
                    held.rows.insert(seq.0, Digest::of(seq, &batch.rows.clone().slice(row, row + 1)));
                }
            }
            Event::Truncated { range, .. } => {
                self.told.insert(Expectation::Truncated);
                held.lost.push(*range);
            }
            Event::Rewind { keep, .. } => {
                self.told.insert(Expectation::Rewind);
                held.take_back(keep.0);
            }
            Event::Reset { .. } => {
                self.told.insert(Expectation::Reset);
                held.take_back(0);
            }
            _ => {}
        }
    }
}

impl Held {
    /// The row that has to come next.
    pub(crate) fn next(&self) -> u64 {
        let row = self.rows.last_key_value().map_or(0, |(seq, _)| *seq);
        row.max(self.lost.iter().map(|range| range.last().0).max().unwrap_or(0)) + 1
    }

    fn take_back(&mut self, keep: u64) {
        self.rows.split_off(&(keep + 1));
        self.lost.retain(|range| range.start().0 <= keep);
    }

    /// What is wrong with it, when `made` is every row in the order in which rows were made.
    pub(crate) fn problem(&self, made: &[Record], to_the_end: bool) -> Option<String> {
        let mut truth: BTreeMap<u64, Digest> = BTreeMap::new();
        for record in made {
            truth.split_off(&record.seq.0);
            truth.insert(record.seq.0, record.digest);
        }
        let is_lost = |seq: &u64| self.lost.iter().any(|range| range.contains(Seq(*seq)));
        if let Some((seq, _)) = self.rows.iter().find(|(seq, digest)| truth.get(seq) != Some(digest)) {
            return Some(format!("row {seq} is not what was published"));
        }
        let end = if to_the_end { u64::MAX } else { self.next() };
        let missing =
            truth.keys().filter(|seq| **seq < end && !self.rows.contains_key(seq) && !is_lost(seq)).count();
        (missing > 0).then(|| format!("{missing} of {} rows are missing without a word", truth.len()))
    }
}
