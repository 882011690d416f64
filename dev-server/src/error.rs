//! Why a dev server could not do its work.

use crate::order::OrderError;
use gapless_formats::FileError;
use gapless_store::StoreError;
use gapless_transport::TransportError;
use std::path::PathBuf;

/// Why a dev server could not start or went down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A scenario is not there or says something that cannot be.
    #[error("scenario {name}: {reason}")]
    Scenario {
        /// Which one.
        name: String,
        /// Why, with the key and the place.
        reason: String,
    },
    /// A setting is wrong.
    #[error("{key}: {reason}")]
    Setting {
        /// Which one.
        key: &'static str,
        /// What is wrong and what to write.
        reason: String,
    },
    /// A list of symbols cannot be read.
    #[error("universe {}: {reason}", path.display())]
    Universe {
        /// Its file.
        path: PathBuf,
        /// Why, with the line.
        reason: String,
    },
    /// A file of rows cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A DuckDB file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be bound, or a socket failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An order was not carried out.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// It went down, because a socket failed; the log says why.
    #[error("the dev server went down")]
    Ended,
    /// The panel's address cannot be bound.
    #[error(
        "the panel cannot listen on {address}: {source}; choose another with --panel ADDRESS, or --panel off"
    )]
    Panel {
        /// Which one.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no thread for it.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// A report could not be written.
    #[error("the report cannot be written: {0}")]
    Report(std::io::Error),
}
