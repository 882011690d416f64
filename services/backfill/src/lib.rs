//! The backfill service: follows the journal into an archive in DuckDB, and replays any range on request.
//!
//! It is where every subscriber's gaps are healed: by sequence or by time, for clients of both versions. It
//! publishes nothing and assigns no sequence; what it serves are the rows as they were published.
//!
//! # Invariants
//! - Rows and the journal position that they lead to are committed together; the journal is told a position
//!   only after that.
//! - From `earliest` to `latest` a stream has no hole here but rows that will not come, and an answer says exactly
//!   what it holds.
//! - Damaged rows are never served, and keep nobody from the others.
//! - Nothing waits for a client: not the journal, not another client.
//!
//! ```no_run
//! use gapless_backfill::{Config, run};
//! use gapless_service_kit::Shutdown;
//!
//! let config = Config { backfill: "tcp://127.0.0.1:*".into(), ..Config::default() };
//! run(config, Shutdown::new(), |bound| println!("requests at {}", bound.requests))?;
//! # Ok::<(), gapless_backfill::Error>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod args;
mod config;
pub mod core;
mod damage;
mod desk;
mod error;
mod fair;
mod flight;
mod hot;
mod intake;
mod joining;
mod library;
mod meters;
mod plan;
mod readable;
#[cfg(test)]
mod samples;
mod sealing;
mod served;
mod service;
mod shelf;
mod survey;
mod writer;

pub use args::Args;
pub use config::{Config, DuckDbConfig, HotConfig, RetentionConfig, RetentionRule};
pub use error::Error;
pub use service::{Bound, run};

#[cfg(test)]
mod tests;
