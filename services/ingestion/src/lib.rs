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

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod intake;

pub use intake::{
    AckWhen, Intake, IntakeLimits, MAX_SUBMISSION_BYTES, ProducerRef, ProducerStatus, Receipt, Refusal,
    Reply, Submission, Ticket,
};
