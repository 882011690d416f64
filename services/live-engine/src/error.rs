//! Why the engine cannot start or go on.

use gapless_follow::FollowError;
use gapless_transport::TransportError;

/// Why the engine cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket cannot be opened or used; mostly an address to change.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The journal cannot be followed; mostly an address to correct.
    #[error("cannot follow the journal: {0}")]
    Follow(#[from] FollowError),
    /// The folder of the checkpoints cannot be used; mostly a path to correct.
    #[error("checkpoint_dir: {0}")]
    Checkpoints(#[from] gapless_checkpoint::FolderError),
    /// The configuration was not checked before it was used.
    #[error("{0}")]
    Config(String),
    /// The machine has no thread left.
    #[error("cannot start the thread {name}: {reason}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system says.
        reason: String,
    },
}
