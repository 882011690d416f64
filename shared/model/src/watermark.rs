//! How far a stream is, as a server states it.

use crate::{Digest, Epoch, Seq, StreamKey, UnixMillis, UnixNanos};

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// The history that the sequences belong to.
    pub epoch: Epoch,
    /// The oldest sequence that can still be replayed; [`Seq::NONE`] when the sender does not know.
    pub earliest: Seq,
    /// The newest sequence; [`Seq::NONE`] before the first row.
    pub latest: Seq,
    /// The time of the newest row; 0 before the first row.
    pub latest_ts: UnixNanos,
    /// Running digest from sequence 1 to `latest`; 0 when not stated.
    pub digest: Digest,
}

/// Where an epoch began in one stream: rows from `first_sequence` on belong to `epoch` or a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochStart {
    /// Which epoch.
    pub epoch: Epoch,
    /// The first sequence that was given out in it.
    pub first_sequence: Seq,
}

/// A stream's watermark with its epoch history, as a server answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStatus {
    /// Which stream.
    pub key: StreamKey,
    /// How far it is.
    pub watermark: Watermark,
    /// The server's clock when it answered.
    pub server_time: UnixMillis,
    /// Every epoch that is known, oldest first, the current one last.
    pub epochs: Vec<EpochStart>,
}
