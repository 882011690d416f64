//! The folder of checkpoints as their one writer keeps it.
//!
//! What the journal may let go of is decided here, and nowhere by hope: with more than one checkpoint kept, the
//! newest may turn out to be damaged, or to be of records that a power loss takes back. Then the engine begins
//! from the one before, and needs every record after that. So it is the one before the newest that the journal
//! hears of. To name the newest was rejected: the older ones would be good for nothing.

use gapless::{EngineCheckpoint, JournalStatusResponse, Position};
use gapless_checkpoint::{Checkpoint, CheckpointFolder, FolderError, Header, Skipped, file_name};
use gapless_disk::Disk;
use gapless_planted::{Bug, on};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

/// The folder of checkpoints, kept by its one writer.
#[derive(Debug)]
pub struct Keeper {
    folder: CheckpointFolder,
    keep: usize,
    /// Those that were read back whole, the newest first.
    whole: Vec<Header>,
}

/// A checkpoint that was written and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its file.
    pub path: PathBuf,
    /// What it says about itself.
    pub header: Header,
    /// The length of its file.
    pub bytes: usize,
    /// In how many parts the engine handed it out.
    pub parts: usize,
    /// Names of older files that were removed.
    pub removed: Vec<String>,
}

impl Keeper {
    /// Keeps the `keep` newest checkpoints in `folder`, of which it knows nothing yet.
    pub fn new(folder: CheckpointFolder, keep: usize) -> Keeper {
        Keeper { folder, keep, whole: Vec::new() }
    }

    /// Reads what an earlier writer left; gives the files that are damaged.
    ///
    /// # Errors
    /// [`FolderError`] when the folder cannot be listed.
    pub fn look(&mut self) -> Result<Vec<Skipped>, FolderError> {
        let checked = self.folder.check()?;
        self.whole = checked.whole;
        Ok(checked.damaged)
    }

    /// Makes the folder again on `disk` when somebody removed it, and forgets what was in it: the journal must keep what
    /// an engine without these checkpoints needs. Whether it was so.
    ///
    /// # Errors
    /// [`FolderError`] when it cannot be made.
    pub fn make_again(&mut self, disk: &Arc<dyn Disk>) -> Result<bool, FolderError> {
        match disk.list(self.folder.dir()) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Ok(_) | Err(_) => return Ok(false),
        }
        self.folder = CheckpointFolder::open(disk.clone(), self.folder.dir())?;
        self.whole.clear();
        Ok(true)
    }

    /// Writes a state, reads it back, and removes what is too old.
    ///
    /// # Errors
    /// In words, when the state holds nothing, when the disk does not take it, and when it is something else
    /// once it is read back. What was there is untouched then.
    pub fn store(&mut self, fetched: EngineCheckpoint) -> Result<Kept, String> {
        let EngineCheckpoint { partition, epoch, position, streams, parts: content } = fetched;
        if position == Position::NONE {
            return Err("the engine has not read anything yet: send rows, or wait until it is ready".into());
        }
        let header = Header { partition, epoch, position, streams };
        let parts = content.len();
        let checkpoint = Checkpoint::new(header, content).map_err(|error| error.to_string())?;
        let bytes = checkpoint.bytes().len();
        let path = self.folder.write(&checkpoint).map_err(|error| error.to_string())?;
        drop(checkpoint);
        // Under the same name there may have been one of another history.
        self.whole.retain(|known| known.position != position);
        let removed = self.folder.prune(&header, self.keep).map_err(|error| error.to_string())?;
        self.whole.retain(|known| !removed.contains(&file_name(known.position)));
        self.whole.push(header);
        self.whole.sort_by_key(|known| std::cmp::Reverse((known.epoch, known.position)));
        Ok(Kept { path, header, bytes, parts, removed })
    }

    /// The newest checkpoint that was read back whole.
    pub fn newest(&self) -> Option<&Header> {
        self.whole.first()
    }

    /// Up to where the journal need not keep anything for a restart of the engine. Nothing is let go of for
    /// a checkpoint of a history that the journal has not.
    pub fn acknowledged(&self, status: &JournalStatusResponse) -> Position {
        let mut held = self.whole.iter().filter(|header| holds(header, status));
        let spare = if on(Bug::NewestCheckpointOnly) { 1 } else { self.spare() };
        held.nth(spare - 1).map_or(Position::NONE, |header| header.position)
    }

    /// How many of the newest must be whole: with one more than one, one may be damaged later.
    fn spare(&self) -> usize {
        self.keep.clamp(1, 2)
    }
}

/// Whether the journal still has the history that a checkpoint is of.
fn holds(header: &Header, status: &JournalStatusResponse) -> bool {
    if header.epoch == status.epoch || on(Bug::CheckpointEpochIgnored) {
        return header.position <= status.latest;
    }
    let known = status.epochs.iter().position(|start| start.epoch == header.epoch);
    let later = known.and_then(|at| status.epochs.get(at + 1..));
    later.is_some_and(|later| later.iter().all(|start| header.position.0 < start.first_sequence.0))
}

#[cfg(test)]
mod tests;
