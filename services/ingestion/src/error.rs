//! Why the service could not start or go on.

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
    #[error("journal record {position} cannot be read: {source}")]
    Record {
        /// Which record.
        position: Position,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The sequencer's state cannot be restored from the journal.
    #[error("the state as of journal position {position} cannot be restored: {source}")]
    Restore {
        /// The last record that was taken in.
        position: Position,
        /// What does not fit.
        source: SequencerError,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// A thread of the service panicked; what was acknowledged is in the journal.
    #[error("the {0} thread panicked: this is a bug, see the log")]
    Panicked(&'static str),
}
