//! What an error answer means for a request.

use gapless_protocol::Failure;
use gapless_wire::{ErrorCode, ErrorResponse};
use std::time::Duration;

/// Faults of the server pass, so they count as busy: rows are given up only when the server says that it
/// will not serve them, never because it stumbles.
pub(crate) fn failure(error: &ErrorResponse) -> Failure {
    if error.code == ErrorCode::INTERNAL {
        // Requests back off, so this is said some times a minute while the fault lasts.
        tracing::warn!(reason = error.message, "the replay side cannot answer: asking again");
    }
    match error.code {
        ErrorCode::UNKNOWN_STREAM => Failure::UnknownLog,
        ErrorCode::BUSY | ErrorCode::INTERNAL | ErrorCode::NOT_READY => {
            Failure::Busy { retry_after: Duration::from_millis(error.retry_after_ms.into()) }
        }
        ErrorCode(code) => Failure::Refused { code },
    }
}
