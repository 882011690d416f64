//! What can go wrong for a client, by what the caller does next.

use crate::Refused;
use gapless_follow::FollowError;
use gapless_model::{KeyError, Seq, StreamKey};
use gapless_transport::TransportError;
use gapless_wire::ErrorResponse;
use std::time::Duration;

/// Which service a client talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Takes rows in and keeps the journal.
    Ingestion,
    /// Publishes live and knows the current state.
    LiveEngine,
    /// Serves ranges and the stream directory.
    Backfill,
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Service::Ingestion => "ingestion",
            Service::LiveEngine => "live-engine",
            Service::Backfill => "backfill",
        })
    }
}

/// What can go wrong for a client.
///
/// Gaps, restarts and missing services are not errors of a subscription: they are events, healed as
/// soon as that can be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name of a stream cannot be one: fix it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What was asked for does not fit together: fix it.
    #[error("{0}")]
    Usage(String),
    /// An address is wrong, or this machine has no sockets or threads left.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Nobody answered: start the service, or try again later.
    #[error("no answer from {service} at {endpoint} within {waited:.1?}: is it running?")]
    Unavailable {
        /// Who did not answer.
        service: Service,
        /// Where.
        endpoint: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The service answered, and said no.
    #[error("{service} refused: {error}")]
    Refused {
        /// Who refused.
        service: Service,
        /// What it said.
        error: ErrorResponse,
    },
    /// The answer was not one: a defect, or something else listens there.
    #[error("{service} answered something unusable: {reason}")]
    BadReply {
        /// Who answered.
        service: Service,
        /// What is wrong with it.
        reason: String,
    },
    /// Rows were acknowledged that do not follow on the ones before: acknowledge in order.
    #[error(
        "{key}: acknowledged rows from {found} on while the cursor stands at {cursor}: acknowledge events in the order in which they came"
    )]
    AckOrder {
        /// Which stream.
        key: StreamKey,
        /// Where its cursor stands.
        cursor: Seq,
        /// The first row of what was acknowledged.
        found: Seq,
    },
    /// The application's store did not take rows or cursors; what it did not take comes again after the
    /// next start.
    #[error("the store failed: {0}")]
    Store(#[source] BoxError),
    /// The producer's window stayed full, or batches stayed unacknowledged, for the whole wait.
    #[error(
        "{pending} batches are not acknowledged after {waited:.1?}{trouble}: is ingestion running and fast enough?"
    )]
    TimedOut {
        /// How many batches wait.
        pending: usize,
        /// How long was waited.
        waited: Duration,
        /// What ingestion said last, with a separator before it; empty when nothing.
        trouble: String,
    },
    /// Ingestion will never take a batch.
    #[error(transparent)]
    Batch(#[from] Refused),
    /// The subscription or producer has ended.
    #[error("already closed")]
    Closed,
}

/// Whatever an application's own store fails with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl From<FollowError> for Error {
    fn from(error: FollowError) -> Error {
        match error {
            FollowError::Transport(error) => error.into(),
            FollowError::Settings(_) => Error::Usage(error.to_string()),
        }
    }
}
