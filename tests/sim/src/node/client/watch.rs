//! Looks at every event that a client is told: is the order what was promised?

use super::super::Io;
use super::SharedBooks;
use gapless::{Event, Gap};
use gapless_model::{Epoch, Seq, StreamKey};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
struct Stream {
    /// The row that comes next; `None`: any may.
    expected: Option<Seq>,
    epoch: Epoch,
    gaps: Vec<Gap>,
}

/// What one process was told.
#[derive(Debug)]
pub(super) struct Watch {
    streams: BTreeMap<StreamKey, Stream>,
    books: SharedBooks,
}

impl Watch {
    /// Goes on where the books stand.
    pub(super) fn new(books: &SharedBooks) -> Watch {
        let known = books.look();
        let cursors = known.iter().filter_map(|(key, books)| Some((key.clone(), books.cursor?)));
        let streams = cursors.map(|(key, cursor)| {
            let expected = Some(cursor.applied.next());
            (key, Stream { expected, epoch: cursor.epoch, gaps: Vec::new() })
        });
        let streams = streams.collect();
        drop(known);
        Watch { streams, books: books.clone() }
    }

    pub(super) fn open_gaps(&self, key: &StreamKey) -> usize {
        self.streams.get(key).map_or(0, |stream| stream.gaps.len())
    }

    /// One event, in order.
    pub(super) fn see(&mut self, event: &Event, io: &mut Io<'_>) {
        let who = io.me.to_string();
        let key = event.key().clone();
        let stream = self.streams.entry(key.clone()).or_default();
        match event {
            Event::Rows(batch) => {
                io.note("gets rows", batch.start.0, batch.rows.len() as u64);
                io.progress += batch.rows.len() as u64;
                let expected = stream.expected.replace(batch.range().end());
                io.truth.require(
                    expected.is_none_or(|expected| expected == batch.start),
                    "rows come in order, once, without a hole",
                    || format!("{who}: {key} goes on with {}, expected {expected:?}", batch.range()),
                );
                stream.epoch = stream.epoch.max(batch.epoch);
                io.truth.check_rows(&who, batch);
            }
            Event::Truncated { epoch, range, .. } => {
                let expected = stream.expected.replace(range.end());
                io.truth.require(
                    expected.is_none_or(|expected| expected == range.start()),
                    "what is given up comes next",
                    || format!("{who}: {key} gives up {range}, expected {expected:?}"),
                );
                stream.gaps.retain(|gap| gap.range.start() >= range.end());
                io.truth.rows_given_up(&who, &key, *epoch, *range);
            }
            Event::Rewind { to, keep, .. } => {
                no_gap_is_open(&who, stream, io);
                let expected = stream.expected.replace(keep.next());
                io.truth.require(
                    expected.is_none_or(|expected| *keep < expected),
                    "a rewind takes back what was handed over",
                    || format!("{who}: {key} keeps {keep}, expected {expected:?}"),
                );
                stream.epoch = *to;
            }
            Event::Reset { to, .. } => {
                no_gap_is_open(&who, stream, io);
                *stream = Stream { epoch: *to, ..Stream::default() };
            }
            Event::GapOpened { gap, .. } => stream.gaps.push(*gap),
            Event::GapHealed { gap, .. } => {
                let expected = stream.expected;
                io.truth.require(
                    expected.is_some_and(|expected| gap.range.end() <= expected),
                    "a healed gap is full",
                    || format!("{who}: {key} has {} healed, expected {expected:?}", gap.range),
                );
                stream.gaps.retain(|open| open.range.start() != gap.range.start());
            }
            Event::GapVoid { gap, .. } => {
                let open = stream.gaps.len();
                stream.gaps.retain(|known| known.range.start() != gap.range.start());
                io.truth.require(stream.gaps.len() < open, "a void gap was open", || {
                    format!("{who}: {key} is told that {} is void", gap.range)
                });
            }
            Event::CaughtUp { at, .. } => {
                let expected = stream.expected;
                io.truth.require(
                    expected.is_none_or(|expected| expected == at.next()),
                    "caught up means all was handed over",
                    || format!("{who}: {key} has caught up at {at}, expected {expected:?}"),
                );
            }
            Event::State(_) | Event::Health { .. } => {}
        }
    }

    /// After a commit: rows and cursor go together.
    pub(super) fn check_books(&self, io: &mut Io<'_>) {
        let who = io.me;
        for (key, books) in self.books.look().iter() {
            if let Err(reason) = books.are_whole() {
                io.truth.violate("a cursor is never ahead of its rows", || format!("{who}: {key}: {reason}"));
            }
        }
    }
}

fn no_gap_is_open(who: &str, stream: &Stream, io: &mut Io<'_>) {
    let gaps = &stream.gaps;
    io.truth.require(gaps.is_empty(), "gaps end with their epoch", || format!("{who}: {gaps:?} are open"));
}
