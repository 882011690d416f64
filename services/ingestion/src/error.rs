//! Why the service could not start or go on.
//!
//! Messages are whole: a cause stands in the text, not behind `source`, so it is said once wherever the
//! error is printed.

use crate::http::HttpError;
use crate::sources::SourceError;
use gapless_journal::JournalError;
use gapless_model::Position;
use gapless_protocol::SequencerError;
use gapless_transport::TransportError;
use gapless_wire::DecodeError;

/// Why the service could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal cannot be opened or written; the message says what to do.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A socket cannot be opened: fix the configuration or stop whoever holds it.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A stored record is not what this program writes: the journal is damaged, or was written by a
    /// newer program.
    #[error("journal record {position} cannot be read: {error}")]
    Record {
        /// Which record.
        position: Position,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The sequencer's state cannot be restored from the journal.
    #[error("the state as of journal position {position} cannot be restored: {error}")]
    Restore {
        /// The last record that was taken in.
        position: Position,
        /// What does not fit.
        error: SequencerError,
    },
    /// A configured source cannot be started: fix its settings.
    #[error("source {name}: {error}")]
    Source {
        /// What kind of source.
        name: &'static str,
        /// Why.
        error: SourceError,
    },
    /// HTTP cannot be served: change the address, or turn it off.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A thread could not be started.
    #[error(transparent)]
    Thread(#[from] std::io::Error),
    /// A thread of the service panicked; what was acknowledged is in the journal.
    #[error("the {0} thread panicked: this is a bug, see the log")]
    Panicked(&'static str),
}
