//! What can go wrong, shaped by what the caller does next.

use std::io;
use std::path::{Path, PathBuf};

/// Why the journal did not do something.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process (or another part of this one) has it open. Stop that one, or use another folder.
    #[error("the journal in {} is in use by another process: stop that one or give another folder", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
    },
    /// Bytes are not what was written. Nothing was changed; a person has to decide.
    #[error(
        "the journal file {} is damaged at byte {offset}: {reason}. Nothing was changed: {remedy}",
        file.display()
    )]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The files were written by a version that this one does not know.
    #[error("the journal file {} has format {found}, this program reads format {known}: use the newer program", file.display())]
    Format {
        /// Which file.
        file: PathBuf,
        /// Its format.
        found: u32,
        /// The format that is understood.
        known: u32,
    },
    /// The disk is full. Nothing was written; the same append may work once there is room.
    #[error("no space left for {}: free some; what was written before is safe", path.display())]
    NoSpace {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// A write or sync failed in a way that leaves the file's end unknown. Open the journal again.
    #[error("the journal takes no more records since {reason}: restart the service once the disk is well")]
    Broken {
        /// What happened.
        reason: String,
    },
    /// The files are not what this journal was last, or not where they were. Nothing is taken any more, so that
    /// no number is given out twice and nothing acknowledged that is not there; a person has to decide.
    #[error("the journal takes no more records: {reason}")]
    Halted {
        /// What was seen, what it means, and what to do.
        reason: String,
    },
    /// A record that no reader could be sent.
    #[error("a record of {bytes} bytes: 1 to {max} bytes fit")]
    RecordSize {
        /// How long it is.
        bytes: usize,
        /// The longest that fits.
        max: usize,
    },
    /// A follower that cannot be registered.
    #[error("follower {id:?} is refused: {reason}")]
    Follower {
        /// What it calls itself.
        id: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// The system refused something else.
    #[error("cannot {action} {}: {error}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Turns a system error on `path` into ours.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_path_buf();
    move |error| match error.kind() {
        // A quota and a file size limit are full disks to whoever has to make room.
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            JournalError::NoSpace { path }
        }
        _ => JournalError::Io { action, path, error },
    }
}

/// The most characters of a reason: a damaged file may hold anything, and a parser repeats it.
const MAX_REASON_CHARS: usize = 300;

/// What to do about a file that somebody else changed or took away.
const REMEDY: &str = "restore the file from a copy, or move the folder away to begin a new history, at which followers start again";

pub(crate) fn damaged(file: &Path, offset: u64, reason: impl Into<String>) -> JournalError {
    beyond_repair(file, offset, reason, REMEDY)
}

/// As [`damaged`], with a remedy of its own.
pub(crate) fn beyond_repair(
    file: &Path,
    offset: u64,
    reason: impl Into<String>,
    remedy: &'static str,
) -> JournalError {
    let mut reason = reason.into();
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON_CHARS) {
        reason.truncate(end);
        reason.push_str("...");
    }
    JournalError::Damaged { file: file.to_path_buf(), offset, reason, remedy }
}
