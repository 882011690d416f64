//! Putting a file that cannot be used out of the way, without losing it.

use crate::StoreError;
use crate::owner::Owner;
use std::path::{Path, PathBuf};

/// DuckDB writes ahead into a file of this ending, which belongs to its main file.
const LOG: &str = ".wal";

pub(super) fn set_aside(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let _owner = Owner::acquire(path)?;
    let free = |number: &u32| {
        let aside = path.with_extension(format!("aside-{number}.duckdb"));
        !aside.exists() && !with_log(&aside).exists()
    };
    // There are fewer files in a folder than numbers.
    let number = (1..).find(free).unwrap_or(u32::MAX);
    let aside = path.with_extension(format!("aside-{number}.duckdb"));
    // The log first: without its main file it is nothing, so a crash in between loses no meaning.
    if with_log(path).exists() {
        rename(&with_log(path), &with_log(&aside))?;
    }
    rename(path, &aside)?;
    Ok(Some(aside))
}

fn with_log(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(LOG);
    PathBuf::from(name)
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(StoreError::file("rename", from))
}
