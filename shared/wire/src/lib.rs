//! FlatBuffers messages: typed encode and decode, limits, topics, error codes.
//!
//! [`encode_message`] turns a [`Message`] into the bytes of one envelope, [`decode`] turns bytes from a
//! socket back, checked. [`Encoder`] does the first without a new buffer for each message;
//! [`BatchHeader`] and [`JournalRecordView`] read what a router needs without copying rows.
//!
//! It is not a transport (see `gapless-transport`) and keeps no state between messages. It is the only
//! crate that knows FlatBuffers: the generated code stays private.
//!
//! # Invariants
//! - Nothing is read that did not pass the FlatBuffers verifier under explicit [`Limits`]; rows of candles are held to
//!   the same rules by a reader of their own (`decode/candle_rows.rs`).
//! - Decoding any bytes never panics, and takes memory in proportion to the bytes, not to what they claim.
//! - A decoded value is whole and valid, or there is none: nothing is half applied.
//! - A message that existed in version 1 says `schema_version` 1 for ever.
//!
//! ```
//! use gapless_wire::{Limits, Message, decode, encode_message};
//! let bytes = encode_message(&Message::HealthRequest, "42");
//! let envelope = decode(&bytes, &Limits::request())?;
//! assert_eq!((envelope.correlation_id.as_str(), envelope.message), ("42", Message::HealthRequest));
//! # Ok::<(), gapless_wire::DecodeError>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod decode;
mod encode;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod generated;
mod limits;
mod message;
mod peek;
pub mod topic;
mod version;

pub use decode::{decode, decode_batch};
pub use encode::{Encoder, encode, encode_message};
pub use error::DecodeError;
pub use limits::{
    Limits, MAX_CHECKPOINT_PART_BYTES, MAX_CORRELATION_ID_BYTES, MAX_ID_BYTES, MAX_MESSAGE_BYTES,
    MAX_REQUEST_BYTES, MAX_TOPIC_BYTES, MAX_WATERMARKS_PER_MESSAGE,
};
pub use message::*;
pub use peek::{BatchHeader, JournalRecordView, peek_correlation_id};
pub use version::{MAX_VERSION, MIN_VERSION, schema_version_of};

#[cfg(test)]
mod tests;
