//! What can be wrong with input, shaped by what the reader of it does next.

use std::fmt;
use std::sync::Arc;

/// A row that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The file it stands in, as it was named when opened.
    pub file: Arc<str>,
    /// Its line, counted from 1 with the header; in Parquet, which has no lines, its row from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Printed as `file:line: reason`, which editors and terminals turn into a link.
impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// Why a file gives no (more) rows.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system could not read it.
    #[error("{file}: {source}")]
    Io {
        /// Which file.
        file: Arc<str>,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no file of candles or ticks, or a setting is missing to read it: fix either.
    #[error("{file}: {reason}")]
    Unusable {
        /// Which file.
        file: Arc<str>,
        /// What is missing, and what to do.
        reason: String,
    },
    /// Reading strictly, a row could not be taken.
    #[error("{0} (reading strictly: without it, the row is skipped and counted)")]
    Row(BadRow),
    /// A Parquet file is damaged.
    #[error("{file}: damaged or unsupported Parquet: {reason}")]
    Damaged {
        /// Which file.
        file: Arc<str>,
        /// What its decoder said.
        reason: String,
    },
}

/// Why the rows of a request or of a stream of lines cannot be taken. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// One row is wrong.
    #[error("row {row}: {reason}")]
    Row {
        /// Its line in NDJSON and CSV (the header is line 1), its place in a JSON array; from 1.
        row: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// It holds no row at all.
    #[error("no rows: send at least one")]
    Empty,
    /// It holds more rows than one batch takes.
    #[error(
        "more than {limit} rows: a batch is taken whole or not at all, so send several with at most {limit} rows each"
    )]
    TooManyRows {
        /// The most rows of one batch.
        limit: usize,
    },
    /// It cannot be read as what it claims to be.
    #[error("{0}")]
    Malformed(String),
}

/// Why rows cannot be written to a file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The operating system did not take it; mostly a full disk.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The rows do not fit the form.
    #[error("the rows cannot be written: {0}")]
    Encode(String),
}

impl From<csv::Error> for WriteError {
    fn from(error: csv::Error) -> WriteError {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => WriteError::Io(error),
            other => WriteError::Encode(format!("{other:?}")),
        }
    }
}

#[cfg(feature = "parquet")]
impl From<parquet::errors::ParquetError> for WriteError {
    fn from(error: parquet::errors::ParquetError) -> WriteError {
        match error {
            parquet::errors::ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(io) => WriteError::Io(*io),
                Err(other) => WriteError::Encode(other.to_string()),
            },
            other => WriteError::Encode(other.to_string()),
        }
    }
}
