//! Parquet rows, read back.

use super::csv_in::severity;
use super::{CHUNK_ROWS, checked, columns_of};
use crate::error::FileError;
use crate::parquet_rows::guarded;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampMillisecondType, TimestampNanosecondType, UInt64Type};
use gapless_model::{Candle, Kind, MetricRows, Rows, Seq, UnixMillis, UnixNanos, Warning};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;
use std::sync::Arc;

pub(super) struct ParquetIn {
    reader: ParquetRecordBatchReader,
    file: Arc<str>,
    kind: Kind,
    columns: Arc<[String]>,
    batch: Option<RecordBatch>,
}

impl ParquetIn {
    pub(super) fn open<R: ChunkReader + 'static>(
        input: R,
        file: Arc<str>,
        kind: Kind,
    ) -> Result<ParquetIn, FileError> {
        let builder = guarded(&file, || ParquetRecordBatchReaderBuilder::try_new(input))?;
        let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let columns = columns_of(&file, kind, names)?.into();
        let reader = guarded(&file, || builder.with_batch_size(CHUNK_ROWS).build())?;
        Ok(ParquetIn { reader, file, kind, columns, batch: None })
    }

    pub(super) fn next_rows(&mut self) -> Result<Option<(Seq, Rows)>, FileError> {
        loop {
            let batch = match self.batch.take() {
                Some(batch) => batch,
                None => {
                    let reader = &mut self.reader;
                    match guarded(&self.file, || reader.next().transpose())? {
                        Some(batch) => batch,
                        None => return Ok(None),
                    }
                }
            };
            if batch.num_rows() > 0 {
                return self.take(&batch).map(Some);
            }
        }
    }

    /// The rows of `batch` up to a hole in their sequences; what follows stays for later.
    fn take(&mut self, batch: &RecordBatch) -> Result<(Seq, Rows), FileError> {
        let sequences = numbers(batch, 0).and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let sequences = sequences.ok_or_else(|| self.foreign("seq"))?.values();
        let start = sequences.first().copied().unwrap_or_default();
        let run = sequences.iter().zip(start..).take_while(|(found, due)| **found == *due).count();
        if run < batch.num_rows() {
            self.batch = Some(batch.slice(run, batch.num_rows() - run));
        }
        let rows = self.rows(&batch.slice(0, run))?;
        Ok((Seq(start), checked(&self.file, rows)?))
    }

    fn rows(&self, batch: &RecordBatch) -> Result<Rows, FileError> {
        let times = || numbers(batch, 1).ok_or_else(|| self.foreign("ts"));
        match self.kind {
            Kind::Candles => {
                let times = times()?;
                let times = times.as_primitive_opt::<TimestampMillisecondType>();
                let times = times.ok_or_else(|| self.foreign("ts"))?.values();
                let column = |at| self.decimals(batch, at);
                let (open, high, low) = (column(2)?, column(3)?, column(4)?);
                let (close, volume) = (column(5)?, column(6)?);
                let candle = |row| Candle {
                    ts: UnixMillis(at(times, row)),
                    open: at(open, row),
                    high: at(high, row),
                    low: at(low, row),
                    close: at(close, row),
                    volume: at(volume, row),
                };
                Ok(Rows::Candles((0..batch.num_rows()).map(candle).collect()))
            }
            Kind::Metrics => Ok(Rows::Metrics(self.metrics(batch, times()?)?)),
            Kind::Warnings => {
                let times = self.nanos(times()?)?;
                let texts = [2, 3, 4, 5].map(|at| self.texts(batch, at));
                let [severities, codes, subjects, messages] = texts;
                let (severities, codes, subjects, messages) = (severities?, codes?, subjects?, messages?);
                let warning = |row: usize| -> Result<Warning, FileError> {
                    let unusable = |reason| FileError::Unusable { file: self.file.clone(), reason };
                    Ok(Warning {
                        ts: times.get(row).copied().unwrap_or_default(),
                        severity: severity(severities.value(row)).map_err(unusable)?,
                        code: codes.value(row).to_owned(),
                        subject: subjects.value(row).to_owned(),
                        message: messages.value(row).to_owned(),
                    })
                };
                Ok(Rows::Warnings((0..batch.num_rows()).map(warning).collect::<Result<_, _>>()?))
            }
        }
    }

    fn metrics(&self, batch: &RecordBatch, times: &ArrayRef) -> Result<MetricRows, FileError> {
        let ts = self.nanos(times)?;
        let width = self.columns.len();
        let mut values = vec![f64::NAN; width * batch.num_rows()];
        for (column, name) in self.columns.iter().enumerate() {
            let array = numbers(batch, column + 2).and_then(|array| array.as_primitive_opt::<Float64Type>());
            let array = array.ok_or_else(|| self.foreign(name))?;
            for row in (0..batch.num_rows()).filter(|row| array.is_valid(*row)) {
                if let Some(slot) = values.get_mut(row * width + column) {
                    *slot = array.value(row);
                }
            }
        }
        Ok(MetricRows { columns: self.columns.clone(), ts, values })
    }

    fn nanos(&self, times: &ArrayRef) -> Result<Vec<UnixNanos>, FileError> {
        let times = times.as_primitive_opt::<TimestampNanosecondType>();
        let times = times.ok_or_else(|| self.foreign("ts"))?;
        Ok(times.values().iter().map(|ts| UnixNanos(*ts)).collect())
    }

    fn decimals<'a>(&self, batch: &'a RecordBatch, at: usize) -> Result<&'a [f64], FileError> {
        let array = numbers(batch, at).and_then(|array| array.as_primitive_opt::<Float64Type>());
        let array = array.filter(|array| array.null_count() == 0);
        Ok(array.ok_or_else(|| self.foreign("a number"))?.values())
    }

    fn texts<'a>(
        &self,
        batch: &'a RecordBatch,
        at: usize,
    ) -> Result<&'a arrow::array::StringArray, FileError> {
        let array = numbers(batch, at).and_then(|array| array.as_string_opt::<i32>());
        array.filter(|array| array.null_count() == 0).ok_or_else(|| self.foreign("a text"))
    }

    fn foreign(&self, what: &str) -> FileError {
        let reason = format!("the column of {what} has another type than it was written with");
        FileError::Unusable { file: self.file.clone(), reason }
    }
}

fn numbers(batch: &RecordBatch, at: usize) -> Option<&ArrayRef> {
    batch.columns().get(at)
}

fn at<T: Copy + Default>(values: &[T], row: usize) -> T {
    values.get(row).copied().unwrap_or_default()
}
