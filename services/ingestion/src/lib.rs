//! Accepts rows from sources and producers, sequences them and writes the journal.
//!
//! Everything that hands in rows (HTTP, ZeroMQ producers, sources inside the process) meets at one
//! [`Intake`]: a bounded queue in front of the one thread that sequences, writes and publishes. It is
//! not an archive and keeps no rows in memory; what was acknowledged is in the journal.
//!
//! # Invariants
//! - A row is in the journal before anybody is told about it, on the journal socket or by a receipt.
//! - One thread assigns positions and sequences.
//! - A refused submission left no trace: not in the journal, not in the sequencer.
//! - Reading the journal never waits for writing it, and writing never for reading.
//!
//! ```no_run
//! use gapless_ingestion::{Config, run};
//! use gapless_service_kit::Shutdown;
//! let shutdown = Shutdown::new();
//! run(Config::default(), shutdown, |bound| println!("producers send to {}", bound.ingest))?;
//! # Ok::<(), gapless_ingestion::Error>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod acknowledger;
mod args;
mod clock;
mod config;
pub mod core;
mod counts;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod housekeeping;
pub mod http;
mod ingest_socket;
mod intake;
mod replay_socket;
mod run;
mod scrub;
pub mod sources;
mod writer;

pub use args::Args;
pub use config::{Config, JournalConfig, SyncPolicy};
pub use error::Error;
pub use intake::{
    AckWhen, Intake, IntakeLimits, MAX_SUBMISSION_BYTES, ProducerRef, ProducerStatus, Receipt, Refusal,
    Reply, Submission, Ticket, Via,
};
pub use run::{Bound, run, run_embedded};

/// The service's name in configuration, logs, metrics and health.
pub const SERVICE: &str = "ingestion";

#[cfg(test)]
mod tests;
