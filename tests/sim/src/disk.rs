//! A disk in memory that loses, tears and damages as real ones do.
//!
//! What was written and not synced may be lost by [`SimDisk::lose_power`], in any subset of sectors; what a
//! killed process wrote stays ([`SimDisk::kill`]). A process can be ended *inside* an operation
//! ([`SimDisk::end_after`]): the operation is done in part, and everything after it fails until the next
//! process begins. Errors that a process can survive (no space, a failed sync) are asked for too.

mod state;

use gapless_disk::{Disk, DiskFile};
use state::{FileNumber, State};
use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A disk; clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    state: State,
    /// Changes until the process ends inside one; `None`: it does not.
    end_after: Option<u32>,
    /// Decides how much of the last operation is done.
    dice: Option<fastrand::Rng>,
    is_ended: bool,
    /// Syncs that will fail.
    failing_syncs: u32,
    /// Decides which bit of the next write is another one.
    spoil: Option<fastrand::Rng>,
    counts: DiskCounts,
}

/// What a disk did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Operations that change something.
    pub changes: u64,
    /// Syncs of files and folders.
    pub syncs: u64,
    /// Writes that found no room.
    pub full: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// The process ends inside the `changes`th change from now (1 is the next one).
    pub fn end_after(&self, changes: u32, seed: u64) {
        let mut inner = self.lock();
        inner.end_after = Some(changes.max(1));
        inner.dice = Some(fastrand::Rng::with_seed(seed));
    }

    /// Whether the process ended inside an operation: nothing works until the next one begins.
    pub fn is_ended(&self) -> bool {
        self.lock().is_ended
    }

    /// The process is gone: what it wrote stays. A new one may begin.
    pub fn kill(&self) {
        let mut inner = self.lock();
        inner.state.kill();
        inner.begin();
    }

    /// The power is gone: what was not synced may be lost, in any subset. A new process may begin.
    pub fn lose_power(&self, dice: &mut fastrand::Rng) {
        let mut inner = self.lock();
        inner.state.lose_power(dice);
        inner.begin();
    }

    /// No more than `bytes` fit from now on; `None`: any number.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.lock().state.room = bytes;
    }

    /// How many bytes all files have.
    pub fn used(&self) -> u64 {
        self.lock().state.files().map(|(_, _, len)| len as u64).sum()
    }

    /// The next `syncs` syncs of files fail, and what they should have made durable never will be.
    pub fn fail_syncs(&self, syncs: u32) {
        self.lock().failing_syncs = syncs;
    }

    /// Every fault that was asked for and has not come yet is called off; there is room.
    pub fn spare(&self) {
        let mut inner = self.lock();
        (inner.end_after, inner.failing_syncs, inner.state.room) = (None, 0, None);
        inner.spoil = None;
    }

    /// The files below `dir`.
    pub fn paths(&self, dir: &Path) -> Vec<PathBuf> {
        let inner = self.lock();
        let inside = inner.state.files().filter(|(path, _, _)| path.starts_with(dir));
        inside.map(|(path, _, _)| path.to_path_buf()).collect()
    }

    /// Flips a bit on the platter, of a file that `choose` takes; which file, byte and bit is up to `dice`.
    /// Tells where; `None` when there is no such file, or when the platter does not have that byte yet.
    pub fn flip(&self, dice: &mut fastrand::Rng, choose: impl Fn(&Path) -> bool) -> Option<(PathBuf, u64)> {
        let mut inner = self.lock();
        let files = inner.state.files().filter(|(path, _, len)| *len > 0 && choose(path));
        let files: Vec<(PathBuf, FileNumber, usize)> =
            files.map(|(path, number, len)| (path.to_path_buf(), number, len)).collect();
        let (path, number, len) = dice.choice(&files)?.clone();
        let at = dice.usize(..len);
        inner.state.flip(number, at, dice.u8(..)).then_some((path, at as u64))
    }

    /// What was written into a file, without the bits that flipped since.
    pub fn pristine(&self, path: &Path) -> Vec<u8> {
        let inner = self.lock();
        inner.state.find(path).map(|file| inner.state.pristine(file)).unwrap_or_default()
    }

    /// Files below `dir` that hold bits which flipped.
    pub fn flipped(&self, dir: &Path) -> Vec<PathBuf> {
        let inner = self.lock();
        let files = inner
            .state
            .files()
            .filter(|(path, file, _)| path.starts_with(dir) && inner.state.is_flipped(*file));
        files.map(|(path, _, _)| path.to_path_buf()).collect()
    }

    /// The next write of a file goes to the platter with a flipped bit, and nobody is told.
    pub fn spoil_write(&self, seed: u64) {
        self.lock().spoil = Some(fastrand::Rng::with_seed(seed));
    }

    /// What survives a power loss at least, as a disk of its own.
    pub fn durable(&self) -> gapless_disk::MemoryDisk {
        let durable = gapless_disk::MemoryDisk::default();
        for (path, bytes) in self.lock().state.durable() {
            durable.put(path, bytes.to_vec());
        }
        durable
    }

    /// Removes every file below `dir`, durably: somebody deleted the folder.
    pub fn remove_all(&self, dir: &Path) {
        let mut inner = self.lock();
        let inside: Vec<PathBuf> = inner
            .state
            .files()
            .filter(|(path, _, _)| path.starts_with(dir))
            .map(|(path, _, _)| path.to_path_buf())
            .collect();
        for path in inside {
            // It was there a moment ago.
            let _ = inner.state.remove(&path);
            if let Some(folder) = path.parent() {
                inner.state.sync_folder(folder);
            }
        }
    }

    /// What it did so far.
    pub fn counts(&self) -> DiskCounts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn begin(&mut self) {
        (self.is_ended, self.end_after, self.failing_syncs) = (false, None, 0);
    }

    fn alive(&self) -> io::Result<()> {
        if self.is_ended { Err(gone()) } else { Ok(()) }
    }

    /// Counts a change; when the process ends in it, how much of it is done, of 256 parts.
    fn count_change(&mut self) -> io::Result<Option<u8>> {
        self.alive()?;
        self.counts.changes += 1;
        let Some(left) = self.end_after else { return Ok(None) };
        if left > 1 {
            self.end_after = Some(left - 1);
            return Ok(None);
        }
        self.is_ended = true;
        Ok(Some(self.dice.as_mut().map_or(0, |dice| dice.u8(..))))
    }

    /// A change that happens as a whole or not at all, also when the process ends in it.
    fn change<T>(&mut self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        match self.count_change()? {
            None => change(&mut self.state),
            Some(part) => {
                if part >= 128 {
                    change(&mut self.state)?;
                }
                Err(gone())
            }
        }
    }

    fn write(&mut self, file: FileNumber, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = offset as usize;
        match self.count_change()? {
            None => {
                let written = self.state.write(file, offset, bytes);
                if let Some(dice) = self.spoil.take().filter(|_| !bytes.is_empty()) {
                    self.state.spoil(file, offset..offset + bytes.len(), dice);
                }
                self.counts.full += u64::from(written.is_err());
                written
            }
            Some(part) => {
                let done = bytes.len() * usize::from(part) / 255;
                self.state.write(file, offset, bytes.get(..done).unwrap_or(bytes))?;
                Err(gone())
            }
        }
    }

    fn sync(&mut self, file: FileNumber) -> io::Result<()> {
        if self.failing_syncs > 0 {
            self.alive()?;
            self.failing_syncs -= 1;
            self.counts.failed_syncs += 1;
            self.state.fail_sync(file);
            return Err(io::Error::other("the simulated disk cannot write its cache"));
        }
        self.counts.syncs += 1;
        self.change(|state| {
            state.sync(file);
            Ok(())
        })
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.alive()?;
        inner.state.create_folders(dir);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let inner = self.lock();
        inner.alive()?;
        if !inner.state.has_folder(dir) {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no folder {}", dir.display())));
        }
        Ok(inner.state.names(dir))
    }

    fn open(&self, path: &Path, _writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.lock();
        inner.alive()?;
        let file = inner.state.find(path).ok_or_else(|| not_found(path))?;
        Ok(Arc::new(SimFile { disk: self.clone(), file }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.lock().change(|state| Ok(state.create(path)))?;
        Ok(Arc::new(SimFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.lock().change(|state| state.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock().change(|state| state.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut inner = self.lock();
        inner.counts.syncs += 1;
        inner.change(|state| {
            state.sync_folder(dir);
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut inner = self.lock();
        inner.alive()?;
        if !inner.state.locks.insert(path.to_path_buf()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held { disk: self.clone(), path: path.to_path_buf() })))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let inner = self.lock();
        inner.alive()?;
        let file = inner.state.find(path).ok_or_else(|| not_found(path))?;
        Ok(inner.state.contents(file).to_vec())
    }
}

/// An open file.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: FileNumber,
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.disk.lock();
        inner.alive()?;
        let rest = inner.state.contents(self.file).get(offset as usize..).unwrap_or(&[]);
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.lock().write(self.file, bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.lock().change(|state| {
            state.set_len(self.file, len as usize);
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        let inner = self.disk.lock();
        inner.alive()?;
        Ok(inner.state.contents(self.file).len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.lock().sync(self.file)
    }
}

/// A lock that is held.
struct Held {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.lock().state.locks.remove(&self.path);
    }
}

fn gone() -> io::Error {
    io::Error::other("the simulated process has ended")
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {}", path.display()))
}

#[cfg(test)]
mod tests;
