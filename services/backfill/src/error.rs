//! Why the service cannot start or go on.

use gapless_follow::FollowError;
use gapless_store::StoreError;
use gapless_transport::TransportError;

/// Why the service cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket cannot be opened or used; mostly an address to change.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The journal cannot be followed; mostly an address to correct.
    #[error("cannot follow the journal: {0}")]
    Follow(#[from] FollowError),
    /// The archive's file cannot be read; it was not touched.
    #[error(
        "the archive {path} cannot be opened: {reason}. What the journal still has can be archived anew: start once with \
         --rebuild, which puts this file aside under another name"
    )]
    Unopenable {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// The archive did not take rows for long.
    #[error("the archive takes no rows: {reason}")]
    Unwritable {
        /// What it said last.
        reason: String,
    },
    /// The archive cannot be opened or used.
    #[error("the archive: {0}")]
    Store(#[from] StoreError),
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
    /// A thread of the service panicked; its log line says where.
    #[error("the thread {name} panicked: this is a bug, see its log line")]
    Panicked {
        /// Its name.
        name: &'static str,
    },
}
