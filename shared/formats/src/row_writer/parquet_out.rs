//! Rows as Parquet. Times are timestamps in UTC; a missing value is null.

use crate::error::WriteError;
use crate::rows;
use arrow::array::{
    ArrayRef, Float64Array, StringArray, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field as Column, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use gapless_model::{Batch, Kind, Rows, UnixNanos, Warning};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::sync::Arc;

/// Everything is written in UTC.
const ZONE: &str = "UTC";

pub(super) struct ParquetOut<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    columns: Vec<String>,
}

impl<W: Write + Send> ParquetOut<W> {
    pub(super) fn begin(out: W, kind: Kind, columns: Vec<String>) -> Result<ParquetOut<W>, WriteError> {
        let unit = if kind == Kind::Candles { TimeUnit::Millisecond } else { TimeUnit::Nanosecond };
        let value = if kind == Kind::Warnings { DataType::Utf8 } else { DataType::Float64 };
        let mut schema = vec![
            Column::new("seq", DataType::UInt64, false),
            Column::new("ts", DataType::Timestamp(unit, Some(ZONE.into())), false),
        ];
        schema.extend(columns.iter().map(|name| Column::new(name, value.clone(), kind == Kind::Metrics)));
        let schema: SchemaRef = Arc::new(Schema::new(schema));
        let properties =
            WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties))?;
        Ok(ParquetOut { writer, schema, columns })
    }

    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), WriteError> {
        let names = rows::names(&batch.rows);
        let mut arrays: Vec<ArrayRef> = vec![sequences(batch), times(&batch.rows)];
        for column in &self.columns {
            arrays.push(values(&batch.rows, names.iter().position(|name| name == column)));
        }
        let batch = RecordBatch::try_new(self.schema.clone(), arrays);
        self.writer.write(&batch.map_err(|error| WriteError::Encode(error.to_string()))?)?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<W, WriteError> {
        Ok(self.writer.into_inner()?)
    }
}

fn sequences(batch: &Batch) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(rows::places(batch).map(|(_, seq, _)| seq)))
}

fn times(rows: &Rows) -> ArrayRef {
    let nanos = |times: &mut dyn Iterator<Item = UnixNanos>| -> ArrayRef {
        Arc::new(TimestampNanosecondArray::from_iter_values(times.map(|ts| ts.0)).with_timezone(ZONE))
    };
    match rows {
        Rows::Candles(rows) => {
            let times = rows.iter().map(|row| row.ts.0);
            Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone(ZONE))
        }
        Rows::Metrics(rows) => nanos(&mut rows.ts.iter().copied()),
        Rows::Warnings(rows) => nanos(&mut rows.iter().map(|row| row.ts)),
    }
}

/// The column with the field `at` of each row; empty when they have no such field.
fn values(rows: &Rows, at: Option<usize>) -> ArrayRef {
    let count = rows.len();
    match rows {
        Rows::Candles(rows) => {
            let value = |row: &gapless_model::Candle| {
                [row.open, row.high, row.low, row.close, row.volume].get(at?).copied()
            };
            Arc::new(Float64Array::from_iter(rows.iter().map(value)))
        }
        Rows::Metrics(rows) => {
            let value = |row| rows.row(row).get(at?).copied().filter(|value| !value.is_nan());
            Arc::new(Float64Array::from_iter((0..count).map(value)))
        }
        Rows::Warnings(rows) => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| text(row, at)))),
    }
}

fn text(row: &Warning, at: Option<usize>) -> &str {
    match at {
        Some(0) => row.severity.name(),
        Some(1) => &row.code,
        Some(2) => &row.subject,
        Some(3) => &row.message,
        _ => "",
    }
}
