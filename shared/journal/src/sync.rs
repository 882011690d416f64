//! Forcing written records to the disk, off the thread that writes.
//!
//! A sync takes milliseconds and covers everything written before it, so one thread syncs again and again
//! while the writer goes on; the policy only says when it starts. A failed sync is final: the system may
//! have dropped the pages and would report success the next time.

use crate::{JournalError, Sync};
use gapless_disk::DiskFile;
use gapless_model::Position;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is written and what is synced; shared by the writer, the sync thread and whoever waits.
#[derive(Debug, Clone)]
pub(crate) struct Syncer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    policy: Sync,
    on_sync: fn(Duration),
    state: Mutex<State>,
    /// Something is to be synced, or the thread shall end.
    work: Condvar,
    /// Something was synced, or never will be.
    done: Condvar,
}

#[derive(Debug)]
struct State {
    file: Arc<dyn DiskFile>,
    written: Position,
    synced: Position,
    /// When the oldest unsynced record was written.
    unsynced_since: Option<Instant>,
    /// Somebody asked for a sync up to here.
    requested: Position,
    failed: Option<String>,
    stop: bool,
}

impl Syncer {
    /// Everything up to `synced` is on the disk already.
    pub(crate) fn new(
        policy: Sync,
        on_sync: fn(Duration),
        file: Arc<dyn DiskFile>,
        synced: Position,
    ) -> Syncer {
        let state = State {
            file,
            written: synced,
            synced,
            unsynced_since: None,
            requested: Position::NONE,
            failed: None,
            stop: false,
        };
        Syncer(Arc::new(Inner {
            policy,
            on_sync,
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
        }))
    }

    /// Starts the thread; under [`Sync::Always`] the writer syncs itself, under [`Sync::Manual`] the caller.
    pub(crate) fn spawn(&self) -> std::io::Result<Option<JoinHandle<()>>> {
        if matches!(self.0.policy, Sync::Always | Sync::Manual) {
            return Ok(None);
        }
        let syncer = self.clone();
        let thread = std::thread::Builder::new().name("journal-sync".into());
        thread.spawn(move || while syncer.round() {}).map(Some)
    }

    /// Forces the contents of `file` to the disk.
    pub(crate) fn force(&self, file: &dyn DiskFile) -> std::io::Result<()> {
        let started = Instant::now();
        file.sync()?;
        (self.0.on_sync)(started.elapsed());
        Ok(())
    }

    /// Tells that everything up to `position` is written to the current file.
    pub(crate) fn wrote(&self, position: Position) {
        let mut state = self.lock();
        state.written = position;
        if state.unsynced_since.is_none() {
            state.unsynced_since = Some(Instant::now());
            if matches!(self.0.policy, Sync::Every(_)) {
                self.0.work.notify_one();
            }
        }
    }

    /// Tells that everything up to `position` was synced by the writer, which goes on in `file`.
    pub(crate) fn switched(&self, file: Arc<dyn DiskFile>, position: Position) {
        let mut state = self.lock();
        state.file = file;
        state.reached(position);
        self.0.done.notify_all();
    }

    /// Tells that everything up to `position` was synced by the writer.
    pub(crate) fn reached(&self, position: Position) {
        self.lock().reached(position);
        self.0.done.notify_all();
    }

    /// Tells that the file can no longer be trusted.
    pub(crate) fn fail(&self, reason: String) {
        self.lock().failed.get_or_insert(reason);
        self.0.done.notify_all();
    }

    /// Why syncing failed, if it did.
    pub(crate) fn failure(&self) -> Option<JournalError> {
        self.lock().failed.clone().map(|reason| JournalError::Broken { reason })
    }

    /// The file that is written.
    pub(crate) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.lock().file)
    }

    pub(crate) fn synced(&self) -> Position {
        self.lock().synced
    }

    pub(crate) fn request(&self) {
        let mut state = self.lock();
        state.requested = state.written;
        self.0.work.notify_one();
    }

    pub(crate) fn wait(&self, position: Position, timeout: Duration) -> Result<bool, JournalError> {
        let pending = |state: &mut State| state.synced < position && state.failed.is_none();
        let state = self.lock();
        let (state, _) =
            self.0.done.wait_timeout_while(state, timeout, pending).unwrap_or_else(PoisonError::into_inner);
        match &state.failed {
            Some(reason) if state.synced < position => Err(JournalError::Broken { reason: reason.clone() }),
            _ => Ok(state.synced >= position),
        }
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.0.work.notify_all();
    }

    /// Waits until a sync is due and does it; `false` when the thread shall end.
    fn round(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.stop || state.failed.is_some() {
                return false;
            }
            match state.due_in(self.0.policy) {
                Some(wait) if wait.is_zero() => break,
                Some(wait) => {
                    state = self.0.work.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
                None => state = self.0.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        state.unsynced_since = None;
        drop(state);
        self.sync_written();
        true
    }

    /// Syncs what is written by now.
    pub(crate) fn sync_now(&self) -> Result<(), JournalError> {
        if self.failure().is_none() {
            self.sync_written();
        }
        self.failure().map_or(Ok(()), Err)
    }

    fn sync_written(&self) {
        let (file, position) = {
            let state = self.lock();
            (Arc::clone(&state.file), state.written)
        };
        match self.force(&*file) {
            Ok(()) => self.reached(position),
            Err(error) => {
                tracing::error!(%error, "syncing the journal failed: it takes no more records");
                self.fail(format!("syncing failed ({error})"));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under the lock is one step, so the state is whole even after a panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn reached(&mut self, position: Position) {
        self.synced = self.synced.max(position);
        if self.synced >= self.written {
            self.unsynced_since = None;
        }
    }

    /// How long until a sync is due; `None`: nothing to do until told.
    fn due_in(&self, policy: Sync) -> Option<Duration> {
        if self.written <= self.synced {
            return None;
        }
        if self.requested > self.synced {
            return Some(Duration::ZERO);
        }
        match policy {
            Sync::Every(wait) => {
                Some(self.unsynced_since.map_or(wait, |since| wait.saturating_sub(since.elapsed())))
            }
            Sync::Always | Sync::Os | Sync::Manual => None,
        }
    }
}
