//! One opener at a time.

use crate::JournalError;
use crate::error::io_error;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::path::Path;

const NAME: &str = "lock";

/// Held as long as the value lives; the system releases it when the process dies.
#[derive(Debug)]
pub(crate) struct DirLock(#[allow(dead_code)] File);

impl DirLock {
    pub(crate) fn take(dir: &Path) -> Result<DirLock, JournalError> {
        let path = dir.join(NAME);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io_error("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(DirLock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::Locked { dir: dir.to_path_buf() }),
            Err(error) => Err(io_error("lock", &path)(error.into())),
        }
    }
}
