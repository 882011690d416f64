//! One process per file: a lock on a side file that also says whose it is.
//!
//! DuckDB locks its file too, but with a POSIX record lock, which any `close` of the same file in the same
//! process drops. `flock` on a file that nobody else touches does not have that trap, and it disappears
//! with its process however that ends, so there are no stale locks to clean up.

use crate::StoreError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Held as long as the database is open.
#[derive(Debug)]
pub(crate) struct Owner {
    _file: File,
}

impl Owner {
    /// Takes the lock of `database`.
    pub(crate) fn acquire(database: &Path) -> Result<Owner, StoreError> {
        let path = side_file(database);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::file("open the lock file", &path))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(StoreError::Owned { path: database.to_path_buf(), pid: read_pid(&mut file) });
        }
        write_pid(&mut file).map_err(StoreError::file("write the lock file", &path))?;
        Ok(Owner { _file: file })
    }
}

fn side_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}
