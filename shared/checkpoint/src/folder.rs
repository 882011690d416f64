//! The folder with all checkpoints of one journal partition.
//!
//! The newest is the one of the newest epoch, and of those the one at the largest position: after a
//! history was lost, positions are given out again, and a file of the lost history may have the larger
//! one. So the order comes from the headers; a name only says where to look.

use crate::checkpoint::MAX_FILE_BYTES;
use crate::header::HEADER_BYTES;
use crate::{Checkpoint, Damage, Header};
use gapless_disk::{Disk, is_leftover, write_atomically};
use gapless_model::Position;
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

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The newest checkpoint, read back and found whole; `None` when it is damaged or there is none.
    pub verified: Option<Header>,
    /// The newest file when it is damaged; then nothing was removed.
    pub damaged: Option<Skipped>,
    /// Names of the files that are gone.
    pub removed: Vec<String>,
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

    /// Writes a checkpoint; it is durable under its name when this returns. What a killed writer left
    /// half written is removed first.
    ///
    /// # Errors
    /// [`FolderError`] when the disk does not take it; the other checkpoints are untouched.
    pub fn write(&self, checkpoint: &Checkpoint) -> Result<PathBuf, FolderError> {
        self.remove_leftovers()?;
        let name = file_name(checkpoint.header().position);
        let path = self.dir.join(&name);
        write_atomically(&*self.disk, &self.dir, &name, &[checkpoint.bytes()])
            .map_err(failed("write", &path))?;
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

    /// Headers of all checkpoints that have one, the newest first. Their contents are not looked at.
    ///
    /// # Errors
    /// As [`CheckpointFolder::newest_valid`].
    pub fn headers(&self) -> Result<Vec<Header>, FolderError> {
        Ok(self.entries()?.into_iter().filter_map(|entry| entry.header.ok()).collect())
    }

    /// Reads the newest checkpoint back and, when it is whole, removes all but the `keep` newest (at
    /// least one), and files whose header is damaged.
    ///
    /// # Errors
    /// [`FolderError`] when the folder cannot be listed or a file not removed.
    pub fn prune(&self, keep: usize) -> Result<Pruned, FolderError> {
        let entries = self.entries()?;
        let mut pruned = Pruned::default();
        // Damaged headers stand in front: what is behind them is the newest that has one.
        let Some(newest) = entries.iter().find(|entry| entry.header.is_ok()) else { return Ok(pruned) };
        match self.read(&newest.name) {
            Ok(checkpoint) => pruned.verified = Some(*checkpoint.header()),
            Err(damage) => {
                pruned.damaged = Some(self.skipped(&newest.name, damage));
                return Ok(pruned);
            }
        }
        let (whole, damaged): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| entry.header.is_ok());
        for entry in whole.into_iter().skip(keep.max(1)).chain(damaged) {
            let path = self.dir.join(&entry.name);
            self.disk.remove(&path).map_err(failed("remove", &path))?;
            pruned.removed.push(entry.name.clone());
        }
        if !pruned.removed.is_empty() {
            self.disk.sync_dir(&self.dir).map_err(failed("sync", &self.dir))?;
        }
        Ok(pruned)
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
            Ok(header) => (false, header.epoch, header.position),
            Err(_) => (true, gapless_model::Epoch(0), Position::NONE),
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
