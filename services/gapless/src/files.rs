//! Rows as CSV and Parquet files that appear whole or not at all.

use anyhow::{Context, Result};
use gapless::{Batch, Kind};
use gapless_formats::{FileForm, RowWriter};
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The form of a file, as the command line has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FileFormat {
    /// Comma-separated with a header line.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
}

impl From<FileFormat> for FileForm {
    fn from(format: FileFormat) -> FileForm {
        match format {
            FileFormat::Csv => FileForm::Csv,
            FileFormat::Parquet => FileForm::Parquet,
        }
    }
}

/// A file that is being written beside its final place.
pub(crate) struct RowFile {
    path: PathBuf,
    unfinished: NamedTempFile,
    rows: RowWriter<File>,
}

impl RowFile {
    /// Begins a file of rows of `kind`; metrics have these `columns`, other kinds their own.
    pub(crate) fn create(path: &Path, form: FileForm, kind: Kind, columns: &[String]) -> Result<RowFile> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            anyhow::bail!("cannot write {}: there is no folder {}", path.display(), folder.display());
        }
        let cannot = || format!("cannot write {}", path.display());
        let unfinished = NamedTempFile::new_in(folder).with_context(cannot)?;
        let file = unfinished.reopen().with_context(cannot)?;
        let rows = RowWriter::begin(file, form, kind, columns)?;
        Ok(RowFile { path: path.to_path_buf(), unfinished, rows })
    }

    /// Writes the rows of a batch.
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<()> {
        Ok(self.rows.write(batch)?)
    }

    /// Ends the file, makes it durable and gives it its name.
    pub(crate) fn finish(self) -> Result<()> {
        self.rows.finish()?;
        self.unfinished.as_file().sync_all()?;
        let named = self.unfinished.persist(&self.path);
        named.with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
