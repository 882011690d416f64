//! What `flatc` makes of `schemas/*.fbs`: see `.ci/gen`. Not edited, not public, not linted.
#![allow(missing_docs, unsafe_code, unreachable_pub, deprecated, warnings, clippy::all)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[rustfmt::skip]
pub(crate) mod candle_rows_generated;
#[rustfmt::skip]
pub(crate) mod envelope_header_generated;
#[rustfmt::skip]
pub(crate) mod gapless_generated;
#[cfg(test)]
#[rustfmt::skip]
pub(crate) mod gapless_v1;

/// A batch of candles, its rows reduced to their offsets.
pub(crate) use candle_rows_generated::flux::rows;
/// The part of an envelope that is readable whatever its message is.
pub(crate) use envelope_header_generated::flux::header;
/// Everything of the current schema.
pub(crate) use gapless_generated::flux::schema as fb;
/// The frozen schema of version 1.
#[cfg(test)]
pub(crate) use gapless_v1::flux::schema as v1;
