//! The snapshot writer: follows streams like any application, and writes what people and tools read.
//!
//! It writes *artifacts*: a folder per stream, or per session of a source, with the rows as Parquet and/or CSV,
//! a `manifest.json` that names every file with its digests, and a `latest.json` for tools that poll a file.
//! And it writes *checkpoints* of the live engine, from which that restarts quickly. It serves nothing, assigns
//! no sequence and links no DuckDB.
//!
//! # Invariants
//! - What a manifest names is durable before the manifest is; what no manifest names does not count, and is
//!   removed at the next start. A manifest is replaced as a whole.
//! - A manifest is the cursor: after any crash each stream goes on where its manifest ends, nothing twice,
//!   nothing missing. What could not be had is listed, with its reason.
//! - Memory is bounded: what waits is written early when it is too much, and nothing more is read while the
//!   disk does not take it. An artifact that cannot be written holds up no other before memory is used up.
//! - An artifact is complete only with all files that it names. One whose folder is removed while it is written is begun
//!   again, and lists the rows that were in it as missing.
//! - The journal lets go of records only up to a checkpoint that was read back whole, and of which a newer one was.
//!
//! ```no_run
//! use gapless_service_kit::Shutdown;
//! use gapless_snapshot_writer::{Config, run};
//!
//! let config = Config { artifact_dir: "artifacts".into(), ..Config::default() };
//! run(config, Shutdown::new(), || println!("writing"))?;
//! # Ok::<(), gapless_snapshot_writer::Error>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod args;
mod artifact;
mod buffer;
mod checkpoints;
mod clock;
mod config;
pub mod core;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod intake;
mod latest;
pub mod manifest;
mod meters;
mod name;
mod part;
mod record;
mod retention;
mod retired;
#[cfg(test)]
mod samples;
mod service;
mod shelf;

pub use args::Args;
pub use config::{Beginning, CheckpointConfig, Config, Format, RetentionConfig};
pub use error::Error;
pub use latest::{Latest, LatestRow};
pub use part::sha256_of;
pub use service::run;
