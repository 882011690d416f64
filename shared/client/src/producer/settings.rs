//! How a producer behaves. Every value has a default with a reason.

use std::time::Duration;

/// Batches of one stream that may be unacknowledged on the wire: enough to keep ingestion busy with batches of one
/// row that are not put together ([`DEFAULT_GROUP_AFTER`]). A resend is harmless whatever its age; ingestion remembers the places of the last 64 batches
/// per producer and stream, so the receipt of an older one that was already there has no sequences.
pub const DEFAULT_IN_FLIGHT_PER_STREAM: usize = 1024;
/// Batches of one stream that may be unacknowledged before further ones are put together and wait for an
/// acknowledgement: more than are under way at once when ingestion keeps up, so that a lone row never waits.
pub const DEFAULT_GROUP_AFTER: usize = 16;
/// Batches that a producer holds over all streams before `send` waits.
pub const DEFAULT_MAX_BATCHES: usize = 4096;
/// Bytes that a producer holds over all streams before `send` waits: two of the largest messages.
pub const DEFAULT_MAX_BYTES: usize = 32 << 20;
/// A reply that takes longer counts as lost: ten times what a synced write takes on a slow disk.
pub const DEFAULT_REPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// First wait after trouble: a busy ingestion frees a slot in about this time.
pub const DEFAULT_BACKOFF_MIN: Duration = Duration::from_millis(50);
/// Longest wait after trouble: a returning ingestion is noticed within this.
pub const DEFAULT_BACKOFF_MAX: Duration = Duration::from_secs(2);

/// How a producer behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerSettings {
    /// Where ingestion takes batches: `tcp://127.0.0.1:5551`.
    pub endpoint: String,
    /// Who this is, 1 to 128 printable ASCII characters. Together with the batch numbers it makes
    /// resending harmless, so it must be the same after a restart and nobody else's.
    pub producer_id: String,
    /// See [`DEFAULT_IN_FLIGHT_PER_STREAM`].
    pub in_flight_per_stream: usize,
    /// See [`DEFAULT_GROUP_AFTER`]. Only batches with [`Numbering::Next`] are put together; at least
    /// `in_flight_per_stream` means that none are.
    pub group_after: usize,
    /// See [`DEFAULT_MAX_BATCHES`].
    pub max_batches: usize,
    /// See [`DEFAULT_MAX_BYTES`].
    pub max_bytes: usize,
    /// See [`DEFAULT_REPLY_TIMEOUT`].
    pub reply_timeout: Duration,
    /// See [`DEFAULT_BACKOFF_MIN`].
    pub backoff_min: Duration,
    /// See [`DEFAULT_BACKOFF_MAX`].
    pub backoff_max: Duration,
    /// What to do when ingestion no longer knows batches that it had acknowledged.
    pub on_forgotten: OnForgotten,
}

/// What to do when ingestion no longer knows batches that it had acknowledged: it lost its disk, or it
/// saw too many other producers since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnForgotten {
    /// Go on with what is not acknowledged yet, and count it in `resyncs`.
    #[default]
    Resync,
    /// Refuse the next batch with code 409, so that the application can send the lost ones again.
    Report,
}

/// Which number a batch gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbering {
    /// The one after the last, continuing where an earlier run with the same producer id stopped.
    #[default]
    Next,
    /// This one: whoever sends a file again gives its parts the same numbers again, and ingestion drops
    /// what it has. Numbers grow; they may leave some out.
    Explicit(u64),
}

impl ProducerSettings {
    /// The defaults, for this id at this endpoint.
    pub fn new(endpoint: impl Into<String>, producer_id: impl Into<String>) -> ProducerSettings {
        ProducerSettings {
            endpoint: endpoint.into(),
            producer_id: producer_id.into(),
            in_flight_per_stream: DEFAULT_IN_FLIGHT_PER_STREAM,
            group_after: DEFAULT_GROUP_AFTER,
            max_batches: DEFAULT_MAX_BATCHES,
            max_bytes: DEFAULT_MAX_BYTES,
            reply_timeout: DEFAULT_REPLY_TIMEOUT,
            backoff_min: DEFAULT_BACKOFF_MIN,
            backoff_max: DEFAULT_BACKOFF_MAX,
            on_forgotten: OnForgotten::Resync,
        }
    }
}
