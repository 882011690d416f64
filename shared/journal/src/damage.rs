//! What is known to be damaged.
//!
//! Damage is found when bytes are read: at start, by a follower, or by whoever reads on purpose. It is
//! said once; the records are passed over, and whoever asked for them is told where the next whole one is.

use crate::segment::Lost;
use gapless_model::Position;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Damaged places that are listed. A disk with more has to be replaced whatever the number is.
const MAX_LISTED: usize = 1000;

/// Bytes of a file that are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Which file.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// The first record that cannot be served any more.
    pub first: Position,
    /// The last one; the one before `first` when all records are whole and only a file's header is not.
    pub last: Position,
    /// What is wrong there.
    pub reason: String,
}

impl Damage {
    /// How many records cannot be served any more.
    pub fn records(&self) -> u64 {
        self.last.next().0 - self.first.0
    }

    pub(crate) fn of_records(file: &Path, lost: &Lost) -> Damage {
        Damage {
            file: file.to_path_buf(),
            offset: lost.offset,
            first: Position(lost.positions.start),
            last: Position(lost.positions.end.saturating_sub(1)),
            reason: lost.reason.to_owned(),
        }
    }

    /// What stands before the records of a file that begins at `first`.
    pub(crate) fn of_head(file: &Path, offset: u64, first: Position, reason: &str) -> Damage {
        let last = Position(first.0.saturating_sub(1));
        Damage { file: file.to_path_buf(), offset, first, last, reason: reason.to_owned() }
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Damages(Mutex<Vec<Damage>>);

impl Damages {
    /// Says and lists a damage that is not known yet.
    pub(crate) fn note(&self, damage: Damage) {
        let mut known = self.lock();
        if known.len() >= MAX_LISTED || known.iter().any(|other| other.covers(&damage)) {
            return;
        }
        tracing::error!(file = %damage.file.display(), offset = damage.offset, first = %damage.first,
            last = %damage.last, records = damage.records(), reason = damage.reason,
            "the journal is damaged: these records cannot be served any more");
        known.push(damage);
    }

    /// Everything up to `last` is retired, and its damage with it.
    pub(crate) fn forget(&self, last: Position) {
        self.lock().retain(|damage| damage.first > last);
    }

    pub(crate) fn list(&self) -> Vec<Damage> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Damage>> {
        // Each change is one step, so the list is whole even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Damage {
    fn covers(&self, other: &Damage) -> bool {
        self.file == other.file
            && self.first <= other.first
            && other.last <= self.last
            && (other.records() > 0 || other.offset == self.offset)
    }
}
