//! Drives the coordinator over real sockets: the one way to follow a journal or streams.
//!
//! A follower is one thread with a SUB socket (the live feed, which may drop), a DEALER socket (the
//! replay side, which may not) and a [`gapless_protocol::Coordinator`] per log. What comes out is a
//! bounded channel of events: rows in order, each exactly once, and everything that a user should know.
//!
//! It is not where gaps are reasoned about (that is `gapless-protocol`), it stores no cursor and it knows
//! no database. [`JournalFollower`] follows one journal partition, [`StreamFollower`] any number of
//! streams; both are dialects of one driver.
//!
//! # Invariants
//! - One thread owns the sockets and the coordinators; there are no locks around them.
//! - Nothing is handed over that did not decode, and no replayed range whose digest differs.
//! - A full event channel stops the reading of sockets. What the publisher drops meanwhile is healed.
//! - Dropping a follower ends its thread, also while it waits for room in the channel.
//!
//! ```no_run
//! use gapless_follow::{JournalEvent, JournalFollower, JournalSettings};
//! use gapless_protocol::Begin;
//!
//! let settings = JournalSettings::new("tcp://127.0.0.1:5552", "tcp://127.0.0.1:5553", Begin::Earliest);
//! let follower = JournalFollower::start(settings)?;
//! for event in follower.events() {
//!     if let JournalEvent::Record { record, batch, .. } = event {
//!         println!("{} {} {}", record.position, batch.key, batch.range());
//!     }
//! }
//! # Ok::<(), gapless_follow::FollowError>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod clock;
pub mod core;
mod dialect;
mod driver;
mod error;
mod exchange;
mod handle;
mod journal;
mod logs;
mod machine;
mod progress;
mod refusal;
mod stream;

pub use clock::Clock;
pub use error::FollowError;
pub use journal::{JournalEvent, JournalFollower, JournalSettings};
pub use progress::Progress;
pub use stream::{Select, StreamBegin, StreamEvent, StreamFollower, StreamSettings};

#[cfg(test)]
mod tests;
