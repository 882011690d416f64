//! Files that [`crate::RowWriter`] wrote, read back exactly.
//!
//! Unlike [`crate::CandleFile`], nothing is detected here and nothing is skipped: the columns are known,
//! and a row that cannot be read is an error. Digests of what comes out equal those of what went in.

mod csv_in;
#[cfg(feature = "parquet")]
mod parquet_in;

use crate::error::FileError;
use crate::file_form::FileForm;
use crate::row_source::Input;
use csv_in::CsvIn;
use gapless_model::{Kind, Rows, Seq};
use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

/// Rows handed out at a time: below the most rows of a batch, and columns stay in the processor's cache.
const CHUNK_ROWS: usize = 1024;

/// Rows of one file, in chunks of consecutive sequences with the sequence of the first.
pub struct RowReader {
    form: Form,
}

enum Form {
    Csv(Box<CsvIn>),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet_in::ParquetIn>),
}

impl RowReader {
    /// Opens a file of rows of `kind`.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be read or is no such file.
    pub fn open(path: &Path, form: FileForm, kind: Kind) -> Result<RowReader, FileError> {
        let file: Arc<str> = path.to_string_lossy().into();
        let input = File::open(path).map_err(|source| FileError::Io { file: file.clone(), source })?;
        RowReader::of(Input::File(input), file, form, kind)
    }

    /// Reads `bytes` as if they stood in a file called `name`.
    ///
    /// # Errors
    /// As [`RowReader::open`].
    pub fn from_bytes(
        name: &str,
        bytes: Vec<u8>,
        form: FileForm,
        kind: Kind,
    ) -> Result<RowReader, FileError> {
        RowReader::of(Input::Bytes(bytes), name.into(), form, kind)
    }

    fn of(input: Input, file: Arc<str>, form: FileForm, kind: Kind) -> Result<RowReader, FileError> {
        let form = match (form, input) {
            (FileForm::Csv, Input::File(input)) => {
                Form::Csv(Box::new(CsvIn::open(Box::new(input), file, kind)?))
            }
            (FileForm::Csv, Input::Bytes(bytes)) => {
                Form::Csv(Box::new(CsvIn::open(Box::new(Cursor::new(bytes)), file, kind)?))
            }
            #[cfg(feature = "parquet")]
            (FileForm::Parquet, Input::File(input)) => {
                Form::Parquet(Box::new(parquet_in::ParquetIn::open(input, file, kind)?))
            }
            #[cfg(feature = "parquet")]
            (FileForm::Parquet, Input::Bytes(bytes)) => {
                Form::Parquet(Box::new(parquet_in::ParquetIn::open(bytes::Bytes::from(bytes), file, kind)?))
            }
            #[cfg(not(feature = "parquet"))]
            (FileForm::Parquet, _) => {
                let reason = "this program was built without the feature that reads Parquet".into();
                return Err(FileError::Unusable { file, reason });
            }
        };
        Ok(RowReader { form })
    }

    /// The next consecutive rows and the sequence of the first; `None` at the end.
    ///
    /// # Errors
    /// [`FileError`] when the file fails or holds something else.
    pub fn next_rows(&mut self) -> Result<Option<(Seq, Rows)>, FileError> {
        match &mut self.form {
            Form::Csv(rows) => rows.next_rows(),
            #[cfg(feature = "parquet")]
            Form::Parquet(rows) => rows.next_rows(),
        }
    }
}

impl Iterator for RowReader {
    type Item = Result<(Seq, Rows), FileError>;

    fn next(&mut self) -> Option<Result<(Seq, Rows), FileError>> {
        self.next_rows().transpose()
    }
}

/// The columns after `seq` and `ts`, checked against what rows of `kind` have.
fn columns_of(file: &Arc<str>, kind: Kind, mut names: Vec<String>) -> Result<Vec<String>, FileError> {
    let unusable = |reason: String| FileError::Unusable { file: file.clone(), reason };
    if names.len() < 2 || names.first().is_none_or(|n| n != "seq") || names.get(1).is_none_or(|n| n != "ts") {
        return Err(unusable("its first columns are not seq and ts".into()));
    }
    let columns = names.split_off(2);
    let fixed = crate::rows::fixed_names(kind);
    if kind != Kind::Metrics && columns != fixed {
        return Err(unusable(format!("its columns are not those of {kind}: {}", fixed.join(", "))));
    }
    Ok(columns)
}

/// The rows, if they are valid.
fn checked(file: &Arc<str>, rows: Rows) -> Result<Rows, FileError> {
    match rows.validate() {
        Ok(()) => Ok(rows),
        Err(error) => Err(FileError::Unusable { file: file.clone(), reason: error.to_string() }),
    }
}
