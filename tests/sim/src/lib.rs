//! The whole system in one thread, under a virtual clock, network and disk, driven by one seed.
//!
//! It is not a model of Gapless: the sequencer, the journal, the engine's fold, backfill's hot window and
//! catch-up, the coordinators and a client's books are the real ones. What surrounds them is made up and as
//! bad as a schedule says. A reference model watches every step; then the world heals, and everything must
//! catch up within a bound of virtual time.
//!
//! # Invariants
//! - The same seed gives the same run, event by event: nothing here reads a clock, a thread or an address.
//! - A schedule is explicit data: a run that fails is run again with steps left out until none can be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod campaign;
pub mod disk;
pub mod net;
pub mod node;
#[cfg(feature = "planted")]
pub mod planted;
pub mod run;
pub mod schedule;
pub mod trace;
pub mod truth;
pub mod world;
