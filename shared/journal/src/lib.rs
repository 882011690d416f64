//! A segmented append-only log: the only source of truth.
//!
//! Records are opaque bytes with a position, 1, 2, 3 and so on. They lie in files named by their first
//! position, each record with its checksums. One [`Appender`] writes, any number of [`Journal`] handles
//! read while it does. It is not replicated, it does not know what its records mean, and it needs no
//! thread of its own except for syncing.
//!
//! # Invariants
//! - A record that [`Appender::append`] returned for survives the death of the process under every
//!   [`Sync`] policy, and a power loss once [`Journal::synced`] has reached it.
//! - A reader never sees bytes that are not yet wholly written, nor bytes whose checksum is wrong.
//! - Under one epoch a position never names two different records.
//! - Damage is passed over, said once and listed ([`Journal::damage`]); the whole records around it are served.
//! - Sealed segments are synced: only the last file can have a torn tail.
//! - Once it shows that the files are not the newest ones of this journal, or not in their place any more, nothing is
//!   taken ([`Journal::halted`]).
//! - An open journal is locked: a second opener is refused.
//!
//! ```
//! use gapless_journal::{Options, open};
//! use gapless_model::{Position, UnixMillis};
//! let dir = tempfile::tempdir()?;
//! let mut opened = open(Options::new(dir.path(), "boot-1"), UnixMillis(1_700_000_000_000))?;
//! opened.appender.append(&[b"one", b"two"])?;
//! let read = opened.journal.read(Position::FIRST, 1 << 20)?;
//! assert_eq!(read.records, [b"one", b"two"]);
//! opened.appender.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod append;
mod chain;
mod checked;
mod damage;
mod error;
mod followers;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod halt;
mod header;
mod index;
mod journal;
mod meta;
mod open;
mod options;
mod read;
mod recovery;
mod retention;
mod segment;
mod side;
mod sync;
mod unreadable;

pub use append::{Appended, Appender};
pub use damage::Damage;
pub use error::JournalError;
pub use followers::{FollowerStatus, MAX_FOLLOWERS};
pub use frame::MAX_RECORD_BYTES;
pub use journal::{Journal, Status};
pub use open::{Opened, open};
pub use options::{Options, Retention, Sync, Verify, boot_id};
pub use read::Read;
pub use recovery::{Cut, Recovery};
pub use retention::Retired;

#[cfg(test)]
mod tests;
