//! Cursors that live as long as the process.

use super::{Cursor, CursorStore};
use crate::{BoxError, Event};
use gapless_model::StreamKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Keeps cursors in memory. Clones share them, so that a second subscription of the same process goes
/// on where the first one stopped.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    cursors: Arc<Mutex<HashMap<StreamKey, Cursor>>>,
}

impl MemoryStore {
    /// Without any cursor.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Where a stream was left.
    pub fn cursor(&self, key: &StreamKey) -> Option<Cursor> {
        self.lock().get(key).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamKey, Cursor>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CursorStore for MemoryStore {
    fn cursors(&mut self) -> Result<Vec<(StreamKey, Cursor)>, BoxError> {
        Ok(self.lock().iter().map(|(key, cursor)| (key.clone(), *cursor)).collect())
    }

    fn apply(&mut self, event: Event, cursor: Cursor) -> Result<(), BoxError> {
        if event.moves_cursor() {
            self.lock().insert(event.key().clone(), cursor);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn commit(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    fn keeps_rows(&self) -> bool {
        false
    }
}
