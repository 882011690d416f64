//! Arrow columns back to batches.
//!
//! A query that is to be decoded selects, in this order: `seq`, `epoch`, `flags`, then the value columns of the
//! kind. Consecutive rows become one batch as long as nothing but the sequence changes.

use crate::StoreError;
use duckdb::arrow::array::{
    Array, Float64Array, ListArray, StringArray, TimestampMillisecondArray, TimestampNanosecondArray,
    UInt32Array, UInt64Array,
};
use duckdb::arrow::datatypes::Int64Type;
use duckdb::arrow::record_batch::RecordBatch;
use gapless_model::{
    Batch, Candle, Epoch, Flags, Kind, MetricRows, Rows, Seq, Severity, StreamKey, UnixMillis, UnixNanos,
    Warning,
};
use std::sync::Arc;

/// Number of the first value column.
const FIRST_VALUE: usize = 3;

/// Collects the batches of one stream from the chunks of a query's result.
pub(crate) struct Decoder<'a> {
    key: &'a StreamKey,
    done: Vec<Batch>,
    open: Option<Batch>,
}

/// What rows of one batch have in common.
#[derive(PartialEq)]
struct Mark {
    epoch: u64,
    flags: u32,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(key: &'a StreamKey) -> Decoder<'a> {
        Decoder { key, done: Vec::new(), open: None }
    }

    /// Takes in the next chunk of the result.
    pub(crate) fn push(&mut self, chunk: &RecordBatch) -> Result<(), StoreError> {
        let seqs: &UInt64Array = column(chunk, 0)?;
        let epochs: &UInt64Array = column(chunk, 1)?;
        let flags: &UInt32Array = column(chunk, 2)?;
        let values = Columns::new(self.key.kind(), chunk)?;
        let mut from = 0;
        while from < chunk.num_rows() {
            let mark = |row: usize| Mark { epoch: epochs.value(row), flags: flags.value(row) };
            let first = mark(from);
            let mut to = from + 1;
            while to < chunk.num_rows()
                && seqs.value(to) == seqs.value(to - 1).wrapping_add(1)
                && mark(to) == first
                && values.same_names(to - 1, to)
            {
                to += 1;
            }
            self.run(Seq(seqs.value(from)), first, values.rows(from, to)?);
            from = to;
        }
        Ok(())
    }

    /// The batches, in the order of the result.
    pub(crate) fn finish(mut self) -> Vec<Batch> {
        self.done.extend(self.open.take());
        self.done
    }

    fn run(&mut self, start: Seq, mark: Mark, rows: Rows) {
        match &mut self.open {
            Some(open) if continues(open, start, &mark, &rows) => extend(&mut open.rows, rows),
            open => {
                self.done.extend(open.take());
                *open = Some(Batch {
                    start,
                    epoch: Epoch(mark.epoch),
                    ..Batch::unsequenced(self.key.clone(), Flags(mark.flags), rows)
                });
            }
        }
    }
}

fn continues(open: &Batch, start: Seq, mark: &Mark, rows: &Rows) -> bool {
    let own = Mark { epoch: open.epoch.0, flags: open.flags.0 };
    own == *mark && open.range().end() == start && open.rows.takes(rows)
}

/// Puts rows behind others that [take](Rows::takes) them.
fn extend(own: &mut Rows, more: Rows) {
    let taken = own.append(more);
    debug_assert!(taken.is_ok(), "one query gave rows of two kinds");
}

/// The value columns of a chunk.
enum Columns<'a> {
    Candles { ts: Vec<i64>, values: [&'a Float64Array; 5] },
    Metrics { ts: Vec<i64>, names: Vec<Arc<[String]>>, values: &'a ListArray },
    Warnings { ts: Vec<i64>, texts: [&'a StringArray; 4] },
}

impl<'a> Columns<'a> {
    fn new(kind: Kind, chunk: &'a RecordBatch) -> Result<Columns<'a>, StoreError> {
        let ts = times(chunk)?;
        let number = |at: usize| column::<Float64Array>(chunk, FIRST_VALUE + at);
        let text = |at: usize| column::<StringArray>(chunk, FIRST_VALUE + at);
        Ok(match kind {
            Kind::Candles => {
                Columns::Candles { ts, values: [number(1)?, number(2)?, number(3)?, number(4)?, number(5)?] }
            }
            Kind::Metrics => {
                let values = column::<ListArray>(chunk, FIRST_VALUE + 2)?;
                Columns::Metrics { ts, names: name_sets(chunk)?, values }
            }
            Kind::Warnings => Columns::Warnings { ts, texts: [text(1)?, text(2)?, text(3)?, text(4)?] },
        })
    }

    fn same_names(&self, a: usize, b: usize) -> bool {
        match self {
            Columns::Metrics { names, .. } => match (names.get(a), names.get(b)) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
                _ => false,
            },
            Columns::Candles { .. } | Columns::Warnings { .. } => true,
        }
    }

    fn rows(&self, from: usize, to: usize) -> Result<Rows, StoreError> {
        match self {
            Columns::Candles { ts, values: [open, high, low, close, volume] } => {
                let times = ts.get(from..to).unwrap_or_default();
                let rows = times.iter().zip(from..to).map(|(ts, row)| Candle {
                    ts: UnixMillis(*ts),
                    open: open.value(row),
                    high: high.value(row),
                    low: low.value(row),
                    close: close.value(row),
                    volume: volume.value(row),
                });
                Ok(Rows::Candles(rows.collect()))
            }
            Columns::Metrics { ts, names, values } => metric_rows(ts, names, values, from, to),
            Columns::Warnings { ts, texts } => warning_rows(ts, texts, from, to),
        }
    }
}

fn metric_rows(
    ts: &[i64],
    names: &[Arc<[String]>],
    values: &ListArray,
    from: usize,
    to: usize,
) -> Result<Rows, StoreError> {
    let columns = names.get(from).cloned().unwrap_or_else(|| Arc::from([]));
    let all = values.values().as_any().downcast_ref::<Float64Array>().ok_or_else(|| damaged("vals"))?;
    let mut flat = Vec::with_capacity((to - from) * columns.len());
    for row in from..to {
        let [begin, end] =
            [row, row + 1].map(|at| values.value_offsets().get(at).copied().unwrap_or_default());
        let numbers = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
        match numbers.and_then(|(begin, end)| all.values().get(begin..end)) {
            Some(numbers) if numbers.len() == columns.len() => flat.extend_from_slice(numbers),
            _ => return Err(damaged("vals")),
        }
    }
    let ts = ts.get(from..to).unwrap_or_default().iter().map(|ts| UnixNanos(*ts)).collect();
    Ok(Rows::Metrics(MetricRows { columns, ts, values: flat }))
}

fn warning_rows(ts: &[i64], texts: &[&StringArray; 4], from: usize, to: usize) -> Result<Rows, StoreError> {
    let [severity, code, subject, message] = texts;
    let severity_of = |name: &str| {
        (0..=2).filter_map(Severity::from_u8).find(|s| s.name() == name).ok_or_else(|| damaged("severity"))
    };
    let times = ts.get(from..to).unwrap_or_default();
    let rows: Result<Vec<Warning>, StoreError> = times
        .iter()
        .zip(from..to)
        .map(|(ts, row)| {
            Ok(Warning {
                ts: UnixNanos(*ts),
                severity: severity_of(severity.value(row))?,
                code: code.value(row).to_string(),
                subject: subject.value(row).to_string(),
                message: message.value(row).to_string(),
            })
        })
        .collect();
    Ok(Rows::Warnings(rows?))
}

fn times(chunk: &RecordBatch) -> Result<Vec<i64>, StoreError> {
    let column = chunk.columns().get(FIRST_VALUE).ok_or_else(|| damaged("ts"))?;
    let any = column.as_any();
    let whole = any
        .downcast_ref::<TimestampMillisecondArray>()
        .map(|a| a.reinterpret_cast::<Int64Type>().values().to_vec())
        .or_else(|| {
            any.downcast_ref::<TimestampNanosecondArray>()
                .map(|a| a.reinterpret_cast::<Int64Type>().values().to_vec())
        });
    whole.ok_or_else(|| damaged("ts"))
}

/// The set of names of each row; equal neighbours share one.
fn name_sets(chunk: &RecordBatch) -> Result<Vec<Arc<[String]>>, StoreError> {
    let column = chunk.columns().get(FIRST_VALUE + 1).ok_or_else(|| damaged("names"))?;
    let mut sets: Vec<Arc<[String]>> = Vec::with_capacity(chunk.num_rows());
    let lists = column.as_any().downcast_ref::<ListArray>().ok_or_else(|| damaged("names"))?;
    for row in 0..lists.len() {
        let list = lists.value(row);
        let texts = list.as_any().downcast_ref::<StringArray>().ok_or_else(|| damaged("names"))?;
        let same = |set: &&Arc<[String]>| {
            set.len() == texts.len()
                && set.iter().zip(0..texts.len()).all(|(name, at)| name == texts.value(at))
        };
        let set = match sets.last().filter(same) {
            Some(set) => set.clone(),
            None => (0..texts.len()).map(|at| texts.value(at).to_string()).collect(),
        };
        sets.push(set);
    }
    Ok(sets)
}

fn column<T: Array + 'static>(chunk: &RecordBatch, at: usize) -> Result<&T, StoreError> {
    let found = chunk.columns().get(at).and_then(|column| column.as_any().downcast_ref::<T>());
    found.ok_or_else(|| StoreError::Damaged(format!("column {at} has another type than it was created with")))
}

fn damaged(column: &str) -> StoreError {
    StoreError::Damaged(format!("column {column:?} has another shape than it was written with"))
}
