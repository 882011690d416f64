//! Drives the coordinator over real sockets: the one way to follow a journal or streams.
//!
//! A follower works on the thread of whoever reads it, and only while it is asked. It has a SUB socket (the live
//! feed, which may drop), a DEALER socket (the replay side, which may not) and a [`gapless_protocol::Coordinator`]
//! per log. What comes out are events in a bounded queue: rows in order, each exactly once, and everything that a
//! user should know.
//!
//! It is not where gaps are reasoned about (that is `gapless-protocol`), it stores no cursor and it knows
//! no database. [`JournalFollower`] follows one journal partition, [`StreamFollower`] any number of
//! streams; both are dialects of one driver.
//!
//! # Invariants
//! - Sockets and coordinators belong to the reader's thread; there are no threads here.
//! - Nothing is handed over that did not decode, and no replayed range whose digest differs.
//! - A reader that does not ask, or a full queue of events, stops the reading of sockets. What the publisher drops
//!   meanwhile is healed.
//!
//! ```no_run
//! use gapless_follow::{JournalEvent, JournalFollower, JournalSettings};
//! use gapless_protocol::Begin;
//! use std::time::Duration;
//!
//! let settings = JournalSettings::new("tcp://127.0.0.1:5552", "tcp://127.0.0.1:5553", Begin::Earliest);
//! let mut follower = JournalFollower::start(settings)?;
//! while let Some(event) = follower.next_timeout(Duration::from_secs(60))? {
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
