//! Files that are either the old or the new one, never half of one.

use crate::JournalError;
use crate::error::io_error;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Puts `parts`, one after the other, into the file `name` in `dir`; both are synced before this returns.
pub(crate) fn write(dir: &Path, name: &str, parts: &[&[u8]]) -> Result<File, JournalError> {
    let path = dir.join(name);
    let mut temp = tempfile::Builder::new()
        .prefix(".new-")
        .suffix(".tmp")
        .tempfile_in(dir)
        .map_err(io_error("make a file in", dir))?;
    for part in parts {
        temp.write_all(part).map_err(io_error("write", &path))?;
    }
    temp.as_file().sync_all().map_err(io_error("sync", &path))?;
    let file = temp.persist(&path).map_err(|error| io_error("rename to", &path)(error.error))?;
    sync_dir(dir)?;
    Ok(file)
}

/// Makes additions to and removals from `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error("sync", dir))
}
