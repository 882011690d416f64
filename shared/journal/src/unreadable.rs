//! Bytes that the disk does not give any more.
//!
//! A bad sector answers every read with the same error. To hand that error on would have everybody who needs
//! those records ask again for ever, although all records around them are well. So a read is tried a few
//! times, and then what cannot be read counts as zeros: no record that lies there passes its checksum, and
//! it is passed over and reported as any other damage is.

use gapless_disk::DiskFile;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a system says when a disk does not answer well: `EIO`, the same number everywhere.
const EIO: i32 = 5;
/// Given up at once: the unit in which disks fail and systems read.
const BLOCK_BYTES: u64 = 4096;
/// Tries before a block is given up. The system and the disk have tried often themselves by then.
const ATTEMPTS: u32 = 3;

/// Where the blocks begin that could not be read: each is said once, and not tried again before the next start.
pub(crate) type Unreadable = Arc<Mutex<BTreeSet<u64>>>;

/// A file for reading that has zeros where the disk has failed.
#[derive(Debug)]
pub(crate) struct Readable {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) path: PathBuf,
    pub(crate) unreadable: Unreadable,
}

impl Readable {
    /// Up to the end of the block in which `offset` lies, by itself.
    fn read_block(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let block = block_of(offset);
        let length = self.file.len()?.min(block + BLOCK_BYTES).saturating_sub(offset);
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
        let Some(piece) = buffer.get_mut(..length) else { return Ok(0) };
        if !self.unreadable().contains(&block) {
            for _ in 0..ATTEMPTS {
                match self.file.read_at(piece, offset) {
                    Err(error) if error.raw_os_error() == Some(EIO) => {}
                    other => return other,
                }
            }
            if self.unreadable().insert(block) {
                tracing::error!(file = %self.path.display(), offset = block, attempts = ATTEMPTS,
                    "the disk does not give back what was written here: what lies there is lost");
            }
        }
        piece.fill(0);
        Ok(length)
    }

    fn unreadable(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        // Each change is one step, so the set is whole even after a panic.
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn block_of(offset: u64) -> u64 {
    offset - offset % BLOCK_BYTES
}

impl DiskFile for Readable {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = offset.saturating_add(buffer.len() as u64);
        let bad =
            self.unreadable().range(block_of(offset)..end.max(offset.saturating_add(1))).next().copied();
        let well = match bad {
            Some(block) if block <= offset => return self.read_block(buffer, offset),
            Some(block) => usize::try_from(block - offset).unwrap_or(usize::MAX).min(buffer.len()),
            None => buffer.len(),
        };
        let Some(buffer) = buffer.get_mut(..well) else { return Ok(0) };
        match self.file.read_at(buffer, offset) {
            Err(error) if error.raw_os_error() == Some(EIO) => self.read_block(buffer, offset),
            other => other,
        }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
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
