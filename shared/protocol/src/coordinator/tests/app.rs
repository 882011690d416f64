//! The application of the simulation: believes what it is handed, and checks that it can.

use crate::{Event, Output, TruncateReason};
use gapless_model::SeqRange;
use std::collections::BTreeMap;

/// What the application holds: `None` for a row that was given up.
#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) rows: BTreeMap<u64, Option<u64>>,
    pub(super) truncated: BTreeMap<u64, TruncateReason>,
    /// The row that must come next; `None` when any may.
    pub(super) next: Option<u64>,
    pub(super) resets: u64,
    /// How many rows of a range that was given up are noted one by one.
    notes: u64,
}

impl App {
    /// One that notes every row.
    pub(super) fn new() -> App {
        App { notes: u64::MAX, ..App::default() }
    }

    /// One that survives the loss of 2^64 rows.
    pub(super) fn bounded() -> App {
        App { notes: 100, ..App::default() }
    }

    fn begins_at(&mut self, range: SeqRange) {
        let next = self.next.unwrap_or(range.start().0);
        assert_eq!(range.start().0, next, "rows are contiguous or an event covers the difference");
        self.next = Some(range.end().0);
    }

    pub(super) fn take(&mut self, output: &Output<Vec<u64>>) {
        match output {
            Output::Deliver { chunk, wanted, .. } => {
                assert!(!wanted.is_empty() && chunk.range.intersect(*wanted) == *wanted);
                self.begins_at(*wanted);
                for seq in wanted.start().0..wanted.end().0 {
                    let value = chunk.payload[(seq - chunk.range.start().0) as usize];
                    assert!(self.rows.insert(seq, Some(value)).is_none(), "row {seq} was delivered twice");
                }
            }
            Output::Event(Event::Truncated { range, reason, .. }) => {
                self.begins_at(*range);
                for seq in range.start().0..range.end().0.min(range.start().0.saturating_add(self.notes)) {
                    assert!(self.rows.insert(seq, None).is_none(), "row {seq} is given up after it came");
                    self.truncated.insert(seq, *reason);
                }
            }
            Output::Event(Event::Rewind { keep, .. }) => {
                self.rows.split_off(&(keep.0 + 1));
                self.truncated.split_off(&(keep.0 + 1));
                self.next = Some(keep.0 + 1);
            }
            Output::Event(Event::Reset { .. }) => {
                *self = App { resets: self.resets + 1, notes: self.notes, ..App::default() };
            }
            Output::Event(
                Event::GapOpened(_)
                | Event::GapHealed(_)
                | Event::GapVoid(_)
                | Event::CaughtUp { .. }
                | Event::Health(_),
            )
            | Output::RequestStatus { .. }
            | Output::RequestReplay { .. }
            | Output::Abandon { .. } => {}
        }
    }
}
