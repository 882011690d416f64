//! Numbers that order things: epochs, stream sequences, journal positions and ranges of them.

use std::fmt;

/// Names one unbroken history of a journal; sequences and positions compare only inside one.
///
/// Unix milliseconds at which the journal began that history, set by ingestion. 0 means "not stated",
/// as in everything that a version 1 server sends; it never means "equal to any epoch".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of a peer that does not state one.
    pub const UNSTATED: Epoch = Epoch(0);

    /// Whether a peer stated this epoch at all.
    pub fn is_stated(self) -> bool {
        self.0 != 0
    }
}

/// The number of a row in its stream: the first row is 1, each next one is +1. 0 means "nothing yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first row.
    pub const NONE: Seq = Seq(0);
    /// The first row of every stream.
    pub const FIRST: Seq = Seq(1);

    /// The sequence after this one; saturates, so hostile input cannot wrap it.
    pub fn next(self) -> Seq {
        Seq(self.0.saturating_add(1))
    }

    /// The sequence before this one; that of [`Seq::NONE`] is itself.
    pub fn previous(self) -> Seq {
        Seq(self.0.saturating_sub(1))
    }

    /// This sequence moved on by `rows`; saturates.
    pub fn plus(self, rows: u64) -> Seq {
        Seq(self.0.saturating_add(rows))
    }
}

/// The number of a record in a journal partition: the first record is 1. 0 means "nothing yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before the first record.
    pub const NONE: Position = Position(0);
    /// The first record of every journal.
    pub const FIRST: Position = Position(1);

    /// The position after this one; saturates.
    pub fn next(self) -> Position {
        Position(self.0.saturating_add(1))
    }
}

/// A half-open range of sequences: `start` is in it, `end` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeqRange {
    start: Seq,
    end: Seq,
}

impl SeqRange {
    /// The rows from `start` up to, not including, `end`; empty when `end <= start`.
    pub fn new(start: Seq, end: Seq) -> SeqRange {
        SeqRange { start, end: end.max(start) }
    }

    /// `rows` rows from `start` on; saturates at the largest sequence.
    pub fn of_len(start: Seq, rows: u64) -> SeqRange {
        SeqRange { start, end: start.plus(rows) }
    }

    /// The first sequence in the range, if it has any.
    pub fn start(self) -> Seq {
        self.start
    }

    /// The first sequence after the range.
    pub fn end(self) -> Seq {
        self.end
    }

    /// The last sequence in the range; [`SeqRange::start`] minus one when it is empty.
    pub fn last(self) -> Seq {
        self.end.previous()
    }

    /// How many sequences it holds.
    pub fn len(self) -> u64 {
        self.end.0 - self.start.0
    }

    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether `seq` lies in it.
    pub fn contains(self, seq: Seq) -> bool {
        self.start <= seq && seq < self.end
    }

    /// The part that both hold; empty, at the later start, when they do not meet.
    pub fn intersect(self, other: SeqRange) -> SeqRange {
        SeqRange::new(self.start.max(other.start), self.end.min(other.end))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
/// Printed the way people read ranges: both ends included, `5..9` for five rows.
impl fmt::Display for SeqRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            write!(f, "nothing at {}", self.start)
        } else {
            write!(f, "{}..{}", self.start, self.last())
        }
    }
}
