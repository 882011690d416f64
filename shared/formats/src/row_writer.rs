//! Rows into files: `seq`, `ts`, then the fields.
//!
//! One schema per file. Numbers are written so that they read back bit for bit ([`crate::RowReader`] does
//! that), times as they are: candles in milliseconds, everything else in nanoseconds, in UTC.

mod csv_rows;
#[cfg(feature = "parquet")]
mod parquet_out;

use crate::error::WriteError;
use crate::file_form::FileForm;
use crate::rows::fixed_names;
use csv_rows::CsvOut;
use gapless_model::{Batch, Kind};
#[cfg(feature = "parquet")]
use parquet_out::ParquetOut;
use std::io::Write;

/// Writes rows of one kind, batch after batch.
///
/// ```
/// use gapless_formats::{FileForm, RowWriter};
/// use gapless_model::{Batch, Candle, Flags, Kind, Rows, Seq, UnixMillis};
/// let candle = Candle { ts: UnixMillis(0), open: 1.0, high: 2.0, low: 0.5, close: 1.5, volume: 3.0 };
/// let mut batch = Batch::unsequenced("candles.a.b.1m".parse()?, Flags::NONE, Rows::Candles(vec![candle]));
/// batch.start = Seq(7);
/// let mut file = RowWriter::begin(Vec::new(), FileForm::Csv, Kind::Candles, &[])?;
/// file.write(&batch)?;
/// let text = String::from_utf8(file.finish()?)?;
/// assert_eq!(text, "seq,ts,open,high,low,close,volume\n7,1970-01-01T00:00:00Z,1,2,0.5,1.5,3\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RowWriter<W: Write + Send> {
    form: Form<W>,
}

enum Form<W: Write + Send> {
    Csv(Box<CsvOut<W>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetOut<W>>),
}

impl<W: Write + Send> RowWriter<W> {
    /// Begins a file of rows of `kind`; metrics have these `columns`, other kinds their own.
    ///
    /// # Errors
    /// [`WriteError`] when the beginning cannot be written, or Parquet is left out of this build.
    pub fn begin(out: W, form: FileForm, kind: Kind, columns: &[String]) -> Result<RowWriter<W>, WriteError> {
        let columns: Vec<String> = match kind {
            Kind::Metrics => columns.to_vec(),
            Kind::Candles | Kind::Warnings => fixed_names(kind).iter().map(|&name| name.to_owned()).collect(),
        };
        let form = match form {
            FileForm::Csv => Form::Csv(Box::new(CsvOut::begin(out, columns)?)),
            #[cfg(feature = "parquet")]
            FileForm::Parquet => Form::Parquet(Box::new(ParquetOut::begin(out, kind, columns)?)),
            #[cfg(not(feature = "parquet"))]
            FileForm::Parquet => return Err(WriteError::Encode("this build has no Parquet".into())),
        };
        Ok(RowWriter { form })
    }

    /// Writes the rows of a batch. Columns that the file has and the batch has not are left empty; those
    /// that only the batch has are left out.
    ///
    /// # Errors
    /// [`WriteError`] when they cannot be written; the file is then of no use.
    pub fn write(&mut self, batch: &Batch) -> Result<(), WriteError> {
        match &mut self.form {
            Form::Csv(file) => file.write(batch),
            #[cfg(feature = "parquet")]
            Form::Parquet(file) => file.write(batch),
        }
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// [`WriteError`] when its end cannot be written.
    pub fn finish(self) -> Result<W, WriteError> {
        match self.form {
            Form::Csv(file) => file.finish(),
            #[cfg(feature = "parquet")]
            Form::Parquet(file) => file.finish(),
        }
    }
}
