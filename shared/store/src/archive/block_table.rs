//! Tables of blocks: hot tables and partitions, which differ in their order and in how well their blocks are packed.

use super::block::{Block, NamesOf};
use super::columns::Packing;
use super::directory::Span;
use super::tables::Place;
use crate::StoreError;
use crate::error::Doing;
use duckdb::Connection;
use duckdb::arrow::array::{Array, ArrayRef, BinaryArray, Int64Array, UInt32Array, UInt64Array};
use duckdb::arrow::record_batch::RecordBatch;
use gapless_model::{Digest, Kind, Seq};
use std::sync::Arc;

/// The number of a set of column names.
pub(super) type NumberOf<'a> = &'a dyn Fn(&Arc<[String]>) -> u32;

/// Creates the table; a hot one may be there. What is in a block is packed already, so DuckDB need not try.
pub(super) fn create(connection: &Connection, kind: Kind, place: Place) -> Result<(), StoreError> {
    let unless = match place {
        Place::Hot(_) => "IF NOT EXISTS ",
        Place::Sealed(_) | Place::Unfinished(_) => "",
    };
    let statement = format!(
        "CREATE TABLE {unless}{} (stream UINTEGER NOT NULL, first_seq UBIGINT NOT NULL, \
         last_seq UBIGINT NOT NULL, min_ts BIGINT NOT NULL, max_ts BIGINT NOT NULL, last_ts BIGINT NOT NULL, \
         min_publish_us BIGINT NOT NULL, max_publish_us BIGINT NOT NULL, digest UBIGINT, \
         data BLOB NOT NULL USING COMPRESSION uncompressed)",
        place.table(kind)
    );
    connection.execute_batch(&statement).doing("create a table of rows")
}

/// A block as a line of a table.
pub(super) struct Line {
    stream: u32,
    span: Span,
    data: Vec<u8>,
}

impl Line {
    /// The line of a block of the stream with the number `stream` in `place`.
    pub(super) fn new(place: Place, stream: u32, block: &Block, number_of: NumberOf<'_>) -> Line {
        let packing = match place {
            Place::Hot(_) => Packing::Quick,
            Place::Sealed(_) | Place::Unfinished(_) => Packing::Thorough,
        };
        let data = block.encode(packing, block.columns().map_or(0, number_of));
        Line { stream, span: block.span(place), data }
    }
}

/// Appends lines.
pub(super) fn insert(
    connection: &Connection,
    kind: Kind,
    place: Place,
    lines: &[Line],
) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let doing = "append rows to the archive";
    let spans = || lines.iter().map(|line| &line.span);
    let time = |of: fn(&Span) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(spans().map(of))) };
    let columns: [(&str, ArrayRef); 10] = [
        ("stream", Arc::new(UInt32Array::from_iter_values(lines.iter().map(|line| line.stream)))),
        ("first_seq", Arc::new(UInt64Array::from_iter_values(spans().map(|span| span.first.0)))),
        ("last_seq", Arc::new(UInt64Array::from_iter_values(spans().map(|span| span.last.0)))),
        ("min_ts", time(|span| span.min_ts)),
        ("max_ts", time(|span| span.max_ts)),
        ("last_ts", time(|span| span.last_ts)),
        ("min_publish_us", time(|span| span.min_publish_us)),
        ("max_publish_us", time(|span| span.max_publish_us)),
        ("digest", Arc::new(UInt64Array::from_iter(spans().map(|span| span.running.map(|digest| digest.0))))),
        ("data", Arc::new(BinaryArray::from_iter_values(lines.iter().map(|line| &line.data)))),
    ];
    let rows = RecordBatch::try_from_iter(columns)
        .map_err(|error| StoreError::Damaged(format!("blocks do not form a table: {error}")))?;
    let mut appender = connection.appender(&place.table(kind)).doing(doing)?;
    appender.append_record_batch(rows).doing(doing)?;
    appender.flush().doing(doing)
}

/// The blocks of a table that `filter` (a condition in SQL) finds, with the numbers of their streams, each stream's in
/// order.
pub(super) fn select(
    connection: &Connection,
    kind: Kind,
    place: Place,
    filter: &str,
    names: NamesOf<'_>,
) -> Result<Vec<(u32, Block)>, StoreError> {
    let doing = "read rows";
    let order = match place {
        Place::Hot(_) => " ORDER BY stream, first_seq",
        // It was written in this order, and DuckDB keeps the order of a table.
        Place::Sealed(_) | Place::Unfinished(_) => "",
    };
    let query = format!("SELECT stream, first_seq, data FROM {} WHERE {filter}{order}", place.table(kind));
    let mut statement = connection.prepare(&query).doing(doing)?;
    let mut blocks = Vec::new();
    for chunk in statement.query_arrow([]).doing(doing)? {
        let streams: &UInt32Array = column(&chunk, 0)?;
        let firsts: &UInt64Array = column(&chunk, 1)?;
        let data: &BinaryArray = column(&chunk, 2)?;
        for ((stream, first), data) in streams.values().iter().zip(firsts.values()).zip(data.iter()) {
            blocks.push((*stream, Block::decode(kind, Seq(*first), data.unwrap_or_default(), names)?));
        }
    }
    Ok(blocks)
}

/// What a table holds, block by block, with the numbers of their streams, in the order of streams and sequences.
pub(super) fn spans(
    connection: &Connection,
    kind: Kind,
    place: Place,
) -> Result<Vec<(u32, Span)>, StoreError> {
    let doing = "read the archive's directory";
    let query = format!(
        "SELECT stream, first_seq, last_seq, min_ts, max_ts, last_ts, min_publish_us, max_publish_us, digest FROM {} \
         ORDER BY stream, first_seq",
        place.table(kind)
    );
    let mut statement = connection.prepare(&query).doing(doing)?;
    let mut spans = Vec::new();
    for chunk in statement.query_arrow([]).doing(doing)? {
        let streams: &UInt32Array = column(&chunk, 0)?;
        let [first, last]: [&UInt64Array; 2] = [column(&chunk, 1)?, column(&chunk, 2)?];
        let [min_ts, max_ts, last_ts]: [&Int64Array; 3] =
            [column(&chunk, 3)?, column(&chunk, 4)?, column(&chunk, 5)?];
        let [min_publish, max_publish]: [&Int64Array; 2] = [column(&chunk, 6)?, column(&chunk, 7)?];
        let digest: &UInt64Array = column(&chunk, 8)?;
        spans.extend((0..chunk.num_rows()).map(|row| {
            let span = Span {
                place,
                first: Seq(first.value(row)),
                last: Seq(last.value(row)),
                min_ts: min_ts.value(row),
                max_ts: max_ts.value(row),
                last_ts: last_ts.value(row),
                min_publish_us: min_publish.value(row),
                max_publish_us: max_publish.value(row),
                running_before: None,
                running: digest.is_valid(row).then(|| Digest(digest.value(row))),
            };
            (streams.value(row), span)
        }));
    }
    Ok(spans)
}

fn column<T: Array + 'static>(chunk: &RecordBatch, at: usize) -> Result<&T, StoreError> {
    let found = chunk.columns().get(at).and_then(|column| column.as_any().downcast_ref::<T>());
    found.ok_or_else(|| StoreError::Damaged(format!("column {at} has another type than it was created with")))
}
