//! The log of the simulation: rows with values, epochs, retention; and the dice that cut it.

use crate::{Chunk, LogStatus};
use gapless_model::{Epoch, EpochStart, Seq, SeqRange};

/// A small seeded generator for everything that the network decides.
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
    }
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// One history of rows; each row has a value that no other row ever has.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) epochs: Vec<EpochStart>,
    pub(super) earliest: u64,
    pub(super) rows: Vec<u64>,
}

impl History {
    pub(super) fn new(epoch: u64) -> History {
        let first = EpochStart { epoch: Epoch(epoch), first_sequence: Seq::FIRST };
        History { epochs: vec![first], earliest: 1, rows: Vec::new() }
    }
    pub(super) fn epoch(&self) -> Epoch {
        self.epochs.last().unwrap().epoch
    }
    pub(super) fn latest(&self) -> u64 {
        self.rows.len() as u64
    }
    fn epoch_of(&self, seq: u64) -> Epoch {
        let started = |start: &&EpochStart| start.first_sequence.0 <= seq;
        // The last epoch that began at or before the row, unless a later one began before that again.
        self.epochs.iter().rev().find(started).unwrap().epoch
    }
    pub(super) fn status(&self, with_epochs: bool) -> LogStatus {
        let is_stated = self.epoch().is_stated();
        LogStatus {
            epoch: self.epoch(),
            earliest: if is_stated { Seq(self.earliest) } else { Seq::NONE },
            latest: Seq(self.latest()),
            epochs: if with_epochs && is_stated { self.epochs.clone() } else { Vec::new() },
        }
    }
    /// Rows as chunks; each chunk is of one epoch and labelled with it.
    pub(super) fn cut(
        &self,
        first: u64,
        last: u64,
        dice: &mut Dice,
        is_relabelled: bool,
    ) -> Vec<Chunk<Vec<u64>>> {
        let mut chunks = Vec::new();
        let mut at = first;
        while at <= last {
            let mut end = (at + dice.below(8)).min(last);
            while self.epoch_of(end) != self.epoch_of(at) {
                end -= 1;
            }
            let epoch = if is_relabelled { self.epoch() } else { self.epoch_of(at) };
            let payload = self.rows[at as usize - 1..end as usize].to_vec();
            chunks.push(Chunk { epoch, range: SeqRange::new(Seq(at), Seq(end + 1)), bytes: 10, payload });
            at = end + 1;
        }
        chunks
    }
}
