//! Files as the journal and the checkpoints use them.
//!
//! A trait and its implementations for real folders, [`RealDisk`], and in memory, [`MemoryDisk`]. The trait
//! exists so that the same code runs over a simulated disk that loses unsynced writes, tears the last one
//! and flips bits. It is not a general file system: only what is needed to append, to replace a file at
//! once, and to make both durable.
//!
//! # Invariants
//! - Nothing counts as durable before [`DiskFile::sync`] for bytes and [`Disk::sync_dir`] for names returned.
//! - [`write_atomically`] leaves the old file or the new one under a name, never a part of one.
//!
//! ```
//! use gapless_disk::{Disk, RealDisk, write_atomically};
//! let dir = tempfile::tempdir()?;
//! write_atomically(&RealDisk, dir.path(), "state.json", &[b"{}"])?;
//! assert_eq!(RealDisk.read(&dir.path().join("state.json"))?, b"{}");
//! # Ok::<(), std::io::Error>(())
//! ```

mod atomically;
mod memory;
mod real;

pub use atomically::{is_leftover, leftover, write_atomically, write_verified};
pub use memory::MemoryDisk;
pub use real::RealDisk;

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A folder tree.
pub trait Disk: Debug + Send + Sync {
    /// Makes `dir` and the folders above it, where missing.
    ///
    /// # Errors
    /// As `std::fs::create_dir_all`.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Names of the files in `dir`, in order; folders are left out.
    ///
    /// # Errors
    /// As `std::fs::read_dir`.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file that exists, for reading and, if `writable`, for writing.
    ///
    /// # Errors
    /// As `std::fs::File::open`.
    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file, readable and writable; one of that name is emptied.
    ///
    /// # Errors
    /// As `std::fs::File::create`.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives `from` the name `to`, in place of a file of that name. Durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// As `std::fs::rename`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// As `std::fs::remove_file`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes additions to, renames in and removals from `dir` durable.
    ///
    /// # Errors
    /// When the disk says so; then nothing is known about them.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Locks the file `path` (made where missing) for this process as long as the value lives; `None`
    /// when another process holds it.
    ///
    /// # Errors
    /// When the file cannot be made or locks are not supported.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;

    /// The whole of a file.
    ///
    /// # Errors
    /// As `std::fs::read`.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// An open file. Reading and writing name their place, so that one handle serves several threads.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads at most `buffer.len()` bytes at `offset`; 0 means that the file ends there.
    ///
    /// # Errors
    /// As `read_at`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Fills all of `buffer` from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the file ends before; then what `buffer` holds is open.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    buffer = buffer.get_mut(read..).unwrap_or_default();
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// As `write_all_at`; a part may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts the file, or extends it by zeros.
    ///
    /// # Errors
    /// As `std::fs::File::set_len`.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// As `std::fs::File::metadata`.
    fn len(&self) -> io::Result<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// As [`DiskFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes its bytes and its length durable.
    ///
    /// # Errors
    /// When the disk says so; then nothing is known about what was written since the last sync.
    fn sync(&self) -> io::Result<()>;
}

#[cfg(test)]
mod tests;
