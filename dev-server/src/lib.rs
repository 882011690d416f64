//! A whole upstream in one process that misbehaves on command: live feed, replay and state of made-up or
//! recorded streams, with a plan of faults that a seed makes repeatable.
//!
//! Whoever writes a client, a chart or a dashboard points it here and sees what it does when messages are
//! dropped, replies are wrong or history is gone. The rows, their sequences and the watermarks are right;
//! only what a [`FaultPlan`] or an [`Order`] asks for is wrong. It keeps nothing on disk and is no store.
//!
//! # Invariants
//! - [`Upstream`] is pure: time and requests come in as values, messages go out as values.
//! - The same scenario and seed give the same faults to the same batches and requests.
//! - A sequence names one row within an epoch, whatever is withheld, repeated or damaged on the way.
//!
//! ```no_run
//! use gapless_dev_server::{Config, DevServer};
//!
//! let config = Config { scenario: "lossy".into(), ..Config::on_any_port() };
//! let server = DevServer::start(&config)?;
//! println!("live feed at {}", server.endpoints().live);
//! # Ok::<(), gapless_dev_server::Error>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod args;
mod config;
mod error;
mod faults;
mod history;
mod http;
mod judge;
mod order;
mod recorder;
mod report;
mod scenario;
mod server;
mod service;
mod shell;
mod source;
mod stream;
mod universe;
mod upstream;
mod view;

pub use args::Args;
pub use config::{Config, ReportForm, SourceConfig};
pub use error::Error;
pub use faults::{FaultPlan, LiveFaults, ReplyFaults};
pub use http::Panel;
pub use judge::{Findings, Judge};
pub use order::{Command, EpochChange, Order, OrderError, Sequences};
pub use recorder::{Record, Recorder};
pub use report::Report;
pub use scenario::{Expectation, Scenario, StreamSetup, TimedOrder};
pub use server::{DevServer, Endpoints};
pub use service::{Bound, print_scenarios, run};
pub use source::Recording;
pub use universe::{Listing, Universe};
pub use upstream::{Output, Upstream};
pub use view::{ReplyCounts, StreamView, StripCell, View};
