//! What can go wrong with a file, shaped by what the caller does next.

use gapless_model::{Digest, Position, Seq, SeqRange, StreamKey};
use std::path::{Path, PathBuf};

/// Why a store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another store has the file open: stop that one, or use another file.
    #[error("{path} is in use by process {}: one process owns a DuckDB file; stop it or choose another file",
        pid.map_or_else(|| "(unknown)".to_string(), |pid| pid.to_string()))]
    Owned {
        /// The file.
        path: PathBuf,
        /// The owner's process id, if it could be read.
        pid: Option<u32>,
    },
    /// The operating system refused; often a full disk or missing rights.
    #[error("cannot {doing} {path}: {source}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// DuckDB refused; the transaction was rolled back and nothing changed.
    #[error("DuckDB could not {doing}: {reason}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// DuckDB's words.
        reason: String,
    },
    /// The file was written by another version of this crate.
    #[error("{path} has layout {found}, this version reads {supported}: use the version that wrote it")]
    Layout {
        /// The file.
        path: PathBuf,
        /// The layout it has.
        found: u32,
        /// The layout this version writes.
        supported: u32,
    },
    /// Rows came that do not continue what is stored. A bug in the caller, which must heal gaps first.
    #[error("{key}: rows from {found} do not continue what is stored, which needs {expected} next")]
    Hole {
        /// Which stream.
        key: StreamKey,
        /// The sequence that must come next.
        expected: Seq,
        /// The sequence that came.
        found: Seq,
    },
    /// The rows are not those that the server counted: stop, and compare with `gapless verify`.
    #[error("{key}: the digest of rows {range} is {found}, the sender says {expected}")]
    Digest {
        /// Which stream.
        key: StreamKey,
        /// Which rows.
        range: SeqRange,
        /// What the sender states.
        expected: Digest,
        /// What the rows give.
        found: Digest,
    },
    /// Records of the journal are missing between what is committed and what came. A bug in the caller.
    #[error("journal record {found} does not continue the archive, which needs {expected} next")]
    Position {
        /// The position that must come next.
        expected: Position,
        /// The position that came.
        found: Position,
    },
    /// What is stored is not what was stored: the file is damaged or was changed by hand. Trying again does not
    /// help.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
}

impl StoreError {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.to_path_buf();
        move |source| StoreError::File { doing, path, source }
    }

    /// Names the file, which DuckDB does only for some errors.
    pub(crate) fn of_file(self, path: &Path) -> StoreError {
        let named = |reason: String| match reason.contains(&*path.to_string_lossy()) {
            true => reason,
            false => format!("{}: {reason}", path.display()),
        };
        match self {
            StoreError::Database { doing, reason } => StoreError::Database { doing, reason: named(reason) },
            StoreError::Damaged(reason) => StoreError::Damaged(named(reason)),
            other => other,
        }
    }
}

/// Names what was being done when DuckDB refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, duckdb::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| {
            let reason = error.to_string();
            if is_damage(&reason) {
                return StoreError::Damaged(format!("DuckDB could not {doing}: {reason}"));
            }
            StoreError::Database { doing, reason }
        })
    }
}

/// DuckDB has no error code of its own for a block, a header or an entry of its log that differs from its
/// checksum, but says so.
fn is_damage(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    ["checksum", "corrupt", "not a valid duckdb database file"].iter().any(|sign| reason.contains(sign))
}
