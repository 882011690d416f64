//! Benchmarks that users would believe.
//!
//! Everything that is compared is measured in the same run, turn by turn, and told as a ratio: absolute figures belong
//! to one machine. Producers, services and consumers are processes of their own on loopback. Senders that keep a rate
//! are open loops: each message carries the time when it was to be sent, so one that was held up counts in full.
//!
//! `docs/BENCHMARKS.md` says what the figures are and how they came to be; `make bench` measures them again.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod aims;
pub mod benches;
pub mod chart;
pub mod child;
pub mod clock;
pub mod jetstream;
pub mod load;
pub mod machine;
pub mod micro;
pub mod ours;
pub mod process;
mod raw;
pub mod redis_streams;
pub mod report;
pub mod results;
pub mod role;
pub mod system;
