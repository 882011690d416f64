//! Reading an application's file: rows, digests, ledger.

use super::change::{GapLine, GapState, Place};
use super::decode::Decoder;
use super::encode::value_names;
use crate::database::Database;
use crate::error::Doing;
use crate::export::{self, ExportFormat};
use crate::{StoreError, sql};
use gapless_model::{Batch, Digest, Epoch, Kind, Seq, SeqRange, StreamKey, UnixMillis};
use std::path::Path;

/// Rows that one query brings into memory: a few megabytes.
const ROWS_PER_QUERY: u64 = 65_536;

/// A connection for reading; clone it for other threads.
pub struct AppReader {
    database: Database,
}

/// How many rows are stored in a range, and their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredDigest {
    /// Rows that are there; fewer than the range is long where rows were truncated.
    pub rows: u64,
    /// Their digest.
    pub digest: Digest,
}

/// The digest of one block of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockDigest {
    /// The block's sequences, cut to what was asked for.
    pub range: SeqRange,
    /// What is stored of it.
    pub stored: StoredDigest,
}

/// The result of a query as text, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextTable {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows of as many texts; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl AppReader {
    pub(super) fn new(database: Database) -> AppReader {
        AppReader { database }
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Another reader of the same file, for another thread; it also keeps the file's lock.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn try_clone(&self) -> Result<AppReader, StoreError> {
        Ok(AppReader { database: self.database.another()? })
    }

    /// The first to the last stored row of `key`; empty when there are none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn bounds(&self, key: &StreamKey) -> Result<SeqRange, StoreError> {
        let query =
            format!("SELECT min(seq), max(seq) FROM {} WHERE {}", key.kind().name(), sql::of_stream(key));
        let found: (Option<u64>, Option<u64>) = self
            .database
            .connection
            .query_row(&query, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .doing("read the bounds of a stream")?;
        Ok(match found {
            (Some(first), Some(last)) => SeqRange::new(Seq(first), Seq(last).next()),
            _ => SeqRange::new(Seq::FIRST, Seq::FIRST),
        })
    }

    /// Hands the rows of `key` in `range` to `take`, in order; a batch never spans a hole.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`], or what `take` returns.
    pub fn scan<E: From<StoreError>>(
        &self,
        key: &StreamKey,
        range: SeqRange,
        mut take: impl FnMut(Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let stored = self.bounds(key)?.intersect(range);
        let mut from = stored.start();
        while from < stored.end() {
            let block = SeqRange::of_len(from, ROWS_PER_QUERY).intersect(stored);
            for batch in self.block(key, block)? {
                take(batch)?;
            }
            from = block.end();
        }
        Ok(())
    }

    /// Number and digest of the stored rows of `key` in `range`.
    ///
    /// # Errors
    /// [`StoreError::Database`] or [`StoreError::Damaged`].
    pub fn digest(&self, key: &StreamKey, range: SeqRange) -> Result<StoredDigest, StoreError> {
        let mut sum = StoredDigest::default();
        self.scan(key, range, |batch| {
            sum.rows += batch.rows.len() as u64;
            sum.digest = sum.digest + Digest::of(batch.start, &batch.rows);
            Ok::<(), StoreError>(())
        })?;
        Ok(sum)
    }

    /// The digests of `range` in blocks that begin at 1, 1 + `block_rows`, ..., so that two places which
    /// hold the same rows have the same blocks: comparing them finds the first range that differs.
    ///
    /// # Errors
    /// [`StoreError::Database`] or [`StoreError::Damaged`].
    pub fn blocks(
        &self,
        key: &StreamKey,
        range: SeqRange,
        block_rows: u64,
    ) -> Result<Vec<BlockDigest>, StoreError> {
        let stored = self.bounds(key)?.intersect(range);
        let rows = block_rows.max(1);
        let mut blocks = Vec::new();
        let mut from = stored.start();
        while from < stored.end() {
            let index = from.previous().0 / rows;
            let block = SeqRange::of_len(Seq(index.saturating_mul(rows)).next(), rows).intersect(stored);
            blocks.push(BlockDigest { range: block, stored: self.digest(key, block)? });
            from = block.end();
        }
        Ok(blocks)
    }

    /// The gap ledger, in the order in which the gaps were noticed.
    ///
    /// # Errors
    /// [`StoreError::Database`] or [`StoreError::Damaged`].
    pub fn gaps(&self) -> Result<Vec<GapLine>, StoreError> {
        let doing = "read the gap ledger";
        let query = "SELECT stream, epoch, from_seq, to_seq, cause, state, epoch_ms(detected), epoch_ms(healed), \
                     coalesce(healed_by, '') FROM gapless_gaps ORDER BY detected, stream, from_seq";
        let mut statement = self.database.connection.prepare(query).doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next().doing(doing)? {
            lines.push(gap_line(row).doing(doing)?.ok_or_else(|| damaged("gapless_gaps"))?);
        }
        Ok(lines)
    }

    /// Writes the rows of `key` in `range` as CSV or Parquet: sequence, time and one column per value. The
    /// file appears whole or not at all. Returns the number of rows.
    ///
    /// # Errors
    /// [`StoreError::File`] or [`StoreError::Database`].
    pub fn export(
        &self,
        key: &StreamKey,
        range: SeqRange,
        path: &Path,
        format: ExportFormat,
    ) -> Result<u64, StoreError> {
        let condition =
            format!("{} AND seq >= {} AND seq < {}", sql::of_stream(key), range.start(), range.end());
        let columns = match key.kind() {
            Kind::Candles => "seq, ts, open, high, low, close, volume".to_string(),
            Kind::Warnings => "seq, ts, severity, code, subject, message".to_string(),
            Kind::Metrics => format!("seq, ts{}", self.metric_columns(&condition)?),
        };
        let query = format!("SELECT {columns} FROM {} WHERE {condition} ORDER BY seq", key.kind().name());
        export::copy(&self.database, &query, path, format)
    }

    /// Runs a query of the application's own and returns the result as text. Not for queries of others:
    /// it can do whatever this process may.
    ///
    /// # Errors
    /// [`StoreError::Database`] with DuckDB's explanation.
    pub fn query(&self, query: &str) -> Result<TextTable, StoreError> {
        let doing = "run the query";
        let query =
            format!("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({})", query.trim().trim_end_matches(';'));
        let mut statement = self.database.connection.prepare(&query).doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        let columns = rows.as_ref().map(|statement| statement.column_names()).unwrap_or_default();
        let mut table = TextTable { columns, rows: Vec::new() };
        while let Some(row) = rows.next().doing(doing)? {
            let texts: Result<Vec<Option<String>>, _> =
                (0..table.columns.len()).map(|at| row.get(at)).collect();
            table.rows.push(texts.doing(doing)?);
        }
        Ok(table)
    }

    pub(super) fn places(&self) -> Result<Vec<(StreamKey, Place)>, StoreError> {
        let doing = "read the cursors";
        let query = "SELECT stream, epoch, applied, digest, epoch_ms(updated_at) FROM gapless_cursors";
        let mut statement = self.database.connection.prepare(query).doing(doing)?;
        let mut rows = statement.query([]).doing(doing)?;
        let mut places = Vec::new();
        while let Some(row) = rows.next().doing(doing)? {
            let topic: String = row.get(0).doing(doing)?;
            let running: Option<u64> = row.get(3).doing(doing)?;
            let place = Place {
                epoch: Epoch(row.get(1).doing(doing)?),
                applied: Seq(row.get(2).doing(doing)?),
                running: running.map(Digest),
                updated: UnixMillis(row.get(4).doing(doing)?),
            };
            places.push((topic.parse().map_err(|_| damaged("gapless_cursors"))?, place));
        }
        Ok(places)
    }

    fn block(&self, key: &StreamKey, block: SeqRange) -> Result<Vec<Batch>, StoreError> {
        let doing = "read rows";
        let query = format!(
            "SELECT seq, epoch, flags, {} FROM {} \
             WHERE {} AND seq >= {} AND seq < {} ORDER BY seq",
            value_names(key.kind()).join(", "),
            key.kind().name(),
            sql::of_stream(key),
            block.start(),
            block.end()
        );
        let mut statement = self.database.connection.prepare(&query).doing(doing)?;
        let mut decoder = Decoder::new(key);
        for chunk in statement.query_arrow([]).doing(doing)? {
            decoder.push(&chunk)?;
        }
        Ok(decoder.finish())
    }

    /// One column per name that occurs, in the order of first appearance; a missing value is NULL.
    fn metric_columns(&self, condition: &str) -> Result<String, StoreError> {
        let doing = "read the column names";
        let query = format!(
            "SELECT name FROM (SELECT unnest(names) AS name, seq, generate_subscripts(names, 1) AS place \
             FROM metrics WHERE {condition}) GROUP BY name ORDER BY min(seq), min(place)"
        );
        let mut statement = self.database.connection.prepare(&query).doing(doing)?;
        let names = statement.query_map([], |row| row.get::<_, String>(0)).doing(doing)?;
        let mut columns = String::new();
        for name in names {
            let name = name.doing(doing)?;
            let value = format!("vals[list_position(names, {})]", sql::text(&name));
            columns +=
                &format!(", CASE WHEN isnan({value}) THEN NULL ELSE {value} END AS {}", sql::name(&name));
        }
        Ok(columns)
    }
}

fn gap_line(row: &duckdb::Row<'_>) -> Result<Option<GapLine>, duckdb::Error> {
    let topic: String = row.get(0)?;
    let state: String = row.get(5)?;
    let healed: Option<i64> = row.get(7)?;
    let (Ok(key), Some(state)) = (topic.parse(), GapState::of_name(&state)) else { return Ok(None) };
    Ok(Some(GapLine {
        key,
        epoch: Epoch(row.get(1)?),
        range: SeqRange::new(Seq(row.get(2)?), Seq(row.get(3)?).next()),
        cause: row.get(4)?,
        detected: UnixMillis(row.get(6)?),
        state,
        healed: healed.map(UnixMillis),
        healed_by: row.get(8)?,
    }))
}

fn damaged(table: &str) -> StoreError {
    StoreError::Damaged(format!("table {table} holds a line that this crate does not write"))
}
