//! What is known to be damaged.
//!
//! Damage is found when bytes are read: at start, by a follower, or by whoever reads on purpose. It is
//! said once; the records are passed over, and whoever asked for them is told where the next whole one is.

use crate::segment::{self, Lost, is_segment};
use gapless_model::Position;
use std::fmt;
use std::ops::Range;
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

    fn say(&self) {
        let file = self.file.display();
        let Damage { offset, reason, .. } = self;
        match self.records() {
            0 if is_segment(&self.file) => {
                tracing::error!(%file, offset, reason, "the header of a journal file is damaged: its records are served");
            }
            0 => {
                tracing::error!(%file, offset, reason, "a side file of the journal is damaged: its copy is used")
            }
            records => {
                tracing::error!(%file, offset, first = %self.first, last = %self.last, records, reason,
                "the journal is damaged: these records cannot be served any more")
            }
        }
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

    /// The files that held `missing` are not there, although nothing retired them.
    pub(crate) fn of_missing(dir: &Path, missing: Range<u64>) -> Damage {
        let first = Position(missing.start);
        let last = Position(missing.end.saturating_sub(1));
        let reason = "the file is missing, and retention did not remove it".to_owned();
        Damage { file: segment::path_of(dir, first), offset: 0, first, last, reason }
    }

    /// What stands before the records of a file that begins at `first`.
    pub(crate) fn of_head(file: &Path, offset: u64, first: Position, reason: &str) -> Damage {
        let last = Position(first.0.saturating_sub(1));
        Damage { file: file.to_path_buf(), offset, first, last, reason: reason.to_owned() }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { file, offset, first, last, .. } = self;
        let file = file.display();
        match self.records() {
            0 if is_segment(&self.file) => {
                write!(f, "the header of {file} is damaged, its records are served")
            }
            0 => write!(f, "{file} is damaged, its other copy is used"),
            1 => write!(f, "record {first} cannot be served any more: {file} is damaged at byte {offset}"),
            _ => write!(
                f,
                "records {first} to {last} cannot be served any more: {file} is damaged at byte {offset}"
            ),
        }
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
        damage.say();
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
