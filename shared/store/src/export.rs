//! Query results as files that appear whole or not at all.

use crate::database::Database;
use crate::error::Doing;
use crate::{StoreError, sql};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The form of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// Comma-separated, with a header line.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
}

/// Writes the result of `query` beside `path`, makes it durable and gives it its name. Returns the number
/// of rows.
pub(crate) fn copy(
    database: &Database,
    query: &str,
    path: &Path,
    format: ExportFormat,
) -> Result<u64, StoreError> {
    let options = match format {
        ExportFormat::Csv => "FORMAT csv, HEADER",
        ExportFormat::Parquet => "FORMAT parquet, COMPRESSION zstd",
    };
    write_whole(path, |unfinished| {
        let statement = format!("COPY ({query}) TO {} ({options})", sql::path(unfinished));
        database.connection.execute(&statement, []).doing("export rows").map(|rows| rows as u64)
    })
}

/// Lets `write` make a file beside `path`, then syncs it, renames it and syncs the folder.
pub(crate) fn write_whole<T>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let unfinished = unfinished(path);
    let result = write(&unfinished).and_then(|written| {
        File::open(&unfinished)
            .and_then(|file| file.sync_all())
            .map_err(StoreError::file("sync", &unfinished))?;
        std::fs::rename(&unfinished, path).map_err(StoreError::file("rename to", path))?;
        sync_folder(path)?;
        Ok(written)
    });
    if result.is_err() {
        // It may not exist; either way the error that is returned says more.
        let _ = std::fs::remove_file(&unfinished);
    }
    result
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|file| file.sync_all()).map_err(StoreError::file("sync the folder", folder))
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}
