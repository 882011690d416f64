//! Rows, cursors and the gap ledger in an application's DuckDB file, changing together.

mod lines;

use super::{Cursor, CursorStore};
use crate::{BoxError, Event, TruncateReason};
use gapless_model::{Seq, SeqRange, StreamKey, UnixMillis};
use gapless_store::{AppStore, Change, Committed, GapLine, GapState, StoreError};
use lines::OpenLines;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long rows wait for their commit. Each commit is a sync of the disk, some milliseconds: four a
/// second cost nothing and lose a quarter of a second of work at most, which is then read again.
pub const DEFAULT_COMMIT_EVERY: Duration = Duration::from_millis(250);
/// How many rows wait for their commit: a few megabytes.
pub const DEFAULT_COMMIT_ROWS: usize = 50_000;

/// When a [`DuckStore`] commits: at whichever limit is reached first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuckSettings {
    /// See [`DEFAULT_COMMIT_EVERY`].
    pub commit_every: Duration,
    /// See [`DEFAULT_COMMIT_ROWS`].
    pub commit_rows: usize,
}

impl Default for DuckSettings {
    fn default() -> DuckSettings {
        DuckSettings { commit_every: DEFAULT_COMMIT_EVERY, commit_rows: DEFAULT_COMMIT_ROWS }
    }
}

/// A [`CursorStore`] in a DuckDB file with the tables `candles`, `metrics`, `warnings`,
/// `gapless_cursors` and `gapless_gaps`.
///
/// Rows and cursor change in one transaction, so a crash at any moment leaves the file with exactly the
/// rows that its cursor claims: nothing twice, nothing missing.
pub struct DuckStore {
    store: AppStore,
    settings: DuckSettings,
    waiting: Vec<Change>,
    waiting_rows: usize,
    first_waiting: Option<Instant>,
    open_lines: OpenLines,
    totals: DuckTotals,
}

/// What a [`DuckStore`] has done so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct DuckTotals(Arc<Mutex<(Committed, u64)>>);

impl DuckTotals {
    /// Rows stored, left out as known, and taken back.
    pub fn committed(&self) -> Committed {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Transactions.
    pub fn commits(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn add(&self, done: Committed) {
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        totals.0.rows += done.rows;
        totals.0.duplicates += done.duplicates;
        totals.0.removed += done.removed;
        totals.1 += 1;
    }
}

impl DuckStore {
    /// Opens or creates a file with the usual commit limits.
    ///
    /// # Errors
    /// [`StoreError::Owned`] when another process has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<DuckStore, StoreError> {
        DuckStore::open_with(path, DuckSettings::default())
    }

    /// Opens or creates a file.
    ///
    /// # Errors
    /// As [`DuckStore::open`].
    pub fn open_with(path: impl AsRef<Path>, settings: DuckSettings) -> Result<DuckStore, StoreError> {
        let store = AppStore::open(path)?;
        let open_lines = OpenLines::left(store.reader().gaps()?);
        Ok(DuckStore {
            store,
            settings,
            waiting: Vec::new(),
            waiting_rows: 0,
            first_waiting: None,
            open_lines,
            totals: DuckTotals::default(),
        })
    }

    /// What it has done so far; the returned value keeps being updated.
    pub fn totals(&self) -> DuckTotals {
        self.totals.clone()
    }

    /// The file itself, for queries of the application.
    pub fn app(&self) -> &AppStore {
        &self.store
    }
}

impl CursorStore for DuckStore {
    fn cursors(&mut self) -> Result<Vec<(StreamKey, Cursor)>, BoxError> {
        let cursors = self.store.cursors().into_iter();
        Ok(cursors.map(|at| (at.key, Cursor { epoch: at.epoch, applied: at.applied })).collect())
    }

    fn apply(&mut self, event: Event, cursor: Cursor) -> Result<(), BoxError> {
        let lines = self.open_lines.handle(&event, cursor, now());
        let change = change(event);
        if let Some(Change::Rows(batch)) = &change {
            self.waiting_rows += batch.rows.len();
        }
        self.waiting.extend(change);
        self.waiting.extend(lines.into_iter().map(Change::Gap));
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.first_waiting.get_or_insert_with(Instant::now);
        if self.waiting_rows >= self.settings.commit_rows { self.commit() } else { Ok(()) }
    }

    fn due(&self) -> Option<Instant> {
        self.first_waiting.map(|at| at + self.settings.commit_every)
    }

    fn commit(&mut self) -> Result<(), BoxError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        // After an error the subscription ends; what was not committed is read again by the next one.
        let done = self.store.commit(std::mem::take(&mut self.waiting))?;
        self.totals.add(done);
        self.waiting_rows = 0;
        self.first_waiting = None;
        Ok(())
    }
}

fn change(event: Event) -> Option<Change> {
    match event {
        Event::Rows(batch) => Some(Change::Rows(batch)),
        Event::Truncated { key, epoch, range, reason } => {
            Some(Change::Truncated(truncated(key, epoch, range, reason_name(reason).to_owned())))
        }
        Event::Rewind { key, to, keep, .. } => Some(Change::Rewind { key, keep, epoch: to }),
        Event::Reset { key, to, .. } => Some(Change::Reset { key, epoch: to }),
        // The ledger's lines are for `OpenLines`.
        Event::GapOpened { .. } | Event::GapHealed { .. } | Event::GapVoid { .. } => None,
        Event::State(_) | Event::Health { .. } | Event::CaughtUp { .. } => None,
    }
}

fn truncated(key: StreamKey, epoch: gapless_model::Epoch, range: SeqRange, cause: String) -> GapLine {
    // Sequences begin at 1, also in a ledger.
    let range = SeqRange::new(range.start().max(Seq::FIRST), range.end());
    let detected = now();
    GapLine {
        key,
        epoch,
        range,
        cause,
        detected,
        state: GapState::Truncated,
        healed: None,
        healed_by: String::new(),
    }
}

fn reason_name(reason: TruncateReason) -> &'static str {
    match reason {
        TruncateReason::Trimmed => "trimmed",
        TruncateReason::NotServed => "not_served",
        TruncateReason::Refused { .. } => "refused",
        TruncateReason::Corrupt => "corrupt",
    }
}

/// The wall clock of this machine.
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl std::fmt::Debug for DuckStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DuckStore")
            .field("settings", &self.settings)
            .field("waiting", &self.waiting.len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
