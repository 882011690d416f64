//! Rows over HTTP: `POST /v1/ingest/{kind}/{source_id}/{symbol}/{interval}`.
//!
//! A request is one batch: it is taken whole, and answered with the sequences that its rows got and how
//! safe they are, or it is refused whole, with the row and the reason. It is not a query interface, and
//! it speaks plain HTTP/1.1: encryption and authorisation belong in front of it.
//!
//! # Invariants
//! - What clients make the service hold is bounded: connections, bytes of bodies (as sent and as
//!   inflated), requests being worked on, and the time that each part of a request may take.
//! - No handler blocks the runtime: parsing has threads of its own, and an answer is awaited.
//! - A stop finishes the requests that are being worked on and takes no new ones.
//!
//! # The answer
//! `200` with `{stream, epoch, first_sequence, last_sequence, rows, position, durability, duplicate}`.
//! Everything else has `{code, message}`, and where it helps `row`, `expected_previous` and
//! `retry_after_ms`: `400` wrong row or header, `404` no such path or kind, `405`, `408` too slow, `409`
//! conflict of producer numbers, `413` too large, `415` unknown type or encoding, `429` busy, `503`
//! stopping, `507` disk full.

mod answer;
mod budget;
mod content;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod inflate;
mod limits;
mod problem;
mod producer;
mod query;
mod receive;
mod route;
mod server;

pub use server::{HttpError, HttpServer};

/// The largest body, as sent and as inflated: that of any message on any socket.
pub const MAX_BODY_BYTES: usize = gapless_wire::MAX_MESSAGE_BYTES;

#[cfg(test)]
pub(crate) mod tests;
