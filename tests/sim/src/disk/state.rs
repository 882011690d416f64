//! What the disk holds, and what of it would survive a power loss.
//!
//! Every file has two contents: the one that a running process sees, and the one on the platter, plus the
//! writes that lie between them. Every folder has two lists of names in the same way. A sync moves what
//! lies between to the platter. Names change in order, as in a file system with a journal; data does not.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What a disk writes at once: a sector is old or new, never half of each. But for the last write.
const SECTOR: usize = 512;

/// A file by its number; names point to it.
pub(super) type FileNumber = u64;

/// A change of a file's bytes that is not on the platter yet.
#[derive(Debug, Clone)]
enum DataChange {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

/// A change of a folder that is not on the platter yet.
#[derive(Debug, Clone)]
enum NameChange {
    Link { path: PathBuf, file: FileNumber },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
}

#[derive(Debug, Default)]
struct Contents {
    seen: Vec<u8>,
    durable: Vec<u8>,
    between: Vec<DataChange>,
    /// Bits that are not what was written: where, and which of the byte.
    flipped: Vec<(usize, u8)>,
}

/// Everything on one disk.
#[derive(Debug, Default)]
pub(super) struct State {
    files: BTreeMap<FileNumber, Contents>,
    next_file: FileNumber,
    seen: BTreeMap<PathBuf, FileNumber>,
    durable: BTreeMap<PathBuf, FileNumber>,
    between: Vec<NameChange>,
    folders: BTreeSet<PathBuf>,
    pub(super) locks: BTreeSet<PathBuf>,
    /// The most bytes that fit, if there is a limit.
    pub(super) room: Option<u64>,
    used: u64,
}

impl DataChange {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            DataChange::Write { offset, bytes } => put(to, *offset, bytes),
            DataChange::SetLen(len) => to.resize(*len, 0),
        }
    }
}

impl NameChange {
    fn folder(&self) -> Option<&Path> {
        match self {
            NameChange::Link { path, .. } | NameChange::Remove { path } => path.parent(),
            NameChange::Rename { to, .. } => to.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, FileNumber>) {
        match self {
            NameChange::Link { path, file } => {
                names.insert(path.clone(), *file);
            }
            NameChange::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            NameChange::Remove { path } => {
                names.remove(path);
            }
        }
    }
}

impl State {
    pub(super) fn create_folders(&mut self, dir: &Path) {
        self.folders.extend(dir.ancestors().map(Path::to_path_buf));
    }

    pub(super) fn has_folder(&self, dir: &Path) -> bool {
        self.folders.contains(dir)
    }

    pub(super) fn names(&self, dir: &Path) -> Vec<String> {
        let inside = self.seen.keys().filter(|path| path.parent() == Some(dir));
        inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }

    pub(super) fn find(&self, path: &Path) -> Option<FileNumber> {
        self.seen.get(path).copied()
    }

    /// Every file that has a name, with its length.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, FileNumber, usize)> {
        self.seen
            .iter()
            .filter_map(|(path, number)| Some((path.as_path(), *number, self.files.get(number)?.seen.len())))
    }

    /// An empty file of this name; one that is there is emptied, as by `O_TRUNC`.
    pub(super) fn create(&mut self, path: &Path) -> FileNumber {
        if let Some(file) = self.find(path) {
            self.set_len(file, 0);
            return file;
        }
        self.next_file += 1;
        let file = self.next_file;
        self.files.insert(file, Contents::default());
        self.rename_later(NameChange::Link { path: path.to_path_buf(), file });
        file
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if self.find(from).is_none() {
            return Err(missing(from));
        }
        self.rename_later(NameChange::Rename { from: from.to_path_buf(), to: to.to_path_buf() });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        if self.find(path).is_none() {
            return Err(missing(path));
        }
        self.rename_later(NameChange::Remove { path: path.to_path_buf() });
        Ok(())
    }

    fn rename_later(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.between.push(change);
        self.count_used();
    }

    pub(super) fn sync_folder(&mut self, dir: &Path) {
        let (done, left) =
            std::mem::take(&mut self.between).into_iter().partition(|change| change.folder() == Some(dir));
        self.between = left;
        let done: Vec<NameChange> = done;
        done.iter().for_each(|change| change.apply(&mut self.durable));
        self.forget_nameless();
    }

    pub(super) fn contents(&self, file: FileNumber) -> &[u8] {
        self.files.get(&file).map_or(&[], |contents| &contents.seen)
    }

    /// Writes as much as there is room for.
    pub(super) fn write(&mut self, file: FileNumber, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let len = self.contents(file).len();
        let growth = (offset + bytes.len()).saturating_sub(len);
        let free = self.room.map_or(usize::MAX, |room| room.saturating_sub(self.used) as usize);
        let fits = bytes.len() - growth.saturating_sub(free).min(bytes.len());
        self.change(file, DataChange::Write { offset, bytes: bytes.get(..fits).unwrap_or(&[]).to_vec() });
        if fits < bytes.len() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full"));
        }
        Ok(())
    }

    pub(super) fn set_len(&mut self, file: FileNumber, len: usize) {
        self.change(file, DataChange::SetLen(len));
    }

    fn change(&mut self, file: FileNumber, change: DataChange) {
        if let Some(contents) = self.files.get_mut(&file) {
            let before = contents.seen.len() as u64;
            contents.overwrite_flips(&change);
            change.apply(&mut contents.seen);
            contents.between.push(change);
            self.used = (self.used + contents.seen.len() as u64).saturating_sub(before);
        }
    }

    /// What lies between goes to the platter.
    pub(super) fn sync(&mut self, file: FileNumber) {
        if let Some(contents) = self.files.get_mut(&file) {
            let between = std::mem::take(&mut contents.between);
            between.iter().for_each(|change| change.apply(&mut contents.durable));
        }
    }

    /// A sync that fails: the pages count as clean from now on and never reach the platter.
    pub(super) fn fail_sync(&mut self, file: FileNumber) {
        if let Some(contents) = self.files.get_mut(&file) {
            contents.between.clear();
        }
    }

    /// Flips one bit on the platter, and so for whoever reads; nothing happens where the platter does not
    /// have what was written yet. Whether it was flipped.
    pub(super) fn flip(&mut self, file: FileNumber, at: usize, bit: u8) -> bool {
        let Some(contents) = self.files.get_mut(&file) else { return false };
        let Contents { seen, durable, flipped, .. } = contents;
        let (Some(seen), Some(durable)) = (seen.get_mut(at), durable.get_mut(at)) else { return false };
        if seen != durable {
            return false;
        }
        *seen ^= 1 << (bit % 8);
        *durable = *seen;
        flipped.push((at, bit));
        true
    }

    /// What was just written between `places` is another thing by one bit, on its way to the platter too.
    pub(super) fn spoil(&mut self, file: FileNumber, places: Range<usize>, mut dice: fastrand::Rng) {
        let Some(contents) = self.files.get_mut(&file) else { return };
        let (at, bit) = (dice.usize(places), dice.u8(..8));
        let Some(byte) = contents.seen.get_mut(at) else { return };
        *byte ^= 1 << bit;
        contents.between.push(DataChange::Write { offset: at, bytes: vec![*byte] });
        contents.flipped.push((at, bit));
    }

    /// What was written into a file, without the bits that flipped since.
    pub(super) fn pristine(&self, file: FileNumber) -> Vec<u8> {
        let Some(contents) = self.files.get(&file) else { return Vec::new() };
        let mut bytes = contents.seen.clone();
        for (at, bit) in &contents.flipped {
            if let Some(byte) = bytes.get_mut(*at) {
                *byte ^= 1 << (bit % 8);
            }
        }
        bytes
    }

    /// Whether a file holds bits that flipped.
    pub(super) fn is_flipped(&self, file: FileNumber) -> bool {
        self.files.get(&file).is_some_and(|contents| !contents.flipped.is_empty())
    }

    /// Every file whose name survives a power loss, with what it has then at least.
    pub(super) fn durable(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.durable
            .iter()
            .filter_map(|(path, file)| Some((path.as_path(), self.files.get(file)?.durable.as_slice())))
    }

    /// What a power loss leaves: the platter, with any of the changes that were on their way.
    pub(super) fn lose_power(&mut self, dice: &mut fastrand::Rng) {
        let kept = dice.usize(..=self.between.len());
        for change in self.between.drain(..).take(kept) {
            change.apply(&mut self.durable);
        }
        self.seen.clone_from(&self.durable);
        for contents in self.files.values_mut() {
            contents.lose_power(dice);
        }
        self.locks.clear();
        self.forget_nameless();
    }

    /// What a killed process leaves: all that it did.
    pub(super) fn kill(&mut self) {
        self.locks.clear();
    }

    fn forget_nameless(&mut self) {
        let mut named: BTreeSet<FileNumber> =
            self.seen.values().chain(self.durable.values()).copied().collect();
        named.extend(self.between.iter().filter_map(|change| match change {
            NameChange::Link { file, .. } => Some(*file),
            NameChange::Rename { .. } | NameChange::Remove { .. } => None,
        }));
        self.files.retain(|file, _| named.contains(file));
        self.count_used();
    }

    fn count_used(&mut self) {
        self.used = self.seen.values().map(|file| self.contents(*file).len() as u64).sum();
    }
}

impl Contents {
    /// What is written or cut is what was meant again. Only bytes that stay the same may be damaged ones that
    /// somebody read and wrote back.
    fn overwrite_flips(&mut self, change: &DataChange) {
        let seen = &self.seen;
        self.flipped.retain(|(at, _)| match change {
            DataChange::SetLen(len) => at < len,
            DataChange::Write { offset, bytes } => {
                let new = at.checked_sub(*offset).and_then(|within| bytes.get(within));
                new.is_none_or(|new| seen.get(*at) == Some(new))
            }
        });
    }

    /// Each sector of each unsynced write is there or not; the last write may also end anywhere.
    fn lose_power(&mut self, dice: &mut fastrand::Rng) {
        let between = std::mem::take(&mut self.between);
        let last = between.len().saturating_sub(1);
        // All, none, most or some of it: each makes other mistakes show.
        let survives = [0, 50, 90, 100][dice.usize(..4)];
        let keeps = |dice: &mut fastrand::Rng| dice.u8(..100) < survives;
        for (index, change) in between.into_iter().enumerate() {
            match change {
                DataChange::SetLen(len) if keeps(dice) => self.durable.resize(len, 0),
                DataChange::SetLen(_) => {}
                DataChange::Write { offset, bytes } => {
                    let torn = index == last && dice.u8(..4) == 0;
                    let end = if torn { dice.usize(..=bytes.len()) } else { bytes.len() };
                    for (from, to) in sectors(offset, end) {
                        if torn || keeps(dice) {
                            let piece = bytes.get(from - offset..to - offset).unwrap_or(&[]);
                            put(&mut self.durable, from, piece);
                        }
                    }
                }
            }
        }
        self.seen.clone_from(&self.durable);
    }
}

/// The pieces of a write of `len` bytes at `offset` that lie in one sector each.
fn sectors(offset: usize, len: usize) -> impl Iterator<Item = (usize, usize)> {
    let end = offset + len;
    let mut from = offset;
    std::iter::from_fn(move || {
        let to = ((from / SECTOR + 1) * SECTOR).min(end);
        let piece = (from < end).then_some((from, to));
        from = to;
        piece
    })
}

/// Writes, with zeros where the file was shorter.
fn put(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    if to.len() < offset + bytes.len() {
        to.resize(offset + bytes.len(), 0);
    }
    if let Some(place) = to.get_mut(offset..offset + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {}", path.display()))
}
