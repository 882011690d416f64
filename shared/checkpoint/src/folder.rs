//! The folder with all checkpoints of one journal partition.
//!
//! The newest is the one of the newest epoch, and of those the one at the largest position: after a
//! history was lost, positions are given out again, and a file of the lost history may have the larger
//! one. So the order comes from the headers; a name only says where to look.

use crate::checkpoint::MAX_FILE_BYTES;
use crate::header::HEADER_BYTES;
use crate::{Checkpoint, Damage, Header};
use gapless_disk::{Disk, is_leftover, write_atomically, write_verified};
use gapless_model::{Epoch, Position};
use gapless_planted::{Bug, on};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PREFIX: &str = "checkpoint-";
const SUFFIX: &str = ".gcp";
/// Digits of a position in a file's name: as many as the largest has.
const DIGITS: usize = 20;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}", path.display())]
pub struct FolderError {
    /// What was tried.
    pub what: &'static str,
    /// With which file or folder.
    pub path: PathBuf,
    /// What the system says; [`io::ErrorKind::StorageFull`] when the disk is full.
    pub source: io::Error,
}

/// A file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong with it.
    pub damage: Damage,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The newest whole checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// Newer files that are not whole, and all whose header is damaged.
    pub skipped: Vec<Skipped>,
}

/// What all files are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Those that are whole, the newest first.
    pub whole: Vec<Header>,
    /// The others.
    pub damaged: Vec<Skipped>,
}

/// A folder of checkpoints. It has one writer, which alone calls [`CheckpointFolder::write`] and
/// [`CheckpointFolder::prune`]; anyone may read.
#[derive(Debug, Clone)]
pub struct CheckpointFolder {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

/// A file with its header, as far as it can be read.
struct Entry {
    name: String,
    header: Result<Header, Damage>,
}

/// The name of a checkpoint's file.
pub fn file_name(position: Position) -> String {
    format!("{PREFIX}{:0DIGITS$}{SUFFIX}", position.0)
}

impl CheckpointFolder {
    /// The folder `dir`, made where missing.
    ///
    /// # Errors
    /// [`FolderError`] when it cannot be made.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<CheckpointFolder, FolderError> {
        disk.create_dir_all(dir).map_err(failed("make", dir))?;
        Ok(CheckpointFolder { disk, dir: dir.into() })
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a checkpoint and reads it back; it is whole and durable under its name when this returns. What a
    /// killed writer left half written is removed first.
    ///
    /// # Errors
    /// [`FolderError`] when the disk does not take it, or has made something else of it; what was there is
    /// untouched then.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<PathBuf, FolderError> {
        self.remove_leftovers()?;
        let name = file_name(checkpoint.header().position);
        let path = self.dir.join(&name);
        let write = if on(Bug::CheckpointNotReadBack) { write_atomically } else { write_verified };
        write(&*self.disk, &self.dir, &name, &[checkpoint.bytes()]).map_err(failed("write", &path))?;
        Ok(path)
    }

    /// The newest checkpoint that is whole.
    ///
    /// # Errors
    /// [`FolderError`] when the folder cannot be listed; a file that cannot be read is skipped.
    pub fn newest_valid(&self) -> Result<Found, FolderError> {
        self.newest_valid_where(|_| true)
    }

    /// The newest whole checkpoint that `fits`. Others are passed over unread, and not as skipped.
    ///
    /// # Errors
    /// As [`CheckpointFolder::newest_valid`].
    pub fn newest_valid_where(&self, fits: impl Fn(&Header) -> bool) -> Result<Found, FolderError> {
        let mut found = Found::default();
        for entry in self.entries()? {
            if matches!(&entry.header, Ok(header) if !fits(header)) {
                continue;
            }
            match entry.header.and_then(|_| self.read(&entry.name)) {
                Ok(checkpoint) if found.checkpoint.is_none() => found.checkpoint = Some(checkpoint),
                Ok(_) => {}
                Err(damage) => found.skipped.push(self.skipped(&entry.name, damage)),
            }
            if found.checkpoint.is_some() {
                break;
            }
        }
        Ok(found)
    }

    /// Reads every checkpoint.
    ///
    /// # Errors
    /// As [`CheckpointFolder::newest_valid`].
    pub fn check(&self) -> Result<Checked, FolderError> {
        let mut checked = Checked::default();
        for entry in self.entries()? {
            match entry.header.and_then(|_| self.read(&entry.name)) {
                Ok(checkpoint) => checked.whole.push(*checkpoint.header()),
                Err(damage) => checked.damaged.push(self.skipped(&entry.name, damage)),
            }
        }
        Ok(checked)
    }

    /// Removes all but the checkpoint that was `written` last and the newest others, `keep` together (at least
    /// that one), and files whose header is damaged; gives their names.
    ///
    /// What claims to be of a later epoch goes first: it is of a journal that was replaced.
    ///
    /// # Errors
    /// [`FolderError`] when the folder cannot be listed or a file not removed.
    pub fn prune(&self, written: &Header, keep: usize) -> Result<Vec<String>, FolderError> {
        let name = file_name(written.position);
        let others = self.entries()?.into_iter().filter(|entry| entry.name != name);
        let (mut whole, damaged): (Vec<Entry>, Vec<Entry>) = others.partition(|entry| entry.header.is_ok());
        // Among equals the order stays: the newest first.
        whole.sort_by_key(|entry| matches!(&entry.header, Ok(header) if header.epoch > written.epoch));
        let mut removed = Vec::new();
        for entry in whole.into_iter().skip(keep.saturating_sub(1)).chain(damaged) {
            let path = self.dir.join(&entry.name);
            self.disk.remove(&path).map_err(failed("remove", &path))?;
            removed.push(entry.name);
        }
        if !removed.is_empty() {
            self.disk.sync_dir(&self.dir).map_err(failed("sync", &self.dir))?;
        }
        Ok(removed)
    }

    fn remove_leftovers(&self) -> Result<(), FolderError> {
        for name in self.names()?.iter().filter(|name| is_leftover(name)) {
            let path = self.dir.join(name);
            self.disk.remove(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, FolderError> {
        self.disk.list(&self.dir).map_err(failed("list", &self.dir))
    }

    /// All checkpoints: first those with a damaged header, then the newest, the oldest last.
    fn entries(&self) -> Result<Vec<Entry>, FolderError> {
        let position = |name: &str| {
            let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
            let number = digits.parse::<u64>().ok()?;
            (file_name(Position(number)) == name).then_some(Position(number))
        };
        let mut entries: Vec<Entry> = Vec::new();
        for name in self.names()? {
            if let Some(position) = position(&name) {
                entries.push(Entry { header: self.header(&name, position), name });
            }
        }
        let rank = |entry: &Entry| match &entry.header {
            Ok(header) if on(Bug::NewestByPosition) => (false, Epoch::UNSTATED, header.position),
            Ok(header) => (false, header.epoch, header.position),
            Err(_) => (true, Epoch::UNSTATED, Position::NONE),
        };
        entries.sort_by_key(|entry| std::cmp::Reverse(rank(entry)));
        Ok(entries)
    }

    fn header(&self, name: &str, position: Position) -> Result<Header, Damage> {
        let file = self.disk.open(&self.dir.join(name), false).map_err(unreadable)?;
        let bytes = file.len().map_err(unreadable)?;
        let mut head = [0; HEADER_BYTES];
        let head = head.get_mut(..HEADER_BYTES.min(bytes as usize)).unwrap_or_default();
        file.read_exact_at(head, 0).map_err(unreadable)?;
        let (header, _) = Header::parse(head)?;
        if header.position != position {
            return Err(Damage::Renamed { inside: header.position });
        }
        if bytes > MAX_FILE_BYTES {
            return Err(Damage::TooLarge { bytes });
        }
        Ok(header)
    }

    fn read(&self, name: &str) -> Result<Checkpoint, Damage> {
        Checkpoint::parse(self.disk.read(&self.dir.join(name)).map_err(unreadable)?)
    }

    fn skipped(&self, name: &str, damage: Damage) -> Skipped {
        Skipped { path: self.dir.join(name), damage }
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError { what, path: path.into(), source }
}

fn unreadable(error: io::Error) -> Damage {
    Damage::Unreadable(error.to_string())
}
