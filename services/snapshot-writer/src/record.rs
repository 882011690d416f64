//! What happens to a stream's record: pure, so that every order of events can be tested without a disk.
//!
//! The record on disk plus what waits in memory gives the record that will be on disk; so what waits is
//! kept as a list of [`Item`]s, and a rewind of it is only a shorter list.

use crate::manifest::{Closed, Cursor, EpochMark, Hex, Hole, Part, StreamRecord};
use crate::name::topic_folder;
use gapless_formats::rows::time_of;
use gapless_model::{Batch, Digest, Epoch, Flags, Seq, SeqRange, StreamKey};

/// Where a stream stands before a record of it is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stand {
    /// Where its rows go on; `None` when the next ones may begin anywhere.
    pub(crate) cursor: Option<Cursor>,
    /// The digest of the stream up to there, if known.
    pub(crate) running: Option<Digest>,
}

/// Something that happened to a stream and is not on the disk yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// Rows.
    Rows(Batch),
    /// Rows that are not to be had.
    Hole(Hole),
    /// Rows after the last one here never happened; it goes on in this epoch.
    Rewound(Epoch),
    /// Its history is over.
    Reset,
}

impl StreamRecord {
    /// A record without rows of a stream that stands there.
    pub(crate) fn begin(key: &StreamKey, stand: Stand) -> StreamRecord {
        StreamRecord {
            topic: key.topic(),
            kind: key.kind().name().to_owned(),
            source_id: key.source_id().to_owned(),
            symbol: key.symbol().to_owned(),
            interval: key.interval().to_owned(),
            folder: topic_folder(key),
            epochs: Vec::new(),
            cursor: stand.cursor.unwrap_or_default(),
            first: 0,
            last: 0,
            first_time: None,
            last_time: None,
            rows: 0,
            digest: Hex::default(),
            running_digest: stand.running.map(Hex),
            simulated: false,
            closed: None,
            truncated: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// Where the stream stands after this record.
    pub(crate) fn stand(&self) -> Stand {
        let is_known = self.cursor != Cursor::default() && self.closed != Some(Closed::Reset);
        let cursor = is_known.then_some(self.cursor);
        Stand { cursor, running: cursor.and(self.running_digest).map(|hex| hex.0) }
    }

    /// Takes one item; its rows are counted, and their parts come by [`StreamRecord::add_part`].
    pub(crate) fn take(&mut self, item: &Item) {
        match item {
            Item::Rows(batch) => self.take_rows(batch),
            Item::Hole(hole) => {
                self.cursor = Cursor { epoch: hole.epoch, sequence: hole.to.max(self.cursor.sequence) };
                self.running_digest = None;
                self.truncated.push(hole.clone());
            }
            Item::Rewound(to) => self.cursor.epoch = to.0,
            Item::Reset => self.closed = Some(Closed::Reset),
        }
    }

    fn take_rows(&mut self, batch: &Batch) {
        let range = batch.range();
        if range.is_empty() {
            return;
        }
        // Rows that are replayed may be of an older epoch than the one that is followed.
        let epoch = batch.epoch.0.max(self.cursor.epoch);
        if self.epochs.last().is_none_or(|mark| mark.epoch < batch.epoch.0) {
            self.epochs.push(EpochMark { epoch: batch.epoch.0, first: range.start().0 });
        }
        self.cursor = Cursor { epoch, sequence: range.last().0 };
        let known = self.running_digest.or_else(|| (range.start() == Seq::FIRST).then(Hex::default));
        let stated = (batch.digest != Digest::default()).then_some(Hex(batch.digest));
        self.running_digest =
            stated.or_else(|| known.map(|known| Hex(known.0 + Digest::of(batch.start, &batch.rows))));
        self.simulated |= batch.flags.contains(Flags::SIMULATED);
        self.closed = ends(batch).then_some(Closed::End);
    }

    /// A part was written: it follows on the others after the last `absorbed` of them were taken out.
    pub(crate) fn add_part(&mut self, absorbed: usize, part: Part) {
        self.parts.truncate(self.parts.len().saturating_sub(absorbed));
        self.parts.push(part);
        self.sum_up();
    }

    /// Rows after `keep` never happened. `cut` is what is left of the part in which `keep` lies, when that
    /// is not the end of one. What the parts hold and what is waiting are two things: only the parts here.
    pub(crate) fn rewind(&mut self, to: Epoch, keep: Seq, cut: Option<Part>) {
        let before = self.digest.0;
        let crosses_hole = self.truncated.iter().any(|hole| hole.to > keep.0);
        let stay = rewound(&self.parts, keep).stay;
        self.parts.truncate(stay);
        self.parts.extend(cut);
        self.epochs.retain(|mark| mark.first <= keep.0);
        self.truncated.retain(|hole| hole.from <= keep.0);
        if let Some(hole) = self.truncated.last_mut() {
            hole.to = hole.to.min(keep.0);
        }
        self.sum_up();
        self.running_digest = match self.running_digest {
            Some(running) if self.cursor.sequence > keep.0 => Some(Hex(running.0 - (before - self.digest.0))),
            running => running,
        };
        if self.cursor.sequence > keep.0 && (crosses_hole || self.parts.is_empty()) {
            // Digests of rows that are not here would have to be subtracted too.
            self.running_digest = None;
        }
        self.cursor = Cursor { epoch: to.0, sequence: self.cursor.sequence.min(keep.0) };
    }

    fn sum_up(&mut self) {
        let (first, last) = (self.parts.first(), self.parts.last());
        self.first = first.map_or(0, |part| part.first);
        self.last = last.map_or(0, |part| part.last);
        self.first_time = first.map(|part| part.first_time.clone());
        self.last_time = last.map(|part| part.last_time.clone());
        self.rows = self.parts.iter().map(|part| part.rows).sum();
        self.digest = Hex(self.parts.iter().fold(Digest::default(), |sum, part| sum + part.digest.0));
    }
}

/// Whether the source says with these rows that no more will follow. A batch of which replay brings only
/// the beginning carries the mark too, but no running digest: that stands for its last row.
pub(crate) fn ends(batch: &Batch) -> bool {
    batch.flags.contains(Flags::END_OF_STREAM) && batch.digest != Digest::default()
}

/// What a rewind does to parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewound {
    /// How many stay as they are.
    pub(crate) stay: usize,
    /// The rows of the next one that stay, when there are some.
    pub(crate) cut: Option<SeqRange>,
}

/// What stays of `parts` when rows after `keep` never happened.
pub(crate) fn rewound(parts: &[Part], keep: Seq) -> Rewound {
    let stay = parts.iter().take_while(|part| part.last <= keep.0).count();
    let cut = parts.get(stay).map(|part| part.range().intersect(SeqRange::new(Seq::NONE, keep.next())));
    Rewound { stay, cut: cut.filter(|range| !range.is_empty()) }
}

/// How many of the last parts are read and written again together with `rows` new ones that follow on
/// them and have `columns`.
///
/// Flushed by the clock, a quiet stream makes a small part each time, and a manifest that names them all is
/// written each time. So a part absorbs those before it that are not much larger, as merge trees do: each
/// row is rewritten about log2(`part_rows`) times at most, and a stream has that many small parts at most.
/// A part of the full size is never touched again.
pub(crate) fn absorb(parts: &[Part], start: Seq, columns: &[String], rows: u64, part_rows: u64) -> usize {
    let (mut count, mut total, mut start) = (0, rows, start.0);
    for part in parts.iter().rev() {
        let fits = total.saturating_add(part.rows) <= part_rows;
        if !fits || part.rows > total || part.last.checked_add(1) != Some(start) || part.columns != columns {
            break;
        }
        (count, total, start) = (count + 1, total + part.rows, part.first);
    }
    count
}

/// The time of the first and the last row of a batch.
pub(crate) fn times(batch: &Batch) -> (String, String) {
    (time_of(&batch.rows, 0), time_of(&batch.rows, batch.rows.len().saturating_sub(1)))
}

#[cfg(test)]
mod tests;
