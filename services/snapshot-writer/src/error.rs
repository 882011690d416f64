//! Why the service cannot start or go on, or why something was not written.

use gapless_formats::WriteError;
use std::path::{Path, PathBuf};

/// Why the service cannot start or go on, or why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration was not checked before it was used.
    #[error("{0}")]
    Config(String),
    /// The services cannot be followed or asked; mostly an address to correct.
    #[error(transparent)]
    Client(#[from] gapless::Error),
    /// Another process writes there.
    #[error("{path} is being written by another process: end it, or choose another artifact_dir")]
    Owned {
        /// Which folder.
        path: PathBuf,
    },
    /// The disk does not take or give something; mostly it is full, and it is tried again.
    #[error("{path}: {source}")]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// What was said.
        source: WriteError,
    },
    /// A file is not what it was when it was written.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder of the checkpoints cannot be used.
    #[error("checkpoints: {0}")]
    Checkpoints(#[from] gapless_checkpoint::FolderError),
    /// The machine has no thread left.
    #[error("cannot start the thread {name}: {reason}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system says.
        reason: String,
    },
    /// A thread that follows streams ended; its log line says why.
    #[error("a thread that follows streams has ended: see its log line before this one")]
    FollowerEnded,
    /// Something that cannot be happened.
    #[error("{0}: this is a bug")]
    Bug(String),
}

impl Error {
    /// Writing or reading `path` failed.
    pub(crate) fn write(path: &Path, source: impl Into<WriteError>) -> Error {
        Error::Write { path: path.to_path_buf(), source: source.into() }
    }
}
