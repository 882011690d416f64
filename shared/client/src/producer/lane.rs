//! The unacknowledged batches of one stream, in order.
//!
//! Intuition: go-back-n. Ingestion takes a batch only after the one that names itself as its
//! predecessor, so after any trouble everything from the first unacknowledged batch on is sent again,
//! with the numbers it had. Complication: replies to the sends before the trouble still arrive. Each
//! going back starts a new *round*; refusals of an older round say nothing about this one and are
//! ignored, while an acknowledgement is true in whichever round it was earned. Selective resending was
//! rejected: ingestion would have to hold batches back, and a queue there is memory a stranger can fill.

use super::Numbering;
use gapless_model::{MonoTime, StreamKey};
use std::collections::VecDeque;

/// One batch on its way.
#[derive(Debug)]
pub(super) struct Item<T> {
    /// What the caller asked for as its number.
    pub(super) numbering: Numbering,
    /// Its number; 0 until the lane knows where the producer stands.
    pub(super) number: u64,
    /// The number before it; 0: none.
    pub(super) previous: u64,
    /// Whether it went out before.
    pub(super) sent: bool,
    /// The encoded batch.
    pub(super) bytes: Vec<u8>,
    /// Whom to tell.
    pub(super) ticket: T,
}

/// What a lane waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The number that ingestion accepted last is not known; `asked` is the deadline of the question.
    Unknown { asked: Option<MonoTime> },
    /// Batches flow.
    Open,
}

/// The unacknowledged batches of one stream.
#[derive(Debug)]
pub(super) struct Lane<T> {
    pub(super) key: StreamKey,
    pub(super) phase: Phase,
    pub(super) queue: VecDeque<Item<T>>,
    /// The first `in_flight` of the queue were sent in this round.
    pub(super) in_flight: usize,
    /// When the oldest of them counts as lost.
    pub(super) reply_due: Option<MonoTime>,
    pub(super) round: u64,
    /// Nothing is sent before this moment.
    pub(super) not_before: MonoTime,
    /// Troubles in a row, for the back-off.
    pub(super) failures: u32,
    /// The highest number that ingestion confirmed.
    pub(super) confirmed: u64,
}

impl<T> Lane<T> {
    pub(super) fn new(key: StreamKey) -> Lane<T> {
        Lane {
            key,
            phase: Phase::Unknown { asked: None },
            queue: VecDeque::new(),
            in_flight: 0,
            reply_due: None,
            round: 0,
            not_before: MonoTime::default(),
            failures: 0,
            confirmed: 0,
        }
    }

    /// Adds a batch at the end.
    pub(super) fn push(&mut self, numbering: Numbering, bytes: Vec<u8>, ticket: T) {
        let mut item = Item { numbering, number: 0, previous: 0, sent: false, bytes, ticket };
        if self.phase == Phase::Open {
            let before = self.queue.back().map_or(self.confirmed, |last| last.number.max(self.confirmed));
            number(&mut item, before);
        }
        self.queue.push_back(item);
    }

    /// The producer stands at `last`: numbers what waits and opens.
    pub(super) fn open(&mut self, last: u64) {
        self.phase = Phase::Open;
        self.confirmed = last;
        self.failures = 0;
        let mut before = last;
        for item in &mut self.queue {
            number(item, before);
            before = before.max(item.number);
        }
    }

    /// Ingestion stands at `last`, whatever this side believed: the predecessors follow from that.
    pub(super) fn rechain(&mut self, last: u64) {
        let mut before = last;
        for item in &mut self.queue {
            item.previous = before;
            before = before.max(item.number);
        }
    }

    /// The batch with this number goes out. Returns whether it did before.
    pub(super) fn goes_out(&mut self, number: u64) -> bool {
        let item = self.queue.iter_mut().take(self.in_flight).find(|item| item.number == number);
        item.is_some_and(|item| std::mem::replace(&mut item.sent, true))
    }

    /// Everything is to be sent again, not before `not_before`.
    pub(super) fn go_back(&mut self, not_before: MonoTime) {
        self.round += 1;
        self.in_flight = 0;
        self.reply_due = None;
        self.not_before = not_before;
    }

    /// Takes out the batch with this number, if it is still there.
    pub(super) fn take(&mut self, number: u64) -> Option<Item<T>> {
        let at = self.queue.iter().position(|item| item.number == number && number != 0)?;
        self.in_flight -= usize::from(at < self.in_flight);
        self.queue.remove(at)
    }
}

/// Gives `item` its number, and `before` as the one that ingestion must have seen last.
fn number<T>(item: &mut Item<T>, before: u64) {
    item.previous = before;
    item.number = match item.numbering {
        Numbering::Next => before.saturating_add(1),
        Numbering::Explicit(number) => number,
    };
}
