//! Why a follower cannot start or go on.

use gapless_transport::TransportError;

/// Why a follower cannot start or go on. Once started it retries and tells its health; only a socket may fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// A socket cannot be opened; mostly an address to correct.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A setting cannot be used.
    #[error("{0}")]
    Settings(String),
}
