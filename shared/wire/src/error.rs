//! Why bytes are not a message, by what the reader does next.

use crate::{ErrorCode, ErrorResponse, MAX_VERSION, MIN_VERSION};
use flatbuffers::InvalidFlatbuffer;
use gapless_model::{KeyError, RowError};

/// The longest reason that is sent back, in bytes: a line of a log.
const MAX_REASON_BYTES: usize = 300;

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are no valid message: drop them; a server answers 400.
    #[error("malformed message: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// The message is whole, but a row is not usable: drop the batch; a server answers 400.
    #[error("unusable rows: {0}")]
    Rows(#[from] RowError),
    /// A peer of another time: upgrade one side; a server answers 426.
    #[error(
        "schema_version {found} is not spoken here: use {MIN_VERSION} to {MAX_VERSION}, or upgrade this side"
    )]
    Version {
        /// What the envelope says.
        found: u32,
    },
    /// A message that is not known here: a subscriber passes over it; a server answers 400.
    #[error("message type {tag} is not known here: this side speaks versions {MIN_VERSION} to {MAX_VERSION}")]
    UnknownType {
        /// The union tag.
        tag: u8,
    },
    /// More than the limit of its socket: send less at once; a server answers 413.
    #[error("{what}: {found} is over the limit of {limit}: send it in smaller parts")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much it is.
        found: usize,
        /// How much it may be.
        limit: usize,
    },
}

impl DecodeError {
    /// Something is wrong with the field or part `what`.
    pub(crate) fn malformed(reason: impl Into<String>) -> DecodeError {
        DecodeError::Malformed { reason: cut(reason.into()) }
    }

    /// A field is not there.
    pub(crate) fn missing(field: &str) -> DecodeError {
        DecodeError::malformed(format!("{field} is missing"))
    }

    /// The code that a server answers with.
    pub fn code(&self) -> ErrorCode {
        match self {
            DecodeError::Malformed { .. } | DecodeError::Rows(_) | DecodeError::UnknownType { .. } => {
                ErrorCode::MALFORMED
            }
            DecodeError::Version { .. } => ErrorCode::VERSION,
            DecodeError::TooLarge { .. } => ErrorCode::TOO_LARGE,
        }
    }

    /// What a server answers.
    pub fn to_response(&self) -> ErrorResponse {
        ErrorResponse { code: self.code(), message: cut(self.to_string()), retry_after_ms: 0 }
    }
}

impl From<DecodeError> for ErrorResponse {
    fn from(error: DecodeError) -> ErrorResponse {
        error.to_response()
    }
}

impl From<KeyError> for DecodeError {
    fn from(error: KeyError) -> DecodeError {
        DecodeError::malformed(error.to_string())
    }
}

impl From<InvalidFlatbuffer> for DecodeError {
    fn from(error: InvalidFlatbuffer) -> DecodeError {
        let reason = match error {
            InvalidFlatbuffer::TooManyTables => "it has more parts than its kind of message may have".into(),
            InvalidFlatbuffer::ApparentSizeTooLarge => {
                "it shares parts so often that it grows beyond its limit when read".into()
            }
            InvalidFlatbuffer::DepthLimitReached => "it is nested too deeply".into(),
            other => other.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        };
        DecodeError::malformed(reason)
    }
}

/// Reasons repeat what was sent, so they are cut before they are sent back.
fn cut(mut text: String) -> String {
    if text.len() > MAX_REASON_BYTES {
        text.truncate(text.floor_char_boundary(MAX_REASON_BYTES));
        text.push('…');
    }
    text
}
