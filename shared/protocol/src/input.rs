//! What a coordinator is told.

use crate::{Chunk, LogStatus, RequestId};
use gapless_model::{Epoch, Seq, SeqRange};
use std::time::Duration;

/// Something that happened outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<T> {
    /// A chunk came on the live feed.
    Live(Chunk<T>),
    /// The live side said how far it is: an empty batch or an entry of `watermarks`.
    Heartbeat {
        /// The epoch of the log.
        epoch: Epoch,
        /// The oldest row still served; [`Seq::NONE`] when not stated.
        earliest: Seq,
        /// The sequence that the next row will get.
        next: Seq,
    },
    /// The answer to a status request, or a status found elsewhere ([`RequestId::UNSOLICITED`]).
    Status {
        /// Which request.
        request: RequestId,
        /// What the server answered.
        status: LogStatus,
    },
    /// The answer to a replay request. Only the rows that are in it are believed; what it says of itself
    /// (`served`, `has_more`) is for the driver to check against its digest, and for the record.
    Replayed {
        /// Which request.
        request: RequestId,
        /// The server's status; `epochs` may be empty.
        status: LogStatus,
        /// The range that the server says it served.
        served: SeqRange,
        /// The rows, in order. The first and the last chunk may reach past the range asked for.
        chunks: Vec<Chunk<T>>,
        /// Whether the server has more rows within the range asked for.
        has_more: bool,
    },
    /// A request came to nothing.
    Failed {
        /// Which request.
        request: RequestId,
        /// Why.
        failure: Failure,
    },
    /// The driver holds the request back (see [`RequestBudget`](crate::RequestBudget)): its deadline does
    /// not run until [`Input::Sent`]. A driver that sends at once needs neither.
    Queued {
        /// Which request.
        request: RequestId,
    },
    /// A request that was held back has been sent: its deadline runs from now.
    Sent {
        /// Which request.
        request: RequestId,
    },
    /// The replay side can be reached again after it could not for a while: what waits is asked soon,
    /// rather than when its growing pause is over.
    ReplayBack,
    /// A server without epochs was proven (see [`Continuity`](crate::Continuity)) to tell another history than the one
    /// that is followed. Where epochs are stated it means nothing: they tell.
    BeganAnew,
    /// The live socket has a connection, as a socket monitor tells.
    LinkUp,
    /// The live socket has lost its connection.
    LinkDown,
}

/// Why a request came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered in time, or the connection broke.
    NoReply,
    /// The server has too much to do.
    Busy {
        /// When it wants to be asked again; zero when it did not say.
        retry_after: Duration,
    },
    /// The server does not know the log (yet): code 404.
    UnknownLog,
    /// The server refused for another reason.
    Refused {
        /// Its error code; numbers as in HTTP.
        code: u32,
    },
    /// The answer does not match its digest, its range or its format.
    Corrupt,
}
