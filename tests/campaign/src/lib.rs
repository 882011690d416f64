//! Campaigns against the real programs.
//!
//! [`crash`]: the services apart, producers at a steady load, several kinds of clients, and a schedule of
//! faults that follows from a seed: kill -9, SIGSTOP, SIGTERM, full disks, several at once. When it is over,
//! every place must hold the same rows, and every acknowledged batch must be there exactly once.
//!
//! [`soak`]: the same stack under a steady load while clients connect and leave each second; memory, file
//! descriptors, threads and disk must not grow.
//!
//! It is no product code and no test by itself: `make crash`, `make soak` and the tests beside it run it.
//!
//! Invariants: the schedule follows from the seed alone; whatever was started or mounted has ended when a
//! campaign has, also after a panic or Ctrl-C; nothing is written into the source tree.
//!
//! ```no_run
//! use gapless_campaign::crash::{Plan, run};
//! use gapless_service_kit::Shutdown;
//! let report = run(&Plan { seed: 7, ..Plan::default() }, &Shutdown::new())?;
//! assert!(report.problems.is_empty(), "{report}");
//! # Ok::<(), anyhow::Error>(())
//! ```
#![allow(clippy::expect_used)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing))]

mod book;
mod client;
mod command;
mod control;
mod folder;
mod load;
mod numbers;
mod producer;
mod slot;
mod small_disk;
mod table;

pub mod crash;
pub mod soak;
