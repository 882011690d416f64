//! Why a request was not served.

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (code {})", code.0)]
pub struct ErrorResponse {
    /// What kind of refusal.
    pub code: ErrorCode,
    /// What is wrong and what to do.
    pub message: String,
    /// When to try again; 0: trying again does not help, or not known.
    pub retry_after_ms: u32,
}

/// The contract's error codes; numbers as in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

#[allow(missing_docs)] // The names say it; the table in schemas/README.md has a sentence for each.
impl ErrorCode {
    pub const MALFORMED: ErrorCode = ErrorCode(400);
    pub const UNAUTHENTICATED: ErrorCode = ErrorCode(401);
    pub const FORBIDDEN: ErrorCode = ErrorCode(403);
    pub const UNKNOWN_STREAM: ErrorCode = ErrorCode(404);
    pub const CONFLICT: ErrorCode = ErrorCode(409);
    pub const TRIMMED: ErrorCode = ErrorCode(410);
    pub const TOO_LARGE: ErrorCode = ErrorCode(413);
    pub const VERSION: ErrorCode = ErrorCode(426);
    pub const BUSY: ErrorCode = ErrorCode(429);
    pub const INTERNAL: ErrorCode = ErrorCode(500);
    pub const NOT_READY: ErrorCode = ErrorCode(503);
    pub const NO_SPACE: ErrorCode = ErrorCode(507);
}

impl ErrorResponse {
    /// A refusal that trying again does not change.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> ErrorResponse {
        ErrorResponse { code, message: message.into(), retry_after_ms: 0 }
    }

    /// A refusal that may be gone after `wait_ms` milliseconds.
    pub fn retry(code: ErrorCode, message: impl Into<String>, wait_ms: u32) -> ErrorResponse {
        ErrorResponse { code, message: message.into(), retry_after_ms: wait_ms }
    }
}
