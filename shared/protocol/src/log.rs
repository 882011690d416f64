//! What is followed: pieces of a log, where to begin in it, and how far its server says it is.

use gapless_model::{Digest, Epoch, EpochStart, Seq, SeqRange};

/// Consecutive rows (or records) as they arrived together: one batch of a stream, one journal record.
///
/// The payload is opaque here: what overlaps is never cut by the core, which only says what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk<T> {
    /// The epoch that the sender states for it. In an [`Output::Deliver`](crate::Output::Deliver) it is
    /// the epoch to store in a cursor with the sequence, which may be newer than the payload's own.
    pub epoch: Epoch,
    /// The sequences that the payload holds, all of them.
    pub range: SeqRange,
    /// What it costs to keep in memory, in bytes.
    pub bytes: usize,
    /// The rows themselves.
    pub payload: T,
}

/// What a payload says of the running digest of its log, about the rows of a range that lies in it. A follower that is
/// told compares it with what was handed over: rows that decode but are not those that were sent do not continue it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The running digest before the range; `None` when the payload states none.
    pub before: Option<Digest>,
    /// The digest of the rows in the range.
    pub rows: Digest,
}

/// Where a follower begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At the oldest row that the replay side still serves.
    Earliest,
    /// After the newest row: at whatever the first status, heartbeat or live batch states.
    Latest,
    /// At this row, in whichever epoch is current. [`Seq::NONE`] is taken as the first row.
    At(Seq),
    /// After the last row that was handed over and stored. An unstated epoch is an epoch of its own:
    /// a server that states one cannot prove that it continues it.
    Cursor {
        /// The epoch that was stored with it.
        epoch: Epoch,
        /// The last row that was handed over; [`Seq::NONE`] when none was.
        applied: Seq,
    },
}

/// How far a log is, as its replay side answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStatus {
    /// The current epoch; unstated by a version 1 server.
    pub epoch: Epoch,
    /// The oldest row still served, `latest + 1` when none is left; [`Seq::NONE`] when not stated.
    pub earliest: Seq,
    /// The newest row; [`Seq::NONE`] before the first one.
    pub latest: Seq,
    /// Where each epoch began, oldest first, the current one last. Empty in an answer to a replay
    /// request means "not stated", in an answer to a status request "nothing came before".
    pub epochs: Vec<EpochStart>,
}

/// Names one request of one coordinator. Never reused within a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

impl RequestId {
    /// Of a status that nobody asked for, such as an entry of a stream directory.
    pub const UNSOLICITED: RequestId = RequestId(0);
}
