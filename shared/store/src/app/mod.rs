//! The client's side: an application's rows, cursors and gap ledger in one DuckDB file.
//!
//! The intuition: "exactly once" is not a property of a network but of a transaction. If the rows and the
//! number of the last row change together, whatever is received again after a crash is seen to be old and
//! left out. The complication is everything that moves a cursor without rows (truncation, rewind, reset);
//! it goes through the same transaction, so that cursor and rows never disagree.
//!
//! What a user finds in the file: the tables `candles`, `metrics` and `warnings`, the view `metric_values`
//! (one line per named value), `gapless_cursors` and `gapless_gaps`.

mod change;
mod commit;
mod decode;
mod encode;
mod reader;
mod tables;

pub use change::{Change, Committed, Cursor, GapLine, GapState};
pub use reader::{AppReader, BlockDigest, StoredDigest, TextTable};

use crate::database::{Database, Options};
use crate::{ExportFormat, StoreError};
use change::Place;
use commit::Commit;
use gapless_model::{SeqRange, StreamKey};
use std::collections::HashMap;
use std::path::Path;

/// An application's DuckDB file: the one writer, and a reader of its own.
pub struct AppStore {
    reader: AppReader,
    cursors: HashMap<StreamKey, Place>,
}

impl AppStore {
    /// Opens or creates a file with the usual limits.
    ///
    /// # Errors
    /// [`StoreError::Owned`] when another process (or another store in this one) has it open,
    /// [`StoreError::Layout`] when a newer version wrote it.
    pub fn open(path: impl AsRef<Path>) -> Result<AppStore, StoreError> {
        AppStore::open_with(path, &Options::default())
    }

    /// Opens or creates a file with limits of one's own.
    ///
    /// # Errors
    /// As [`AppStore::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<AppStore, StoreError> {
        let database = Database::open(path.as_ref(), options)?;
        tables::create(&database)?;
        let reader = AppReader::new(database);
        let cursors = reader.places()?.into_iter().collect();
        Ok(AppStore { reader, cursors })
    }

    /// Applies `changes` in order in one transaction: all of them, or none.
    ///
    /// Rows at or below a stream's cursor are left out and counted; a stream without a cursor begins where
    /// its first rows begin.
    ///
    /// # Errors
    /// [`StoreError::Hole`] when rows do not continue the cursor, [`StoreError::Digest`] when they are not
    /// those that the sender counted. Nothing has changed after an error.
    pub fn commit(&mut self, changes: Vec<Change>) -> Result<Committed, StoreError> {
        if changes.is_empty() {
            return Ok(Committed::default());
        }
        let mut commit = Commit::new(&self.cursors);
        self.reader.database().transaction("commit rows and cursors", |connection| {
            for change in changes {
                commit.apply(connection, &self.reader, change)?;
            }
            commit.finish(connection)
        })?;
        let (done, moved) = commit.into_parts();
        self.cursors.extend(moved);
        Ok(done)
    }

    /// Where `key` stands; `None` when nothing of it was ever stored.
    pub fn cursor(&self, key: &StreamKey) -> Option<Cursor> {
        self.cursors.get(key).map(|place| place.cursor(key))
    }

    /// Where every stream stands, in the order of their topics.
    pub fn cursors(&self) -> Vec<Cursor> {
        let mut all: Vec<Cursor> = self.cursors.iter().map(|(key, place)| place.cursor(key)).collect();
        all.sort_by_cached_key(|cursor| cursor.key.topic());
        all
    }

    /// Reads what is stored.
    pub fn reader(&self) -> &AppReader {
        &self.reader
    }

    /// Number and digest of the stored rows of `key` in `range`.
    ///
    /// # Errors
    /// [`StoreError::Database`] or [`StoreError::Damaged`].
    pub fn digest(&self, key: &StreamKey, range: SeqRange) -> Result<StoredDigest, StoreError> {
        self.reader.digest(key, range)
    }

    /// Writes the rows of `key` in `range` to a file; see [`AppReader::export`].
    ///
    /// # Errors
    /// As [`AppReader::export`].
    pub fn export(
        &self,
        key: &StreamKey,
        range: SeqRange,
        path: &Path,
        format: ExportFormat,
    ) -> Result<u64, StoreError> {
        self.reader.export(key, range, path, format)
    }
}

#[cfg(test)]
mod tests;
