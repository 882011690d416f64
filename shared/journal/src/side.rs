//! Small files beside the records.
//!
//! They say what no record says, and everything hangs on them: a digit of an epoch that flips is another
//! history. So each is there twice, and each copy carries a checksum of what it says. The first copy is always
//! written first: when it is whole it is the newest, and when it is damaged the second may be one change older.
//! Repairing the content instead was rejected: nothing proves that a repaired digit is the right one.

use crate::JournalError;
use crate::checked::{seal, unseal};
use crate::damage::Damage;
use crate::error::{beyond_repair, io_error};
use gapless_disk::{Disk, write_atomically};
use gapless_model::Position;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// What a file says.
pub(crate) struct Loaded<T> {
    pub(crate) content: T,
    /// It may have been written before the last change, which is damaged.
    pub(crate) may_be_old: bool,
    /// Copies that are not what was written.
    pub(crate) damages: Vec<Damage>,
}

/// Reads `name`; `None` when no copy is there. `remedy` says what to do when no copy is whole.
///
/// # Errors
/// [`JournalError::Damaged`] when no copy is whole.
pub(crate) fn load<T: DeserializeOwned>(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    remedy: &'static str,
) -> Result<Option<Loaded<T>>, JournalError> {
    let (first, second) = (dir.join(name), dir.join(copy(name)));
    let copied = read(disk, &second)?;
    let read = match read(disk, &first)? {
        Some(read) => read,
        None if copied.is_some() => Err("it is missing".to_owned()),
        None => return Ok(None),
    };
    let damage = |path: &Path, reason: &str| Damage::of_head(path, 0, Position::FIRST, reason);
    let loaded = match (read, copied) {
        (Ok(content), None | Some(Ok(_))) => Loaded { content, may_be_old: false, damages: Vec::new() },
        (Ok(content), Some(Err(reason))) => {
            Loaded { content, may_be_old: false, damages: vec![damage(&second, &reason)] }
        }
        (Err(reason), Some(Ok(content))) => {
            Loaded { content, may_be_old: true, damages: vec![damage(&first, &reason)] }
        }
        (Err(reason), None | Some(Err(_))) => {
            let reason = format!("{reason}, and its copy is no better");
            return Err(beyond_repair(&first, 0, reason, remedy));
        }
    };
    Ok(Some(loaded))
}

/// Writes `name`; it is durable when this returns.
pub(crate) fn store<T: Serialize>(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    content: &T,
) -> Result<(), JournalError> {
    let text = serde_json::to_vec_pretty(content).map(seal).map_err(std::io::Error::other).and_then(|text| {
        write_atomically(disk, dir, name, &[&text])?;
        write_atomically(disk, dir, &copy(name), &[&text])
    });
    text.map(drop).map_err(io_error("write", &dir.join(name)))
}

fn copy(name: &str) -> String {
    format!("{name}.copy")
}

/// What a copy says, or why it cannot be believed; `None` when it is not there.
fn read<T: DeserializeOwned>(
    disk: &dyn Disk,
    path: &Path,
) -> Result<Option<Result<T, String>>, JournalError> {
    match disk.read(path) {
        Ok(text) => Ok(Some(parse(&text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let text = unseal(text)?;
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
