//! The queue of one derived stream.

use super::{RETRY_FIRST, RETRY_MAX, Send};
use crate::derive::Closed;
use gapless_model::{Batch, Flags, MonoTime, Position, Rows, StreamKey};
use gapless_planted::{Bug, on};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(super) position: Position,
    pub(super) closed: Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing under way.
    Idle,
    /// The batch of this position is sent, with this id.
    InFlight { id: u64, position: Position, deadline: MonoTime },
    /// To be sent again at this time.
    Waiting { until: MonoTime },
    /// The journal holds the head's record already: it will show it.
    InJournal,
}

/// What turned out to be in the journal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settled {
    pub(super) batches: usize,
    pub(super) rows: u64,
    /// Batches that were acknowledged before.
    pub(super) kept: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// Whose queue it is.
    pub(crate) key: Arc<StreamKey>,
    /// What the journal does not show yet; the first `acked` are acknowledged.
    pub(crate) queue: VecDeque<Pending>,
    pub(super) acked: usize,
    /// The last number that the journal showed; 0: none.
    pub(super) seen: u64,
    /// The last number that ingestion took, as far as known here; 0: none.
    pub(super) last: u64,
    /// The last number that was dropped before the journal showed it; 0: none.
    pub(super) dropped: u64,
    pub(super) stage: Stage,
    pub(super) failures: u32,
}

impl Lane {
    pub(super) fn new(key: &StreamKey) -> Lane {
        Lane {
            key: Arc::new(key.clone()),
            queue: VecDeque::new(),
            acked: 0,
            seen: 0,
            last: 0,
            dropped: 0,
            stage: Stage::Idle,
            failures: 0,
        }
    }

    /// Ingestion says that everything up to `through` is in the journal.
    pub(super) fn accept(&mut self, through: u64) -> Settled {
        self.last = self.last.max(through);
        let mut settled = Settled::default();
        while let Some(head) = self.queue.get(self.acked).filter(|head| head.position.0 <= through) {
            settled.batches += 1;
            settled.rows += head.rows();
            self.acked += 1;
        }
        self.note(settled)
    }

    /// The journal shows everything up to `through`.
    pub(super) fn show(&mut self, through: u64) -> Settled {
        self.last = self.last.max(through);
        self.seen = self.seen.max(through);
        let mut settled = Settled::default();
        while let Some(head) = self.queue.front().filter(|head| head.position.0 <= through) {
            if self.acked > 0 {
                self.acked -= 1;
                settled.kept += 1;
            } else {
                settled.batches += 1;
                settled.rows += head.rows();
            }
            self.queue.pop_front();
        }
        self.note(settled)
    }

    /// Forgets what is acknowledged; how many batches that were.
    pub(super) fn drop_acked(&mut self) -> usize {
        let dropped = std::mem::take(&mut self.acked);
        if let Some(last) = self.queue.drain(..dropped).next_back() {
            self.dropped = last.position.0;
        }
        dropped
    }

    fn note(&mut self, settled: Settled) -> Settled {
        if settled.batches > 0 {
            self.failures = 0;
            if self.stage == Stage::InJournal {
                self.stage = Stage::Idle;
            }
        }
        settled
    }

    pub(super) fn wait(&mut self, at_least: Duration, now: MonoTime) {
        let backoff = RETRY_FIRST.saturating_mul(1 << self.failures.min(6)).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.stage = Stage::Waiting { until: now.after(backoff.max(at_least)) };
    }
}

impl Pending {
    pub(crate) fn rows(&self) -> u64 {
        self.closed.candles.len() as u64
    }

    pub(super) fn to_send(&self, id: u64, last: u64) -> Send {
        let rows = Rows::Candles(self.closed.candles.clone());
        let flags = Flags(self.closed.flags.0 & Flags::SIMULATED.0);
        Send {
            id,
            producer_sequence: if on(Bug::DerivedCountedAnew) { id } else { self.position.0 },
            // Its own number says that there is none before it.
            previous_producer_sequence: if last == 0 { self.position.0 } else { last },
            batch: Batch::unsequenced(self.closed.key.clone(), flags, rows),
        }
    }
}
