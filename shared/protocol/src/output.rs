//! What a coordinator wants done and what it wants known.

use crate::{Chunk, Gap, Health, RequestId};
use gapless_model::{Epoch, Seq, SeqRange};

/// Something for the driver to do, in the order in which it is polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<T> {
    /// Ask the replay side how far the log is.
    RequestStatus {
        /// To be named in the answer.
        request: RequestId,
    },
    /// Ask the replay side for rows.
    RequestReplay {
        /// To be named in the answer.
        request: RequestId,
        /// The epoch that the follower is in; unstated when it is in none yet.
        epoch: Epoch,
        /// Which rows. The server may serve fewer; it must begin with the first that it still has.
        range: SeqRange,
    },
    /// A request is no longer waited for: its place in a budget is free. An answer that comes all the
    /// same is welcome.
    Abandon {
        /// Which request.
        request: RequestId,
    },
    /// Hand over rows.
    Deliver {
        /// Where the rows are; its epoch is the one to store in a cursor.
        chunk: Chunk<T>,
        /// The part of the chunk that was not handed over yet. Never empty.
        wanted: SeqRange,
        /// Which way they came.
        source: Source,
    },
    /// Tell the application.
    Event(Event),
}

/// Which way rows came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The live feed.
    Live,
    /// The replay side.
    Replay,
}

/// Something that the application should know, in order with the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Rows are missing; nothing newer is handed over until they came or were given up.
    GapOpened(Gap),
    /// All rows of the gap were handed over.
    GapHealed(Gap),
    /// The epoch changed while the gap was open, which is over: what was missing is no row of the new
    /// history, or is missing there too and opened again as a gap of that epoch. Comes before the
    /// [`Event::Rewind`] or [`Event::Reset`] of the change, and also when nothing was taken back.
    GapVoid(Gap),
    /// Rows were given up: they will not come. Open gaps end here as far as `range` reaches; when one
    /// reaches further, its rest is opened again as a gap of its own.
    Truncated {
        /// The epoch in which they are missing.
        epoch: Epoch,
        /// Which rows.
        range: SeqRange,
        /// Why.
        reason: TruncateReason,
    },
    /// Acknowledged history was lost at the source: rows after `keep` that were handed over never
    /// happened. No gap is open.
    Rewind {
        /// The epoch until now.
        from: Epoch,
        /// The epoch from now on.
        to: Epoch,
        /// The last row that stays; [`Seq::NONE`] when none does. Rows go on after it.
        keep: Seq,
    },
    /// The log is another one: everything handed over before belongs to a history that is gone, and
    /// rows begin again at row 1. Those that are retired already are given up next, as
    /// [`Event::Truncated`]. No gap is open.
    Reset {
        /// The epoch until now.
        from: Epoch,
        /// The epoch from now on.
        to: Epoch,
    },
    /// Everything known to exist has been handed over: once after the beginning, then each time that
    /// the follower was behind.
    CaughtUp {
        /// The newest row.
        at: Seq,
    },
    /// The health changed.
    Health(Health),
}

/// Why rows were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TruncateReason {
    /// Retention removed them: the server's earliest row is newer.
    Trimmed,
    /// The server kept answering as if it had them, without them.
    NotServed,
    /// The server kept refusing.
    Refused {
        /// With this code.
        code: u32,
    },
    /// What the server sent was damaged, again and again.
    Corrupt,
}
