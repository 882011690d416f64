//! Why rows were not taken, and what the producer should do next.

use crate::MAX_SUBMISSION_BYTES;
use gapless_journal::JournalError;
use gapless_model::{MAX_ROWS_PER_BATCH, RowError};
use gapless_wire::{ErrorCode, ErrorResponse};

/// Why rows were not taken. Nothing of a refused submission is in the journal.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The queue is full.
    #[error("the queue is full: try again in {retry_after_ms} ms")]
    Busy {
        /// When trying again is likely to work.
        retry_after_ms: u32,
    },
    /// The producer's numbers do not fit: it skipped one, or sent other rows under a used number.
    #[error("{message}")]
    Conflict {
        /// The last number that was accepted from it on this stream: send on from the one after.
        expected_previous: u64,
        /// What does not fit.
        message: String,
    },
    /// The rows are wrong; the same rows will always be refused.
    #[error("{0}")]
    Invalid(RowError),
    /// Too many rows or bytes at once: send them in smaller batches.
    #[error(
        "{rows} rows of about {bytes} bytes in one batch: send at most {MAX_ROWS_PER_BATCH} rows and {MAX_SUBMISSION_BYTES} bytes"
    )]
    TooLarge {
        /// How many rows there were.
        rows: usize,
        /// How many bytes they take in memory.
        bytes: usize,
    },
    /// The stream is new and would be one too many.
    #[error("no more streams can be taken: use the existing ones, or raise max_streams")]
    TooManyStreams,
    /// The disk of the journal is full; earlier rows are safe.
    #[error("the journal's disk is full: free space there; try again in {retry_after_ms} ms")]
    NoSpace {
        /// When to look again.
        retry_after_ms: u32,
    },
    /// The journal cannot be written for another reason.
    #[error("the journal cannot be written: {message}")]
    Failed {
        /// What the system said.
        message: String,
        /// When to try again.
        retry_after_ms: u32,
    },
    /// The journal's files are not its newest ones, or not in their place: nothing is taken before somebody has
    /// looked after that.
    #[error("{message}")]
    Halted {
        /// What was seen, and what to do.
        message: String,
        /// When to try again.
        retry_after_ms: u32,
    },
    /// The service is shutting down; try again when it is back.
    #[error("ingestion is shutting down: try again in {retry_after_ms} ms")]
    Closing {
        /// When it may be back.
        retry_after_ms: u32,
    },
    /// No answer within the time asked for. The rows may still get in: retry under the same number.
    #[error("no answer in time: the rows may still be taken; retry under the same producer sequence")]
    TimedOut,
}

/// A full disk is looked at again by every attempt; producers need not hurry.
const UNWRITTEN_RETRY_MS: u32 = 1000;

/// A restart of the service takes about this long.
const CLOSING_RETRY_MS: u32 = 1000;

impl Refusal {
    /// The refusal of a service that shuts down.
    pub fn closing() -> Refusal {
        Refusal::Closing { retry_after_ms: CLOSING_RETRY_MS }
    }

    /// The refusal of a submission that the journal could not write.
    pub fn unwritten(error: &JournalError) -> Refusal {
        match error {
            JournalError::NoSpace { .. } => Refusal::NoSpace { retry_after_ms: UNWRITTEN_RETRY_MS },
            JournalError::Halted { .. } => {
                Refusal::Halted { message: error.to_string(), retry_after_ms: UNWRITTEN_RETRY_MS }
            }
            other => Refusal::Failed { message: other.to_string(), retry_after_ms: UNWRITTEN_RETRY_MS },
        }
    }

    /// The wire's code for it; HTTP uses the same number.
    pub fn code(&self) -> ErrorCode {
        match self {
            Refusal::Busy { .. } => ErrorCode::BUSY,
            Refusal::Conflict { .. } => ErrorCode::CONFLICT,
            Refusal::Invalid(_) => ErrorCode::MALFORMED,
            Refusal::TooLarge { .. } | Refusal::TooManyStreams => ErrorCode::TOO_LARGE,
            Refusal::NoSpace { .. } => ErrorCode::NO_SPACE,
            Refusal::Failed { .. } => ErrorCode::INTERNAL,
            Refusal::Halted { .. } | Refusal::Closing { .. } | Refusal::TimedOut => ErrorCode::NOT_READY,
        }
    }

    /// When to try again, milliseconds; 0: the same submission will be refused again.
    pub fn retry_after_ms(&self) -> u32 {
        match self {
            Refusal::Busy { retry_after_ms }
            | Refusal::NoSpace { retry_after_ms }
            | Refusal::Failed { retry_after_ms, .. }
            | Refusal::Halted { retry_after_ms, .. }
            | Refusal::Closing { retry_after_ms } => *retry_after_ms,
            Refusal::TimedOut => 1,
            Refusal::Conflict { .. }
            | Refusal::Invalid(_)
            | Refusal::TooLarge { .. }
            | Refusal::TooManyStreams => 0,
        }
    }

    /// With [`Refusal::Conflict`]: the last number accepted; else 0.
    pub fn expected_previous(&self) -> u64 {
        match self {
            Refusal::Conflict { expected_previous, .. } => *expected_previous,
            _ => 0,
        }
    }

    /// As it goes over the wire.
    pub fn to_error(&self) -> ErrorResponse {
        ErrorResponse { code: self.code(), message: self.to_string(), retry_after_ms: self.retry_after_ms() }
    }
}
