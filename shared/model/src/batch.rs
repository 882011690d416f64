//! What travels: consecutive rows of one stream with their place in it.

use crate::{Digest, Epoch, Kind, Rows, Seq, SeqRange, StreamKey};

/// Batches of fewer rows may be put together when they are served again: each by itself, reading them would cost more
/// than their rows do.
pub const SMALL_ROWS: u64 = 64;
/// How large a batch that was put together may become, in bytes of its rows: as a live one may.
pub const JOINED_BYTES: usize = 64 << 10;

/// Marks on a batch; bits as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Nothing special.
    pub const NONE: Flags = Flags(0);
    /// The rows were generated, not measured; every screen shows that.
    pub const SIMULATED: Flags = Flags(1);
    /// The source says that no rows will follow.
    pub const END_OF_STREAM: Flags = Flags(2);

    /// Whether every mark of `other` is set.
    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of marks.
    pub fn union(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// Consecutive rows of one stream. Without rows it is a watermark: `start` is the next sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Whose rows.
    pub key: StreamKey,
    /// The history that the sequences belong to; set by ingestion.
    pub epoch: Epoch,
    /// The sequence of the first row, or the next one when there are no rows. Set by ingestion;
    /// [`Seq::NONE`] on a batch that was not sequenced yet.
    pub start: Seq,
    /// Marks; set by the source.
    pub flags: Flags,
    /// When ingestion sequenced it, Unix microseconds; 0 when not stated.
    pub ts_publish_us: i64,
    /// The oldest sequence that can still be replayed; [`Seq::NONE`] when not stated.
    pub earliest: Seq,
    /// Running digest of the stream from sequence 1 to the end of this batch; 0 when not stated.
    pub digest: Digest,
    /// The rows, of the kind of `key`.
    pub rows: Rows,
}

impl Batch {
    /// Rows as a source hands them in, before ingestion gives them a place in the stream.
    pub fn unsequenced(key: StreamKey, flags: Flags, rows: Rows) -> Batch {
        Batch {
            key,
            epoch: Epoch::UNSTATED,
            start: Seq::NONE,
            flags,
            ts_publish_us: 0,
            earliest: Seq::NONE,
            digest: Digest::default(),
            rows,
        }
    }

    /// What its rows are.
    pub fn kind(&self) -> Kind {
        self.key.kind()
    }

    /// The sequences of its rows; empty, at the next sequence, for a watermark.
    pub fn range(&self) -> SeqRange {
        SeqRange::of_len(self.start, self.rows.len() as u64)
    }

    /// Whether `next` begins where this one ends, under the same marks, so that both can be one batch.
    pub fn goes_on_with(&self, next: &Batch) -> bool {
        (self.epoch, self.flags) == (next.epoch, next.flags)
            && self.range().end() == next.start
            && self.rows.takes(&next.rows)
    }

    /// Puts a batch that this one [goes on with](Batch::goes_on_with) behind it: the marks that belong to an end are
    /// then those of `next`. Gives it back when its rows are others.
    ///
    /// # Errors
    /// `next`, untouched.
    #[allow(clippy::result_large_err)] // It goes back to whoever asked, and is kept there.
    pub fn append(&mut self, next: Batch) -> Result<(), Batch> {
        let Batch { ts_publish_us, earliest, digest, .. } = next;
        match self.rows.append(next.rows) {
            Ok(()) => {
                (self.ts_publish_us, self.earliest, self.digest) = (ts_publish_us, earliest, digest);
                Ok(())
            }
            Err(rows) => Err(Batch { rows, ..next }),
        }
    }

    /// Keeps the rows whose sequences lie in `range`; the running digest then no longer fits and is
    /// cleared unless the last row stays.
    pub fn cut(self, range: SeqRange) -> Batch {
        let own = self.range();
        let kept = own.intersect(range);
        if kept == own {
            return self;
        }
        let from = (kept.start().0 - self.start.0) as usize;
        let to = from + kept.len() as usize;
        let digest = if kept.end() == own.end() { self.digest } else { Digest::default() };
        Batch { start: kept.start(), digest, rows: self.rows.slice(from, to), ..self }
    }
}
