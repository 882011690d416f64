//! Sorting a full hot table into a partition, beside the writer.
//!
//! The partition is written under another name, in commits of about a megabyte: a commit blocks readers and the
//! writer while it goes into DuckDB's log, and longer than elsewhere, since this thread has a low priority. The next
//! commit gives it its name, the last drops the hot table. Readers that looked before it had its name still find the
//! hot table; those that come too late for that see from the directory's version that looking again helps. After a crash in between, opening the archive drops an unfinished
//! partition, or the hot table of the same number as a finished one.

use super::Shared;
use super::block::{Block, Filling};
use super::block_table::{self, Line};
use super::directory::Directory;
use super::tables::{self, Place};
use crate::StoreError;
use crate::database::Database;
use crate::error::Doing;
use duckdb::Connection;
use gapless_model::{Kind, SeqRange};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A step scans the whole hot table, which is in no order, so few are made: each reads as many rows as several queries of a
/// reader, some ten megabytes.
const QUERIES_PER_STEP: u64 = 8;
/// Blocks of an insert, which is a transaction of its own: about a megabyte.
const LINES_PER_INSERT: usize = 16;

/// Makes partitions, on a connection of its own.
pub struct Sealer {
    database: Database,
    shared: Shared,
}

impl Sealer {
    pub(super) fn new(database: Database, shared: Shared) -> Sealer {
        Sealer { database, shared }
    }

    /// Sorts one full hot table, if there is one. Returns how many rows its partition has.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a hot table cannot be read: it stays, and others are tried first.
    /// [`StoreError::Database`]. No served row is lost in either case; what was begun is dropped by the next call, or when the
    /// archive is opened.
    pub fn seal_next(&mut self) -> Result<Option<u64>, StoreError> {
        let shared = self.shared.clone();
        let _turn = shared.maintenance();
        tables::drop_leftovers(&self.database.connection)?;
        let mut damaged = Ok(None);
        for (kind, generation) in self.full()? {
            match self.make_partition(kind, generation) {
                Ok(rows) => {
                    tables::drop_table(&self.database.connection, kind, Place::Hot(generation))?;
                    return Ok(Some(rows));
                }
                // It stays as it is, and does not keep others from being sorted.
                Err(StoreError::Damaged(reason)) => damaged = Err(StoreError::Damaged(reason)),
                Err(error) => return Err(error),
            }
        }
        damaged
    }

    /// The generations that no rows go to any more, the oldest of each kind first.
    fn full(&self) -> Result<Vec<(Kind, u64)>, StoreError> {
        let places = tables::places(&self.database.connection)?;
        let full = places.into_iter().filter_map(|(kind, place)| match place {
            Place::Hot(number) if number < self.shared.read(|d| d.generation(kind).0) => Some((kind, number)),
            Place::Hot(_) | Place::Sealed(_) | Place::Unfinished(_) => None,
        });
        Ok(full.collect())
    }

    /// Afterwards the rows are found in the partition.
    pub(super) fn make_partition(&self, kind: Kind, generation: u64) -> Result<u64, StoreError> {
        let (hot, unfinished) = (Place::Hot(generation), Place::Unfinished(generation));
        let sealed = Place::Sealed(generation);
        let streams = self.shared.read(|directory| streams(directory, kind, hot));
        if streams.is_empty() {
            return Ok(0);
        }
        let connection = &self.database.connection;
        block_table::create(connection, kind, unfinished)?;
        // Retired rows shall not be read below.
        let retired = format!(
            "DELETE FROM {0} USING streams WHERE {0}.stream = streams.id AND last_seq < earliest",
            hot.table(kind)
        );
        connection.execute_batch(&retired).doing("leave out retired rows")?;
        let mut partition = Partition::new(&self.shared, connection, kind, unfinished);
        for (ids, range) in steps(&streams, QUERIES_PER_STEP * self.shared.rows_per_query(kind)) {
            let blocks = self.shared.blocks(connection, kind, hot, ids, range)?;
            for (id, block) in blocks {
                if let Some(served) = streams.get(&id) {
                    partition.push(id, block.cut(served.intersect(range)))?;
                }
            }
        }
        let rows = partition.finish()?;
        let finish = format!("ALTER TABLE {} RENAME TO {}", unfinished.table(kind), sealed.table(kind));
        connection.execute_batch(&finish).doing("finish a partition")?;
        self.shared.write(|directory| {
            directory.version += 1;
            let moved = directory.streams.values_mut().filter(|entry| entry.key.kind() == kind);
            moved
                .flat_map(|e| &mut e.spans)
                .filter(|span| span.place == hot)
                .for_each(|span| span.place = sealed);
        });
        Ok(rows)
    }
}

/// The rows of each stream that has any in `place`.
fn streams(directory: &Directory, kind: Kind, place: Place) -> BTreeMap<u32, SeqRange> {
    let mut streams: BTreeMap<u32, SeqRange> = BTreeMap::new();
    for entry in directory.streams.values().filter(|entry| entry.key.kind() == kind) {
        for span in entry.spans.iter().filter(|span| span.place == place) {
            let range = streams.entry(entry.id).or_insert(span.range());
            *range = SeqRange::new(range.start(), span.range().end());
        }
    }
    streams
}

/// What to read at a time so that it is about `rows` rows: several whole streams, or a part of one.
fn steps(streams: &BTreeMap<u32, SeqRange>, rows: u64) -> Vec<(RangeInclusive<u32>, SeqRange)> {
    let mut steps: Vec<(RangeInclusive<u32>, SeqRange)> = Vec::new();
    // How many rows the last step has, if whole streams may be added to it.
    let mut open: Option<u64> = None;
    for (id, range) in streams {
        match (open, steps.last_mut()) {
            (Some(before), Some((ids, whole))) if before + range.len() <= rows => {
                *ids = *ids.start()..=*id;
                *whole = SeqRange::new(whole.start().min(range.start()), whole.end().max(range.end()));
                open = Some(before + range.len());
            }
            _ if range.len() <= rows => {
                steps.push((*id..=*id, *range));
                open = Some(range.len());
            }
            _ => {
                let mut rest = *range;
                while !rest.is_empty() {
                    let step = SeqRange::of_len(rest.start(), rows).intersect(rest);
                    steps.push((*id..=*id, step));
                    rest = SeqRange::new(step.end(), rest.end());
                }
                open = None;
            }
        }
    }
    steps
}

/// A partition while it is written: rows come in the order of streams and sequences.
struct Partition<'a> {
    shared: &'a Shared,
    connection: &'a Connection,
    kind: Kind,
    place: Place,
    stream: u32,
    filling: Filling,
    lines: Vec<Line>,
    rows: u64,
}

impl<'a> Partition<'a> {
    fn new(shared: &'a Shared, connection: &'a Connection, kind: Kind, place: Place) -> Partition<'a> {
        let (filling, lines) = (Filling::default(), Vec::new());
        Partition { shared, connection, kind, place, stream: 0, filling, lines, rows: 0 }
    }

    fn push(&mut self, stream: u32, block: Block) -> Result<(), StoreError> {
        if block.range().is_empty() {
            return Ok(());
        }
        if stream != self.stream {
            self.end_stream();
            self.stream = stream;
        }
        self.rows += block.range().len();
        self.filling.push(block);
        let full = self.filling.take_full();
        self.add(full.into_iter());
        if self.lines.len() >= LINES_PER_INSERT {
            self.write()?;
        }
        Ok(())
    }

    fn end_stream(&mut self) {
        let rest = std::mem::take(&mut self.filling).finish();
        self.add(rest);
    }

    fn add(&mut self, blocks: impl Iterator<Item = Block>) {
        let (shared, place, stream) = (self.shared, self.place, self.stream);
        let lines = blocks.map(|block| Line::new(place, stream, &block, &|names| shared.set_number(names)));
        self.lines.extend(lines);
    }

    fn write(&mut self) -> Result<(), StoreError> {
        block_table::insert(self.connection, self.kind, self.place, &self.lines)?;
        self.lines.clear();
        Ok(())
    }

    /// Writes the rest; the number of all rows.
    fn finish(mut self) -> Result<u64, StoreError> {
        self.end_stream();
        self.write()?;
        Ok(self.rows)
    }
}
