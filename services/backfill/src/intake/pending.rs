//! Rows that are not committed yet, and records that are held back: both bounded.

use super::Held;
use gapless_follow::JournalEvent;
use gapless_model::{Batch, Position, Seq, SeqRange};
use gapless_protocol::Event;

/// Rows and bytes that wait for the next commit; more are committed at once. About what DuckDB takes in a
/// second, and little beside what it may use itself.
pub(super) const PENDING_ROWS: u64 = 100_000;
const PENDING_BYTES: usize = 32 << 20;
/// Events held back during a rewind before the journal is followed anew.
pub(super) const HELD_EVENTS: usize = 65_536;
const HELD_BYTES: usize = 64 << 20;

/// Rows that are not committed yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    records: Vec<(Position, Batch)>,
    rows: u64,
    bytes: usize,
}

impl Pending {
    pub(super) fn push(&mut self, position: Position, batch: Batch) {
        self.rows += batch.rows.len() as u64;
        self.bytes += batch.rows.approx_bytes();
        self.records.push((position, batch));
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= PENDING_ROWS || self.bytes >= PENDING_BYTES
    }

    /// All records, in order; afterwards nothing is pending.
    pub(super) fn take(&mut self) -> Vec<(Position, Batch)> {
        std::mem::take(self).records
    }

    /// Records that could not be committed, before whatever came since.
    pub(super) fn put_back(&mut self, records: Vec<(Position, Batch)>) {
        let since = self.take();
        records.into_iter().chain(since).for_each(|(position, batch)| self.push(position, batch));
    }

    /// Forgets records after `keep`.
    pub(super) fn keep_to(&mut self, keep: Position) {
        let kept = self.take().into_iter().filter(|(position, _)| *position <= keep);
        kept.for_each(|(position, batch)| self.push(position, batch));
    }
}

impl Held {
    pub(super) fn push(&mut self, event: JournalEvent) {
        if let JournalEvent::Record { record, .. } = &event {
            self.bytes += record.batch.len();
        }
        self.events.push_back(event);
    }

    pub(super) fn is_full(&self) -> bool {
        self.events.len() >= HELD_EVENTS || self.bytes >= HELD_BYTES
    }

    /// Forgets what is about records after `keep`.
    pub(super) fn keep_to(self, keep: Position) -> Held {
        let mut kept = Held::default();
        self.events.into_iter().filter_map(|event| within(event, keep)).for_each(|event| kept.push(event));
        kept
    }
}

/// The part of an event that is about records up to `keep`.
fn within(event: JournalEvent, keep: Position) -> Option<JournalEvent> {
    match event {
        JournalEvent::Record { ref record, .. } => (record.position <= keep).then_some(event),
        JournalEvent::Event(Event::Truncated { epoch, range, reason }) => {
            let range = range.intersect(SeqRange::new(Seq::NONE, Seq(keep.0).next()));
            let cut = JournalEvent::Event(Event::Truncated { epoch, range, reason });
            (!range.is_empty()).then_some(cut)
        }
        JournalEvent::Event(_) | JournalEvent::Watermark { .. } | JournalEvent::Streams(_) => None,
    }
}
