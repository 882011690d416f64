//! Candles and ticks from Parquet, one record batch at a time.
//!
//! Only the columns that are needed are decoded. A damaged file can make the decoder panic; that is
//! caught here and becomes an error, because a bad file must not take a whole service with it.

use crate::error::{BadRow, FileError};
use crate::layout::Layout;
use crate::row_source::{Input, Pulled, RowSource};
use crate::scalar::Scalar;
use crate::ticks::Price;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Rows decoded at a time: columns of 8 kB each, which stay in the processor's cache.
const DECODE_ROWS: usize = 1024;

/// Rows of a Parquet file.
pub(crate) struct ParquetRows {
    reader: ParquetRecordBatchReader,
    file: Arc<str>,
    layout: Layout,
    price: Price,
    /// The columns of the record batch at hand, by the column of the layout that they fill.
    columns: Vec<Option<Column>>,
    /// Rows of it, and how many of them were handed out.
    rows: usize,
    next: usize,
    total_rows: u64,
    total_bytes: u64,
    done_rows: u64,
}

/// Opens a Parquet file of `total_bytes` bytes.
pub(crate) fn open(
    input: Input,
    total_bytes: u64,
    file: &Arc<str>,
    price: Price,
) -> Result<Box<dyn RowSource + Send>, FileError> {
    Ok(Box::new(match input {
        Input::File(input) => ParquetRows::open(input, total_bytes, file.clone(), price)?,
        Input::Bytes(bytes) => {
            ParquetRows::open(bytes::Bytes::from(bytes), total_bytes, file.clone(), price)?
        }
    }))
}

impl ParquetRows {
    fn open<R: ChunkReader + 'static>(
        input: R,
        total_bytes: u64,
        file: Arc<str>,
        price: Price,
    ) -> Result<ParquetRows, FileError> {
        let unusable = |reason: String| FileError::Unusable { file: file.clone(), reason };
        let builder = guarded(&file, || ParquetRecordBatchReaderBuilder::try_new(input))?;
        let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let layout = Layout::of_names(&names).map_err(unusable)?;
        layout.check_price(price).map_err(unusable)?;
        let total_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mask = ProjectionMask::roots(builder.parquet_schema(), layout.columns());
        let build = || builder.with_projection(mask).with_batch_size(DECODE_ROWS).build();
        let reader = guarded(&file, build)?;
        Ok(ParquetRows {
            reader,
            file,
            layout,
            price,
            columns: Vec::new(),
            rows: 0,
            next: 0,
            total_rows,
            total_bytes,
            done_rows: 0,
        })
    }

    /// Decodes the next record batch; false at the end.
    fn decode(&mut self) -> Result<bool, FileError> {
        let reader = &mut self.reader;
        let Some(batch) = guarded(&self.file, || reader.next().transpose())? else { return Ok(false) };
        let wanted = self.layout.columns();
        self.columns.clear();
        self.columns.resize_with(wanted.last().map_or(0, |last| last + 1), || None);
        for (column, array) in wanted.iter().zip(batch.columns()) {
            let read = guarded(&self.file, || Column::of(array))?;
            if let Some(slot) = self.columns.get_mut(*column) {
                *slot = Some(read);
            }
        }
        self.rows = RecordBatch::num_rows(&batch);
        self.next = 0;
        Ok(true)
    }
}

impl RowSource for ParquetRows {
    fn pull(&mut self) -> Result<Option<Pulled>, FileError> {
        while self.next == self.rows {
            if !self.decode()? {
                return Ok(None);
            }
        }
        let row = self.next;
        self.next += 1;
        self.done_rows += 1;
        let reading = self.layout.read(self.price, |column| match self.columns.get(column) {
            Some(Some(column)) => column.get(row),
            _ => Scalar::Missing,
        });
        Ok(Some(match reading {
            Ok(reading) => Pulled::Row(self.done_rows, reading),
            Err(reason) => Pulled::Bad(BadRow { file: self.file.clone(), line: self.done_rows, reason }),
        }))
    }

    fn is_ticks(&self) -> bool {
        self.layout.is_ticks()
    }

    fn bytes_read(&self) -> u64 {
        let total = u128::from(self.total_bytes) * u128::from(self.done_rows);
        u64::try_from(total / u128::from(self.total_rows.max(1))).unwrap_or(self.total_bytes)
    }
}

/// One column, brought to one of three shapes.
enum Column {
    /// Whole numbers; `to_nanos` is set when they are times of a known unit.
    Integers {
        values: ArrayRef,
        to_nanos: Option<i64>,
    },
    Decimals(ArrayRef),
    Texts(ArrayRef),
}

impl Column {
    fn of(array: &ArrayRef) -> Result<Column, arrow::error::ArrowError> {
        let integers =
            |to_nanos| cast(array, &DataType::Int64).map(|values| Column::Integers { values, to_nanos });
        match array.data_type() {
            DataType::Timestamp(unit, _) => integers(Some(nanos_per(*unit))),
            DataType::Date64 => integers(Some(1_000_000)),
            DataType::Date32 => {
                // Days have no direct way to a 64-bit number in arrow; they have one to 32 bits.
                let days = cast(array, &DataType::Int32)?;
                let values = cast(&days, &DataType::Int64)?;
                Ok(Column::Integers { values, to_nanos: Some(86_400_000_000_000) })
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                cast(array, &DataType::Utf8).map(Column::Texts)
            }
            kind if kind.is_integer() => integers(None),
            _ => cast(array, &DataType::Float64).map(Column::Decimals),
        }
    }

    fn get(&self, row: usize) -> Scalar<'_> {
        match self {
            Column::Integers { values, .. } | Column::Decimals(values) | Column::Texts(values)
                if row >= values.len() || values.is_null(row) =>
            {
                Scalar::Missing
            }
            Column::Integers { values, to_nanos } => {
                let value = values.as_primitive::<Int64Type>().value(row);
                match to_nanos {
                    Some(scale) => match value.checked_mul(*scale) {
                        Some(nanos) => Scalar::Nanos(nanos),
                        None => Scalar::Other("a time outside the years 1677 to 2262"),
                    },
                    None => Scalar::Integer(value),
                }
            }
            Column::Decimals(values) => Scalar::Decimal(values.as_primitive::<Float64Type>().value(row)),
            Column::Texts(values) => Scalar::Text(values.as_string::<i32>().value(row).into()),
        }
    }
}

fn nanos_per(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// Runs a step of the decoder; its error and its panic both say that the file is damaged.
pub(crate) fn guarded<T, E: std::fmt::Display>(
    file: &Arc<str>,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<T, FileError> {
    let damaged = |reason: String| FileError::Damaged { file: file.clone(), reason };
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("its decoder gave up: the bytes contradict each other".into())),
    }
}
