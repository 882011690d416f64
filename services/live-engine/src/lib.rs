//! The live engine: folds the journal into the current state of every stream, publishes each record as
//! it comes, derives longer candles, and answers questions about state.
//!
//! It stores nothing and assigns no sequence: what it publishes are the journal's own bytes, what it
//! derives goes back to ingestion like any producer's rows. It does not serve ranges (that is backfill)
//! and builds without DuckDB.
//!
//! # Invariants
//! - A record is published only after it came from the journal, byte for byte as it is stored there.
//! - State is a fold of the journal from its beginning, or from a checkpoint that is one; after a rewind
//!   it is read again from there, never patched.
//! - Publishing waits for no subscriber, no state request and no derived row.
//! - Derived bars depend on the rows of their source alone: a second run gives the same ones.
//!
//! ```no_run
//! use gapless_live_engine::{Config, run};
//! use gapless_service_kit::Shutdown;
//!
//! let config = Config { live: "tcp://127.0.0.1:*".into(), ..Config::default() };
//! run(config, Shutdown::new(), |bound| println!("live at {}", bound.live))?;
//! # Ok::<(), gapless_live_engine::Error>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod args;
mod checkpoint;
mod config;
pub mod core;
mod courier;
mod derive;
mod engine;
mod error;
mod feed;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod history;
mod meters;
mod outbox;
mod reading;
mod restart;
mod shelf;
mod shell;
mod state;
mod window;

pub use args::Args;
pub use config::Config;
pub use derive::{Rule, RuleError, RuleText};
pub use error::Error;
pub use shell::{Bound, run};

#[cfg(test)]
mod tests;
