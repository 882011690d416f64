//! The contract of `schemas/README.md`; doc comments cite its numbered MUSTs.

mod candle_rows;
mod checkpoints;
mod corpus;
mod errors;
mod fixtures;
mod hostile;
mod peek;
mod round_trip;
mod samples;
mod schema;
mod strategies;
mod version_1;

use std::path::PathBuf;

/// The checkout's root.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
