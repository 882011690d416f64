//! The nouns that every other crate speaks: streams, epochs, sequences, rows, digests and time.
//!
//! It is plain data with its validation. It is not a codec (see `gapless-wire`), not a state machine
//! (see `gapless-protocol`), and it touches no clock, socket, file or thread; it builds for wasm32.
//!
//! # Invariants
//! - A [`StreamKey`] that exists is valid: its topic has exactly four parts.
//! - A [`SeqRange`] is half-open and never has `start > end`.
//! - A [`Batch`] has one kind of row, that of its key.
//!
//! ```
//! use gapless_model::{Kind, StreamKey};
//! let key = StreamKey::new(Kind::Candles, "kraken", "BTC-USD", "1m")?;
//! assert_eq!(key.topic(), "candles.kraken.BTC-USD.1m");
//! # Ok::<(), gapless_model::KeyError>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod batch;
mod digest;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod interval;
mod key;
mod rows;
mod sequence;
mod time;
mod watermark;

pub use batch::{Batch, Flags, JOINED_BYTES, SMALL_ROWS};
pub use digest::Digest;
pub use interval::Interval;
pub use key::{KeyError, Kind, MAX_PART_BYTES, StreamKey};
pub use rows::{
    Candle, MAX_COLUMNS, MAX_ROWS_PER_BATCH, MAX_TEXT_BYTES, MetricRows, RowError, Rows, Severity, Warning,
};
pub use sequence::{Epoch, Position, Seq, SeqRange};
pub use time::{MonoTime, UnixMillis, UnixNanos};
pub use watermark::{EpochStart, StreamStatus, Watermark};

#[cfg(test)]
mod tests;
