//! Why the service cannot start or go on, or why something was not written.

use gapless_formats::WriteError;
use std::io::ErrorKind;
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
    /// A file is where a folder should be.
    #[error("{path} is a file, not a folder: choose another {setting}, or move it away")]
    NotAFolder {
        /// Which file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
    },
    /// The folder of the artifacts is not there any more.
    #[error(
        "{path} was removed, or its disk is gone: bring it back as it was, or start the writer again to begin anew there"
    )]
    FolderGone {
        /// Which folder.
        path: PathBuf,
    },
    /// An artifact lacks a file that its manifest names, so it is not said to be complete.
    #[error(
        "{path} {reason}: its artifact stays live. Put the file back from a copy, and it is completed; without one, \
         stop the writer and move the artifact's folder away: its rows are written anew unless a newer artifact goes \
         on after them"
    )]
    Incomplete {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The writer ended before everything was written.
    #[error("{rows} rows were not written, they come again at the next start: {reason}")]
    Unwritten {
        /// How many.
        rows: u64,
        /// What the disk does not take.
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

    /// Refuses a path where something else than a folder is.
    pub(crate) fn if_no_folder(path: &Path, setting: &'static str) -> Result<(), Error> {
        match std::fs::metadata(path) {
            Ok(found) if !found.is_dir() => Err(Error::NotAFolder { path: path.to_path_buf(), setting }),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether all artifacts have it, not only the one that was being written.
    pub(crate) fn is_of_all(&self) -> bool {
        match self {
            Error::Write { source: WriteError::Io(error), .. } => {
                matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::ReadOnlyFilesystem)
            }
            Error::FolderGone { .. } => true,
            _ => false,
        }
    }

    /// What is wrong, without the file that it was noticed at.
    pub(crate) fn cause(&self) -> String {
        match self {
            Error::Write { source, .. } => source.to_string(),
            other => other.to_string(),
        }
    }
}
