//! The side of the journal that anybody may hold: its state, its followers, its readers.

use crate::damage::Damages;
use crate::followers::Followers;
use crate::halt::Halts;
use crate::meta::{Meta, TakenOver};
use crate::segment::Segment;
use crate::sync::Syncer;
use crate::{JournalError, Retention};
use gapless_disk::Disk;
use gapless_model::{Epoch, EpochStart, Position};
use std::any::Any;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A handle on an open journal: read, look, acknowledge, retire. Clones are the same journal; it stays
/// locked until the last one is dropped.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) retention: Retention,
    pub(crate) history: Vec<EpochStart>,
    pub(crate) followers: Mutex<Followers>,
    pub(crate) syncer: Syncer,
    pub(crate) damages: Damages,
    /// What `journal.json` says, or shall say once there is room.
    pub(crate) meta: Mutex<Meta>,
    pub(crate) taken_over: Vec<TakenOver>,
    /// The newest record when it was opened.
    pub(crate) opened_at: Position,
    pub(crate) halts: Halts,
    pub(crate) log: Mutex<Log>,
    /// Held as long as the value lives.
    pub(crate) _lock: Box<dyn Any + Send + Sync>,
}

/// The segments and where they end. Changed in one step after the bytes are in the file.
#[derive(Debug)]
pub(crate) struct Log {
    /// Oldest first, never empty; the last one is being written.
    pub(crate) segments: VecDeque<Arc<Segment>>,
    /// The last whole record.
    pub(crate) latest: Position,
    /// Where it ends in the last segment.
    pub(crate) end: u64,
    /// Bytes of all sealed segments.
    pub(crate) sealed_bytes: u64,
}

/// How far the journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The current epoch.
    pub epoch: Epoch,
    /// The oldest record that is still there; `latest + 1` when there is none.
    pub earliest: Position,
    /// The newest record; [`Position::NONE`] before the first.
    pub latest: Position,
    /// Up to here a power loss costs nothing.
    pub synced: Position,
    /// Epochs, oldest first; `first_sequence` is the first position that was given out in it.
    pub epochs: Vec<EpochStart>,
    /// How many files there are.
    pub segments: usize,
    /// How many bytes they take.
    pub bytes: u64,
}

impl Journal {
    pub(crate) fn new(shared: Shared) -> Journal {
        Journal { shared: Arc::new(shared) }
    }

    /// How far it is, now.
    pub fn status(&self) -> Status {
        let synced = self.synced();
        let log = self.shared.log();
        Status {
            epoch: self.epoch(),
            earliest: log.earliest(),
            latest: log.latest,
            synced: synced.min(log.latest),
            epochs: self.shared.history.clone(),
            segments: log.segments.len(),
            bytes: log.sealed_bytes + log.end,
        }
    }

    /// The current epoch; it stays the same while the journal is open.
    pub fn epoch(&self) -> Epoch {
        self.shared.history.last().map_or(Epoch::UNSTATED, |start| start.epoch)
    }

    /// Epochs, oldest first; `first_sequence` is the first position that was given out in it.
    pub fn epochs(&self) -> &[EpochStart] {
        &self.shared.history
    }

    /// The epoch of the record at `position` when it is not the one that the record was written in; `None` for
    /// nearly all. Such a record was added to an older copy of the journal, before that was noticed.
    pub fn overruled(&self, position: Position) -> Option<Epoch> {
        let mut ranges = self.shared.taken_over.iter().rev();
        ranges.find(|range| range.first <= position && position <= range.last).map(|range| range.epoch)
    }

    /// The newest record.
    pub fn latest(&self) -> Position {
        self.shared.log().latest
    }

    /// Up to here a power loss costs nothing.
    pub fn synced(&self) -> Position {
        self.shared.syncer.synced()
    }

    /// Asks that everything written so far is synced soon, whatever the policy.
    pub fn request_sync(&self) {
        self.shared.syncer.request();
    }

    /// Syncs everything written so far, on this thread and under any policy.
    ///
    /// # Errors
    /// [`JournalError::Broken`] when the disk refuses: then nothing is taken any more.
    pub fn sync_now(&self) -> Result<(), JournalError> {
        self.shared.syncer.sync_now()
    }

    /// Waits until `position` is synced, at most `timeout`; whether it is.
    ///
    /// # Errors
    /// [`JournalError::Broken`] when syncing failed: then it never will be.
    pub fn wait_synced(&self, position: Position, timeout: Duration) -> Result<bool, JournalError> {
        self.shared.syncer.wait(position, timeout)
    }
}

impl Shared {
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        // Every change under the lock is one step, so the state is whole even after a panic.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what `journal.json` says; what it said before holds when that fails.
    pub(crate) fn change_meta(&self, change: impl FnOnce(&mut Meta)) -> Result<(), JournalError> {
        let mut meta = self.meta.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = meta.clone();
        change(&mut changed);
        changed.store(&*self.disk, &self.dir)?;
        *meta = changed;
        Ok(())
    }

    pub(crate) fn followers(&self) -> MutexGuard<'_, Followers> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    pub(crate) fn earliest(&self) -> Position {
        self.segments.front().map_or(Position::FIRST, |segment| segment.first())
    }
}
