//! Rows as CSV and Parquet files that appear whole or not at all.

mod csv_file;
mod parquet_file;

use anyhow::{Context, Result};
use csv_file::CsvFile;
use gapless::{Batch, Kind};
use parquet_file::ParquetFile;
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FileFormat {
    /// Comma-separated with a header line.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
}

impl FileFormat {
    /// What the file's ending says.
    pub(crate) fn of(path: &Path) -> Option<FileFormat> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(FileFormat::Csv),
            "parquet" | "pq" => Some(FileFormat::Parquet),
            _ => None,
        }
    }
}

/// A file that is being written beside its final place.
pub(crate) struct RowFile {
    path: PathBuf,
    unfinished: NamedTempFile,
    form: Form,
}

enum Form {
    Csv(Box<CsvFile<File>>),
    Parquet(Box<ParquetFile<File>>),
}

impl RowFile {
    /// Begins a file of rows of `kind`; metrics have these `columns`, other kinds their own.
    pub(crate) fn create(path: &Path, format: FileFormat, kind: Kind, columns: &[String]) -> Result<RowFile> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let cannot = || format!("cannot write {}", path.display());
        let unfinished = NamedTempFile::new_in(folder).with_context(cannot)?;
        let file = unfinished.reopen().with_context(cannot)?;
        let form = match format {
            FileFormat::Csv => Form::Csv(Box::new(CsvFile::begin(file, kind, columns)?)),
            FileFormat::Parquet => Form::Parquet(Box::new(ParquetFile::begin(file, kind, columns)?)),
        };
        Ok(RowFile { path: path.to_path_buf(), unfinished, form })
    }

    /// Writes the rows of a batch.
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<()> {
        match &mut self.form {
            Form::Csv(file) => file.write(batch),
            Form::Parquet(file) => file.write(batch),
        }
    }

    /// Ends the file, makes it durable and gives it its name.
    pub(crate) fn finish(self) -> Result<()> {
        match self.form {
            Form::Csv(file) => file.finish()?,
            Form::Parquet(file) => file.finish()?,
        }
        self.unfinished.as_file().sync_all()?;
        let named = self.unfinished.persist(&self.path);
        named.with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
