//! Why a request was not served, as HTTP tells it.

use crate::Refusal;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gapless_formats::BodyError;
use gapless_model::RowError;
use gapless_wire::{DecodeError, ErrorCode};
use serde::Serialize;

/// What a client that was told to come back waits at least.
const RETRY_MS: u32 = 1000;

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The status, again.
    pub(crate) code: u16,
    /// What is wrong and what to do.
    pub(crate) message: String,
    /// The row that is wrong: its line, or its place in an array, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<u64>,
    /// With 409: the last number accepted from this producer on this stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected_previous: Option<u64>,
    /// When to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_ms: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Problem {
        Problem {
            code: status.as_u16(),
            message: message.into(),
            row: None,
            expected_previous: None,
            retry_after_ms: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn busy(message: impl Into<String>) -> Problem {
        Problem { retry_after_ms: Some(RETRY_MS), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    fn with_row(self, row: u64) -> Problem {
        Problem { row: Some(row), ..self }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Problem {
        match error {
            BodyError::Row { row, reason } => Problem::bad_request(reason).with_row(row),
            BodyError::TooManyRows { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            BodyError::Empty | BodyError::Malformed(_) => Problem::bad_request(error.to_string()),
        }
    }
}

impl From<DecodeError> for Problem {
    fn from(error: DecodeError) -> Problem {
        match error {
            DecodeError::Rows(rows) => rows.into(),
            DecodeError::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            DecodeError::Malformed { .. } | DecodeError::Version { .. } | DecodeError::UnknownType { .. } => {
                Problem::bad_request(error.to_string())
            }
        }
    }
}

impl From<RowError> for Problem {
    fn from(error: RowError) -> Problem {
        match error {
            RowError::Row { row, reason } => Problem::bad_request(reason).with_row(row as u64 + 1),
            RowError::Batch(reason) => Problem::bad_request(reason),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let message = refusal.to_string();
        let status = match refusal.code() {
            _ if matches!(refusal, Refusal::Failed { .. }) => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode(code) => u16::try_from(code)
                .ok()
                .and_then(|code| StatusCode::from_u16(code).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let retry_after_ms = Some(refusal.retry_after_ms()).filter(|wait| *wait > 0);
        let problem = Problem { retry_after_ms, ..Problem::new(status, message) };
        match refusal {
            Refusal::Conflict { expected_previous, .. } => {
                Problem { expected_previous: Some(expected_previous), ..problem }
            }
            Refusal::Invalid(rows) => rows.into(),
            _ => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        if let Some(wait) = self.retry_after_ms {
            // Whole seconds, rounded up: that is all the header can say.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000)));
        }
        response
    }
}
