//! Support for tests of the real programs: start them, find out where they listen, stop or kill
//! them, ask them over HTTP, and wait without sleeping blindly.
//!
//! It is not a test itself and no product code: only the tests beside it use it.
//!
//! Invariants: every process that a test starts has ended when the test has; every port comes from
//! the operating system; every wait has a deadline and says what it waited for.
//!
//! ```no_run
//! use gapless_tests::{DataDir, Proc, SOON};
//! let data = DataDir::new();
//! let mut ingestion = Proc::new("gapless-ingestion").arg("--admin").arg("127.0.0.1:0").start();
//! let ingest = ingestion.address("ingest");
//! ingestion.wait_until_ready(SOON);
//! ingestion.terminate();
//! assert!(ingestion.wait(SOON).success(), "{}", ingestion.log());
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod eventually;
mod files;
mod http;
mod places;
mod process;
mod python;
mod relay;
mod stack;

pub use eventually::{LATER, SOON, eventually, eventually_some};
pub use files::{FileCandle, file_candles, folded_ticks};
pub use http::{Answer, http, http_get, http_within};
pub use places::{DataDir, binary, repository, shared_data, target_folder};
pub use process::{Proc, Running};
pub use python::{generate_python, python};
pub use relay::Relay;
pub use stack::{Part, Replay, Settings, Stack, free_ports};

/// The examples of the README, compiled so that they stay true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
