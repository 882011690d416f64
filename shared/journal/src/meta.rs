//! `journal.json`: the epochs, and how the last run ended.

use crate::damage::Damage;
use crate::error::damaged;
use crate::{JournalError, Sync, side};
use gapless_disk::Disk;
use gapless_model::{Epoch, EpochStart, Position, Seq, UnixMillis};
use gapless_planted::{Bug, on};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;

const NAME: &str = "journal.json";

/// What to do when it cannot be read.
pub(crate) const REMEDY: &str = "bring it back from a backup, or move the folder away to begin a new history, at which followers start again";
const FORMAT: u32 = 1;

/// Epochs that are remembered. A reader that is further behind starts anew, which it would anyway.
const MAX_EPOCHS: usize = 1024;

/// What must be known beside the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meta {
    format: u32,
    /// Oldest first, never empty.
    epochs: Vec<Start>,
    /// The run of the operating system that the journal was last open in.
    pub(crate) boot_id: String,
    /// Whether everything acknowledged was synced in that run.
    pub(crate) synced_always: bool,
    /// Whether that run closed the journal, and then its last position.
    pub(crate) closed_at: Option<u64>,
    /// The oldest record that retention has left; `None`: written by a release that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) earliest: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    epoch: u64,
    first_position: u64,
    /// The last record after the beginning that was written before the epoch was known to begin there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken_over: Option<u64>,
}

impl Start {
    fn new(epoch: Epoch, first: Position) -> Start {
        Start { epoch: epoch.0, first_position: first.0, taken_over: None }
    }
}

impl Meta {
    /// A journal that begins now, or again.
    pub(crate) fn new(boot_id: &str, now: UnixMillis, after: Option<Epoch>) -> Meta {
        let epoch = fresh_epoch(now, after.unwrap_or_default());
        Meta {
            format: FORMAT,
            epochs: vec![Start::new(epoch, Position::FIRST)],
            boot_id: boot_id.to_owned(),
            synced_always: false,
            closed_at: None,
            earliest: Some(Position::FIRST.0),
        }
    }

    /// What the folder says, and which of its copies are damaged. When the newest is, what it said of the last
    /// run is not known: then it counts as one that lost power, so that a new epoch begins.
    pub(crate) fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<(Meta, Vec<Damage>)>, JournalError> {
        let Some(loaded) = side::load::<Meta>(disk, dir, NAME, REMEDY)? else { return Ok(None) };
        let path = dir.join(NAME);
        let mut meta = loaded.content;
        if meta.format != FORMAT {
            return Err(JournalError::Format { file: path, found: meta.format, known: FORMAT });
        }
        if meta.epochs.is_empty() {
            return Err(damaged(&path, 0, "it names no epoch"));
        }
        if loaded.may_be_old {
            (meta.closed_at, meta.synced_always, meta.earliest) = (None, false, None);
            meta.boot_id.clear();
        }
        Ok(Some((meta, loaded.damages)))
    }

    pub(crate) fn store(&self, disk: &dyn Disk, dir: &Path) -> Result<(), JournalError> {
        side::store(disk, dir, NAME, self)
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epochs.last().map_or(Epoch::UNSTATED, |start| Epoch(start.epoch))
    }

    /// Where the current epoch began.
    pub(crate) fn epoch_start(&self) -> Position {
        self.epochs.last().map_or(Position::FIRST, |start| Position(start.first_position))
    }

    /// The last run ended without closing, in another run of the system: unsynced writes may be gone.
    pub(crate) fn lost_power(&self, boot_id: &str) -> bool {
        self.closed_at.is_none() && self.boot_id != boot_id
    }

    /// Begins a new history after `shared`; what lies before stays as it is. Records after it, up to `latest`,
    /// are of the new history, whatever they say themselves.
    pub(crate) fn begin_epoch(&mut self, now: UnixMillis, shared: Position, latest: Position) {
        let epoch = fresh_epoch(now, self.epoch());
        let taken_over = (latest > shared).then_some(latest.0);
        self.epochs.push(Start { taken_over, ..Start::new(epoch, shared.next()) });
        let surplus = self.epochs.len().saturating_sub(MAX_EPOCHS);
        self.epochs.drain(..surplus);
    }

    /// Epochs and their first positions, oldest first.
    pub(crate) fn history(&self) -> Vec<EpochStart> {
        let start = |s: &Start| EpochStart { epoch: Epoch(s.epoch), first_sequence: Seq(s.first_position) };
        self.epochs.iter().map(start).collect()
    }

    /// Records that say that they are of another epoch than they are of now, and of which.
    pub(crate) fn taken_over(&self) -> Vec<TakenOver> {
        let range = |start: &Start| {
            let last = Position(start.taken_over?);
            Some(TakenOver { first: Position(start.first_position), last, epoch: Epoch(start.epoch) })
        };
        self.epochs.iter().filter_map(range).collect()
    }

    /// Whether a state as of the record before `first`, put down in `epoch`, is one of this history: no later
    /// epoch began before it.
    pub(crate) fn believes(&self, epoch: Epoch, first: Position) -> bool {
        !self.epochs.iter().any(|start| start.epoch > epoch.0 && start.first_position < first.0)
    }

    /// What is missing before `first`, the oldest record that is there, although retention left it.
    pub(crate) fn missing_before(&self, first: Position) -> Option<Range<u64>> {
        self.earliest.map(|earliest| earliest..first.0).filter(|missing| !missing.is_empty())
    }

    pub(crate) fn opened(mut self, boot_id: &str, sync: Sync) -> Meta {
        self.boot_id = boot_id.to_owned();
        self.synced_always = sync == Sync::Always;
        self.closed_at = None;
        self
    }
}

/// Records that were written before their epoch was known to have begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenOver {
    pub(crate) first: Position,
    pub(crate) last: Position,
    pub(crate) epoch: Epoch,
}

/// Epochs only grow, also when the clock was set back.
fn fresh_epoch(now: UnixMillis, after: Epoch) -> Epoch {
    let now = u64::try_from(now.0).unwrap_or_default();
    if on(Bug::EpochFromClock) {
        return Epoch(now);
    }
    Epoch(now.max(after.0.saturating_add(1)))
}
