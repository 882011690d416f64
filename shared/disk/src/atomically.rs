//! Files that are either the old or the new one, never half of one.

use crate::{Disk, DiskFile};
use gapless_planted::{Bug, on};
use std::io;
use std::path::Path;
use std::sync::Arc;

const PREFIX: &str = ".new-";
const SUFFIX: &str = ".tmp";
/// Read at once when a file is read back: few calls, little memory.
const READ_BACK_BYTES: usize = 1 << 20;

/// Puts `parts`, one after the other, into the file `name` in `dir`; bytes and name are durable when this
/// returns. A folder has one writer: the name on the way is made from `name`.
///
/// # Errors
/// When a step fails; then the file is the old one, or the new one that may not be durable yet.
pub fn write_atomically(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    parts: &[&[u8]],
) -> io::Result<Arc<dyn DiskFile>> {
    write_checked(disk, dir, name, parts, |_| Ok(()))
}

/// The same, and reads the file back before it gets its name: what a disk makes of it that writes something
/// else takes nothing's place.
///
/// # Errors
/// As [`write_atomically`]; [`io::ErrorKind::InvalidData`] when the file is not what was written.
pub fn write_verified(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    parts: &[&[u8]],
) -> io::Result<Arc<dyn DiskFile>> {
    write_checked(disk, dir, name, parts, |file| read_back(file, parts))
}

fn write_checked(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    parts: &[&[u8]],
    check: impl FnOnce(&dyn DiskFile) -> io::Result<()>,
) -> io::Result<Arc<dyn DiskFile>> {
    let new = dir.join(leftover(name));
    let written = fill(disk, &new, parts).and_then(|file| {
        check(&*file)?;
        disk.rename(&new, &dir.join(name))?;
        Ok(file)
    });
    let file = match written {
        Ok(file) => file,
        Err(error) => {
            // What is left is removed by whoever opens the folder next.
            let _ = disk.remove(&new);
            return Err(error);
        }
    };
    disk.sync_dir(dir)?;
    Ok(file)
}

/// What a file is called that may be removed by whoever finds it: [`write_atomically`] gives `name` this name
/// on the way.
pub fn leftover(name: &str) -> String {
    format!("{PREFIX}{name}{SUFFIX}")
}

/// Whether a file of this name is what a killed [`write_atomically`] left: it may be removed.
pub fn is_leftover(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Compares a file with what was written into it.
fn read_back(file: &dyn DiskFile, parts: &[&[u8]]) -> io::Result<()> {
    let (mut buffer, mut offset) = (Vec::new(), 0);
    for expected in parts.iter().flat_map(|part| part.chunks(READ_BACK_BYTES)) {
        buffer.resize(expected.len(), 0);
        file.read_exact_at(&mut buffer, offset)?;
        if buffer != expected {
            let reason =
                format!("it is not what was written, within {} bytes from byte {offset}", buffer.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        offset += buffer.len() as u64;
    }
    Ok(())
}

fn fill(disk: &dyn Disk, path: &Path, parts: &[&[u8]]) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(path)?;
    let mut offset = 0;
    for part in parts {
        file.write_all_at(part, offset)?;
        offset += part.len() as u64;
    }
    if !on(Bug::RenamedUnsynced) {
        file.sync()?;
    }
    Ok(file)
}
