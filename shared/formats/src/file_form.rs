//! The forms in which rows are written to files.

use std::fmt;
use std::path::Path;

/// The form of a file that [`crate::RowWriter`] writes and [`crate::RowReader`] reads back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileForm {
    /// Comma-separated with a header line.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
}

impl FileForm {
    /// What a file's ending says; `None` when it says nothing.
    pub fn of(path: &Path) -> Option<FileForm> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(FileForm::Csv),
            "parquet" | "pq" => Some(FileForm::Parquet),
            _ => None,
        }
    }

    /// The ending of its files, without the dot.
    pub fn ending(self) -> &'static str {
        match self {
            FileForm::Csv => "csv",
            FileForm::Parquet => "parquet",
        }
    }
}

impl fmt::Display for FileForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.ending())
    }
}
