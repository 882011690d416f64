//! Where cursors live between two runs of an application.

mod memory;

pub use memory::MemoryStore;

#[cfg(feature = "duckdb")]
pub use self::duck::{DEFAULT_COMMIT_EVERY, DEFAULT_COMMIT_ROWS, DuckSettings, DuckStore, DuckTotals};

#[cfg(feature = "duckdb")]
mod duck;

use crate::{BoxError, Event};
use gapless_model::{Digest, Epoch, Seq, StreamKey};
use std::time::Instant;

/// Where a consumer resumes: everything up to `applied` was acknowledged, in this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cursor {
    /// The history that the sequence belongs to.
    pub epoch: Epoch,
    /// The last acknowledged row; [`Seq::NONE`] before the first.
    pub applied: Seq,
}

/// Keeps cursors, and whatever else the application wants to be as old as its cursors.
///
/// A store that writes rows and cursor in one transaction makes delivery exactly once: after any crash
/// the cursor says exactly which rows are there.
pub trait CursorStore: Send {
    /// Every cursor there is; asked once, at the start.
    ///
    /// # Errors
    /// When they cannot be read: the subscription does not start.
    fn cursors(&mut self) -> Result<Vec<(StreamKey, Cursor)>, BoxError>;

    /// Takes one event that the application is done with, in order; `cursor` is where its stream stands
    /// after it. What comes is what a store may want: rows, gaps, truncation, rewind, reset. It may be
    /// kept back until the next commit.
    ///
    /// # Errors
    /// When it cannot be taken; the subscription then reports that and stays where it is.
    fn apply(&mut self, event: Event, cursor: Cursor) -> Result<(), BoxError>;

    /// When what was kept back must be committed; `None`: nothing waits.
    fn due(&self) -> Option<Instant>;

    /// Writes what was kept back, all or nothing.
    ///
    /// # Errors
    /// When it was not written: the subscription reports that and ends, and it comes again after the
    /// next start.
    fn commit(&mut self) -> Result<(), BoxError>;

    /// The digest of one stored row alone, if the store has rows. Asked at the start for cursors without an epoch: only
    /// by this row an old server can prove that it did not begin anew meanwhile. Without it, that is noticed only when
    /// the server has fewer rows than the cursor says.
    ///
    /// # Errors
    /// When it cannot be read: the subscription does not start.
    fn row_digest(&mut self, _key: &StreamKey, _seq: Seq) -> Result<Option<Digest>, BoxError> {
        Ok(None)
    }

    /// Whether [`CursorStore::apply`] wants the rows themselves. When not, batches come to it without
    /// rows, which spares a copy.
    fn keeps_rows(&self) -> bool {
        true
    }
}
