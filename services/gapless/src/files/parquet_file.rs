//! Rows as Parquet. Times are timestamps in UTC; a missing value is null.

use crate::rows::{self, Field};
use anyhow::Result;
use arrow::array::{
    ArrayRef, Float64Builder, StringBuilder, TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field as Column, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use gapless::{Batch, Kind, Rows};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::sync::Arc;

/// Everything is written in UTC.
const ZONE: &str = "UTC";

pub(super) struct ParquetFile<W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: SchemaRef,
    columns: Vec<String>,
}

impl<W: Write + Send> ParquetFile<W> {
    pub(super) fn begin(out: W, kind: Kind, columns: &[String]) -> Result<ParquetFile<W>> {
        let empty = Rows::empty(kind);
        let columns: Vec<String> = match kind {
            Kind::Metrics => columns.to_vec(),
            Kind::Candles | Kind::Warnings => rows::names(&empty).into_iter().map(str::to_owned).collect(),
        };
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
        Ok(ParquetFile { writer, schema, columns })
    }

    pub(super) fn write(&mut self, batch: &Batch) -> Result<()> {
        let names = rows::names(&batch.rows);
        let fields: Vec<Vec<Field<'_>>> =
            (0..batch.rows.len()).map(|row| rows::fields(&batch.rows, row)).collect();
        let mut arrays: Vec<ArrayRef> = vec![sequences(batch), times(batch)];
        for column in &self.columns {
            let at = names.iter().position(|name| name == column);
            let values = fields.iter().map(|row| at.and_then(|at| row.get(at)));
            arrays.push(match batch.kind() {
                Kind::Warnings => texts(values),
                Kind::Candles | Kind::Metrics => numbers(values),
            });
        }
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), arrays)?)?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        self.writer.close()?;
        Ok(())
    }
}

fn sequences(batch: &Batch) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(rows::places(batch).map(|(_, seq, _)| seq)))
}

fn times(batch: &Batch) -> ArrayRef {
    let times = rows::places(batch).map(|(_, _, ts)| ts);
    match batch.kind() {
        Kind::Candles => {
            let times = times.map(|ts| ts.to_millis().0);
            Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone(ZONE))
        }
        Kind::Metrics | Kind::Warnings => {
            Arc::new(TimestampNanosecondArray::from_iter_values(times.map(|ts| ts.0)).with_timezone(ZONE))
        }
    }
}

fn numbers<'a>(values: impl Iterator<Item = Option<&'a Field<'a>>>) -> ArrayRef {
    let mut array = Float64Builder::new();
    for value in values {
        array.append_option(match value {
            Some(Field::Number(number)) => *number,
            Some(Field::Text(_)) | None => None,
        });
    }
    Arc::new(array.finish())
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a Field<'a>>>) -> ArrayRef {
    let mut array = StringBuilder::new();
    for value in values {
        array.append_value(value.map(rows::text).unwrap_or_default());
    }
    Arc::new(array.finish())
}
