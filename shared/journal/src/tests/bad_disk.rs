//! A disk that does not do what it should.

use gapless_disk::{Disk, DiskFile, RealDisk};
use std::any::Any;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The real disk, where one file has bytes that cannot be read, or no room is left.
#[derive(Debug, Default)]
pub(super) struct BadDisk {
    pub(super) path: PathBuf,
    pub(super) bytes: Range<u64>,
    /// Reads that failed.
    pub(super) failures: Arc<AtomicUsize>,
    /// No new file gets any bytes.
    pub(super) is_full: AtomicBool,
}

#[derive(Debug)]
struct BadFile {
    file: Arc<dyn DiskFile>,
    bytes: Range<u64>,
    failures: Arc<AtomicUsize>,
    is_full: bool,
}

impl Disk for BadDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = RealDisk.open(path, writable)?;
        if path != self.path {
            return Ok(file);
        }
        let (bytes, failures) = (self.bytes.clone(), Arc::clone(&self.failures));
        Ok(Arc::new(BadFile { file, bytes, failures, is_full: false }))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let (file, is_full) = (RealDisk.create(path)?, self.is_full.load(Ordering::Relaxed));
        Ok(Arc::new(BadFile { file, bytes: 0..0, failures: Arc::default(), is_full }))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        RealDisk.lock(path)
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }
}

impl DiskFile for BadFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = offset + buffer.len() as u64;
        if self.bytes.contains(&offset) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Err(io::Error::from_raw_os_error(5));
        }
        // As a system does: what is well before the bad sector comes first.
        let well = if end > self.bytes.start && offset < self.bytes.start { self.bytes.start } else { end };
        self.file.read_at(&mut buffer[..(well - offset) as usize], offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all_at(bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}
