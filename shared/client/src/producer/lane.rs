//! The unacknowledged batches of one stream, in order.
//!
//! Intuition: go-back-n. Ingestion takes a batch only after the one that names itself as its
//! predecessor, so after any trouble everything from the first unacknowledged batch on is sent again,
//! with the numbers it had. Complication: replies to the sends before the trouble still arrive. Each
//! going back starts a new *round*; refusals of an older round say nothing about this one and are
//! ignored, while an acknowledgement is true in whichever round it was earned. Selective resending was
//! rejected: ingestion would have to hold batches back, and a queue there is memory a stranger can fill.

use super::Numbering;
use gapless_model::{Batch, Flags, MonoTime, Rows, StreamKey};
use gapless_wire::{Message, encode_message};
use std::collections::VecDeque;

/// What is put together becomes one message and one record of the journal: bytes of memory for which the cost of a
/// message hardly counts any more. Queues of subscribers count messages, so this is also what each place in them may take,
/// and what is lost at once when one is full.
const MAX_GROUP_BYTES: usize = 16 << 10;

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
    pub(super) content: Content,
    /// What was put together, in order.
    pub(super) parts: Vec<Part<T>>,
}

/// What one call handed over.
#[derive(Debug)]
pub(super) struct Part<T> {
    /// Whom to tell.
    pub(super) ticket: T,
    /// How many rows.
    pub(super) rows: u64,
    /// What they count for in the bounds of the producer.
    pub(super) bytes: usize,
}

/// The rows of a batch.
#[derive(Debug)]
pub(super) enum Content {
    /// It never went out: more may be put behind them.
    Rows(Flags, Rows),
    /// As they went out, and go out again.
    Encoded(Vec<u8>),
}

impl<T> Item<T> {
    /// The message of its rows, which are what they are from now on.
    pub(super) fn message(&mut self, key: &StreamKey) -> Vec<u8> {
        if let Content::Rows(flags, rows) = &mut self.content {
            let rows = std::mem::replace(rows, Rows::empty(key.kind()));
            let batch = Batch::unsequenced(key.clone(), *flags, rows);
            self.content = Content::Encoded(encode_message(&Message::Batch(batch), ""));
        }
        match &self.content {
            Content::Encoded(bytes) => bytes.clone(),
            Content::Rows(..) => Vec::new(),
        }
    }

    /// Whether more rows may be put behind its own.
    pub(super) fn may_grow(&self) -> bool {
        let has_room =
            matches!(&self.content, Content::Rows(_, rows) if rows.approx_bytes() < MAX_GROUP_BYTES);
        has_room && self.numbering == Numbering::Next
    }

    /// Puts rows behind its own, if both allow it; gives them back if not.
    fn join(&mut self, new: Item<T>) -> Option<Item<T>> {
        let (Content::Rows(flags, rows), Numbering::Next) = (&mut self.content, self.numbering) else {
            return Some(new);
        };
        let Item { numbering: Numbering::Next, content: Content::Rows(new_flags, new_rows), .. } = new else {
            return Some(new);
        };
        let fits = rows.approx_bytes() + new_rows.approx_bytes() <= MAX_GROUP_BYTES;
        let refused = if fits && *flags == new_flags { rows.append(new_rows).err() } else { Some(new_rows) };
        if refused.is_none() {
            self.parts.extend(new.parts);
            return None;
        }
        refused.map(|rows| Item { content: Content::Rows(new_flags, rows), ..new })
    }
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

    /// Adds a batch at the end; if it `groups`, its rows to the last one when that waits too.
    pub(super) fn push(
        &mut self,
        numbering: Numbering,
        flags: Flags,
        rows: Rows,
        part: Part<T>,
        groups: bool,
    ) {
        let content = Content::Rows(flags, rows);
        let mut item = Item { numbering, number: 0, previous: 0, sent: false, content, parts: vec![part] };
        if let Some(last) = self.queue.back_mut().filter(|_| groups) {
            let Some(refused) = last.join(item) else { return };
            item = refused;
        }
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

    /// Whether the oldest batch that was sent in this round has this number.
    pub(super) fn is_oldest(&self, number: u64) -> bool {
        self.queue.front().is_some_and(|item| item.number == number)
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
