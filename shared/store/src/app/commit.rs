//! One transaction of an application's file.
//!
//! Rows of all streams of a kind are collected and go in as one set of columns; a rewind in between first
//! writes what was collected before it, so the order of the changes is kept.

use super::change::{Change, Committed, GapLine, GapState, Place};
use super::encode::{Values, value_names};
use super::reader::AppReader;
use crate::error::Doing;
use crate::{StoreError, sql};
use duckdb::Connection;
use duckdb::arrow::array::{ArrayRef, StringArray, UInt32Array, UInt64Array};
use duckdb::arrow::record_batch::RecordBatch;
use gapless_model::{Batch, Digest, Epoch, Kind, Rows, Seq, SeqRange, StreamKey, UnixMillis};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// Rows that are collected before they are written: about as much as one row group of DuckDB, so that
/// collecting more would only take memory.
const ROWS_AT_ONCE: u64 = 122_880;

/// Bytes that are collected before they are written. A row of metrics is stored with its names, which may
/// be far longer than its values.
const BYTES_AT_ONCE: usize = 32 << 20;

/// Lines of one `INSERT`: keeps the text of a statement below a megabyte.
const LINES_AT_ONCE: usize = 1000;

/// A transaction under way.
pub(super) struct Commit<'a> {
    before: &'a HashMap<StreamKey, Place>,
    moved: HashMap<StreamKey, Place>,
    pending: Vec<Batch>,
    pending_rows: u64,
    pending_bytes: usize,
    ledger: Vec<GapLine>,
    done: Committed,
    now: UnixMillis,
}

impl<'a> Commit<'a> {
    pub(super) fn new(before: &'a HashMap<StreamKey, Place>) -> Commit<'a> {
        Commit {
            before,
            moved: HashMap::new(),
            pending: Vec::new(),
            pending_rows: 0,
            pending_bytes: 0,
            ledger: Vec::new(),
            done: Committed::default(),
            now: now(),
        }
    }

    pub(super) fn apply(
        &mut self,
        connection: &Connection,
        reader: &AppReader,
        change: Change,
    ) -> Result<(), StoreError> {
        match change {
            Change::Rows(batch) => self.rows(connection, batch),
            Change::Rewind { key, keep, epoch } => self.rewind(connection, reader, key, keep, epoch),
            Change::Reset { key, epoch } => self.reset(connection, key, epoch),
            Change::Gap(line) => {
                self.ledger.push(line);
                Ok(())
            }
            Change::Truncated(line) => self.truncated(line),
        }
    }

    /// Writes what was collected, the cursors and the ledger.
    pub(super) fn finish(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.write_rows(connection)?;
        self.write_cursors(connection)?;
        self.write_ledger(connection)
    }

    /// What was done, and the cursors that moved.
    pub(super) fn into_parts(self) -> (Committed, HashMap<StreamKey, Place>) {
        (self.done, self.moved)
    }

    fn place(&self, key: &StreamKey) -> Option<Place> {
        self.moved.get(key).or_else(|| self.before.get(key)).copied()
    }

    fn move_to(&mut self, key: StreamKey, epoch: Epoch, applied: Seq, running: Option<Digest>) {
        self.moved.insert(key, Place { epoch, applied, running, updated: self.now });
    }

    fn rows(&mut self, connection: &Connection, batch: Batch) -> Result<(), StoreError> {
        if batch.rows.is_empty() {
            return Ok(());
        }
        let place = self.place(&batch.key).unwrap_or(Place {
            epoch: batch.epoch,
            applied: batch.start.previous(),
            running: (batch.start == Seq::FIRST).then(Digest::default),
            updated: self.now,
        });
        let next = place.applied.next();
        let range = batch.range();
        if range.start() > next || range.start() == Seq::NONE {
            return Err(StoreError::Hole { key: batch.key, expected: next, found: range.start() });
        }
        let fresh = range.intersect(SeqRange::new(next, range.end()));
        self.done.duplicates += range.len() - fresh.len();
        if fresh.is_empty() {
            return Ok(());
        }
        let batch = batch.cut(fresh);
        let running = advance(&batch, place.running)?;
        self.done.rows += fresh.len();
        self.move_to(batch.key.clone(), place.epoch.max(batch.epoch), fresh.last(), running);
        self.pending_rows += fresh.len();
        self.pending_bytes = self.pending_bytes.saturating_add(stored_bytes(&batch));
        self.pending.push(batch);
        let is_full = self.pending_rows >= ROWS_AT_ONCE || self.pending_bytes >= BYTES_AT_ONCE;
        if is_full { self.write_rows(connection) } else { Ok(()) }
    }

    fn rewind(
        &mut self,
        connection: &Connection,
        reader: &AppReader,
        key: StreamKey,
        keep: Seq,
        epoch: Epoch,
    ) -> Result<(), StoreError> {
        let Some(place) = self.place(&key) else { return Ok(()) };
        if keep >= place.applied {
            self.move_to(key, epoch, place.applied, place.running);
            return Ok(());
        }
        self.write_rows(connection)?;
        let lost = SeqRange::new(keep.next(), place.applied.next());
        let stored = reader.digest(&key, lost)?;
        let whole = stored.rows == lost.len();
        let running = place.running.filter(|_| whole).map(|running| running - stored.digest);
        let running = if keep == Seq::NONE { Some(Digest::default()) } else { running };
        self.delete(connection, &key, keep)?;
        self.move_to(key, epoch, keep, running);
        Ok(())
    }

    fn reset(&mut self, connection: &Connection, key: StreamKey, epoch: Epoch) -> Result<(), StoreError> {
        self.write_rows(connection)?;
        self.delete(connection, &key, Seq::NONE)?;
        self.move_to(key, epoch, Seq::NONE, Some(Digest::default()));
        Ok(())
    }

    fn truncated(&mut self, line: GapLine) -> Result<(), StoreError> {
        let line = GapLine { state: GapState::Truncated, ..line };
        let (epoch, applied) = match self.place(&line.key) {
            Some(place) => (place.epoch.max(line.epoch), place.applied),
            None => (line.epoch, line.range.start().previous()),
        };
        if line.range.start() > applied.next() {
            return Err(StoreError::Hole {
                key: line.key,
                expected: applied.next(),
                found: line.range.start(),
            });
        }
        if line.range.last() > applied {
            self.move_to(line.key.clone(), epoch, line.range.last(), None);
        }
        self.ledger.push(line);
        Ok(())
    }

    fn delete(&mut self, connection: &Connection, key: &StreamKey, keep: Seq) -> Result<(), StoreError> {
        let statement =
            format!("DELETE FROM {} WHERE {} AND seq > {keep}", key.kind().name(), sql::of_stream(key));
        self.done.removed += connection.execute(&statement, []).doing("take rows back")? as u64;
        Ok(())
    }

    fn write_rows(&mut self, connection: &Connection) -> Result<(), StoreError> {
        for kind in Kind::ALL {
            let batches: Vec<&Batch> = self.pending.iter().filter(|batch| batch.kind() == kind).collect();
            if !batches.is_empty() {
                append(connection, kind, &batches)?;
            }
        }
        self.pending.clear();
        (self.pending_rows, self.pending_bytes) = (0, 0);
        Ok(())
    }

    fn write_cursors(&self, connection: &Connection) -> Result<(), StoreError> {
        let line = |(key, place): (&StreamKey, &Place)| {
            let digest = place.running.map_or("NULL".to_string(), |digest| digest.0.to_string());
            format!(
                "({}, {}, {}, {digest}, epoch_ms({}))",
                sql::text(&key.topic()),
                place.epoch,
                place.applied,
                place.updated.0
            )
        };
        let lines: Vec<String> = self.moved.iter().map(line).collect();
        for lines in lines.chunks(LINES_AT_ONCE) {
            let statement = format!(
                "INSERT INTO gapless_cursors VALUES {} ON CONFLICT (stream) DO UPDATE SET epoch = excluded.epoch, \
                 applied = excluded.applied, digest = excluded.digest, updated_at = excluded.updated_at",
                lines.join(", ")
            );
            connection.execute_batch(&statement).doing("write the cursors")?;
        }
        Ok(())
    }

    /// One statement per line: a gap may open and heal within one commit, which one `INSERT` cannot hold.
    fn write_ledger(&self, connection: &Connection) -> Result<(), StoreError> {
        for line in &self.ledger {
            let healed = line.healed.map_or("NULL".to_string(), |at| format!("epoch_ms({})", at.0));
            let by = if line.healed_by.is_empty() { "NULL".to_string() } else { sql::text(&line.healed_by) };
            let statement = format!(
                "INSERT INTO gapless_gaps VALUES ({}, {}, {}, {}, {}, {}, epoch_ms({}), {healed}, {by}) \
                 ON CONFLICT DO UPDATE SET cause = excluded.cause, state = excluded.state, \
                 healed = excluded.healed, healed_by = excluded.healed_by",
                sql::text(&line.key.topic()),
                line.epoch,
                line.range.start(),
                line.range.last(),
                sql::text(&line.cause),
                sql::text(line.state.name()),
                line.detected.0
            );
            connection.execute_batch(&statement).doing("write the gap ledger")?;
        }
        Ok(())
    }
}

/// About what the rows take in the file's tables before compression.
fn stored_bytes(batch: &Batch) -> usize {
    let names = match &batch.rows {
        Rows::Metrics(rows) => rows.columns.iter().map(|name| name.len() + 16).sum::<usize>() * rows.ts.len(),
        Rows::Candles(_) | Rows::Warnings(_) => 0,
    };
    batch.rows.approx_bytes().saturating_add(names)
}

/// The running digest after `batch`, checked against what the sender states.
fn advance(batch: &Batch, running: Option<Digest>) -> Result<Option<Digest>, StoreError> {
    let found = running.map(|running| running + Digest::of(batch.start, &batch.rows));
    let stated = (batch.digest != Digest::default()).then_some(batch.digest);
    match (found, stated) {
        (Some(found), Some(expected)) if found != expected => {
            Err(StoreError::Digest { key: batch.key.clone(), range: batch.range(), expected, found })
        }
        (found, stated) => Ok(found.or(stated)),
    }
}

fn append(connection: &Connection, kind: Kind, batches: &[&Batch]) -> Result<(), StoreError> {
    let doing = "append rows";
    let part = |part: fn(&StreamKey) -> &str| -> ArrayRef {
        let each = batches.iter().flat_map(|b| std::iter::repeat_n(part(&b.key), b.rows.len()));
        Arc::new(StringArray::from(each.collect::<Vec<&str>>()))
    };
    let epochs = batches.iter().flat_map(|b| std::iter::repeat_n(b.epoch.0, b.rows.len()));
    let seqs = batches.iter().flat_map(|b| b.range().start().0..b.range().end().0);
    let flags = batches.iter().flat_map(|b| std::iter::repeat_n(b.flags.0, b.rows.len()));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("source_id", part(StreamKey::source_id)),
        ("symbol", part(StreamKey::symbol)),
        ("interval", part(StreamKey::interval)),
        ("epoch", Arc::new(UInt64Array::from_iter_values(epochs))),
        ("seq", Arc::new(UInt64Array::from_iter_values(seqs))),
    ];
    let mut values = Values::new(kind);
    batches.iter().for_each(|batch| values.push(&batch.rows));
    columns.extend(value_names(kind).iter().copied().zip(values.finish()));
    columns.push(("flags", Arc::new(UInt32Array::from_iter_values(flags))));
    let rows = RecordBatch::try_from_iter(columns)
        .map_err(|error| StoreError::Damaged(format!("rows do not form a table: {error}")))?;
    let mut appender = connection.appender(kind.name()).doing(doing)?;
    appender.append_record_batch(rows).doing(doing)?;
    appender.flush().doing(doing)
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
