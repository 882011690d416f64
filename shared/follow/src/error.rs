//! Why a follower cannot start.

use gapless_transport::TransportError;

/// Why a follower cannot start. Once started it does not fail: it retries and tells its health.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// A socket cannot be opened; mostly an address to correct.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A setting cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The machine has no thread left.
    #[error("cannot start the follower's thread: {0}")]
    Thread(String),
}
