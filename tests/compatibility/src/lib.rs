//! Version 1 as peers in the field speak it, written against the contract and the frozen schema alone.
//!
//! It shares no line with the crates that it is held against: not the typed messages, not the sockets. It
//! speaks it over the pure-Rust `zeromq` crate, in its current release and in the one that old clients pin; its tests have
//! it spoken by Python, too. What it says is what an old peer says, its habits included: it opens a connection for each
//! request, and compares `schema_version` with 1 exactly.
// Two releases of one crate are spoken to in the same words.
#![allow(clippy::duplicate_mod)]

pub mod current;
pub mod pinned;
mod question;
mod server;
mod table;

pub use question::{Answer, Question, ask, read_answer, read_batch};
pub use server::{NextSequence, OldServer};
pub use table::{Candle, Heard, Key, LiveBatch};

#[allow(warnings, unsafe_code, missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used)]
#[path = "../../../shared/wire/src/generated/gapless_v1.rs"]
#[rustfmt::skip]
mod generated;

#[cfg(test)]
mod tests;
