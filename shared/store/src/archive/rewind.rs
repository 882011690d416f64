//! When the journal lost its newest history, or all of it: the archive follows, since the journal is the
//! only source of truth.

use super::block::Block;
use super::block_table::{self, Line};
use super::directory::Entry;
use super::retention::remove_partitions;
use super::tables::{self, Place};
use super::{Archive, Shared};
use crate::error::Doing;
use crate::{StoreError, sql};
use duckdb::Connection;
use gapless_model::{Epoch, Kind, Position, Seq, SeqRange, StreamStatus};
use std::collections::HashMap;
use std::path::Path;

/// What happens to one stream.
struct Cut {
    entry: Entry,
    /// `None`: the journal does not know the stream any more.
    keep: Option<Seq>,
}

impl Archive {
    /// Takes back the rows that the journal lost between the epochs `from` and `to`: `position` is the last
    /// record that stays, `streams` the journal's view of *every* stream with its epoch history.
    ///
    /// Of each stream stays what lies before its first epoch after `from`, and not above the journal's
    /// latest; a stream that the journal does not know goes. Returns the rows taken back.
    ///
    /// # Errors
    /// [`StoreError::Database`]; nothing has changed then.
    pub fn rewind(
        &mut self,
        position: Position,
        from: Epoch,
        to: Epoch,
        streams: &[StreamStatus],
    ) -> Result<u64, StoreError> {
        let shared = self.shared.clone();
        let _turn = shared.maintenance();
        // What a failure of sealing left would be found twice below.
        tables::drop_leftovers(&self.database.connection)?;
        let truth: HashMap<String, &StreamStatus> = streams.iter().map(|s| (s.key.topic(), s)).collect();
        let cuts: Vec<Cut> = shared.read(|directory| {
            let entries = directory.streams.iter();
            let cuts = entries.map(|(topic, entry)| Cut {
                entry: entry.clone(),
                keep: truth.get(topic).map(|status| keep(status, from)),
            });
            cuts.filter(|cut| cut.keep.is_none_or(|keep| keep < cut.entry.latest)).collect()
        });
        let removed = cuts.iter().map(Cut::rows).sum();
        shared.write(|directory| {
            // Nobody shall read what is about to go.
            directory.version += 1;
            for cut in &cuts {
                let topic = cut.entry.key.topic();
                match (cut.keep, directory.streams.get_mut(&topic)) {
                    (Some(keep), Some(entry)) => entry.cut_after(keep),
                    (None, _) => drop(directory.streams.remove(&topic)),
                    (Some(_), None) => {}
                }
            }
        });
        let result = self.database.transaction("take rows back", |connection| {
            for cut in &cuts {
                cut.write(connection)?;
            }
            take_back(connection, &shared, &cuts)?;
            write_epochs(connection, streams)?;
            remove_partitions(connection, &shared)?;
            tables::write_state(connection, position.min(self.position()), to)
        });
        let loaded = super::load::load(&self.database.connection)?;
        shared.write(|directory| directory.replace(loaded));
        result.map(|()| removed)
    }

    /// Begins anew for a journal that began anew. With `retire` the archive as it is now is first copied
    /// to that file, so that deleting a journal does not delete what was archived of it.
    ///
    /// # Errors
    /// [`StoreError::Database`] or [`StoreError::File`]; nothing has changed then.
    pub fn reset(&mut self, epoch: Epoch, retire: Option<&Path>) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let _turn = shared.maintenance();
        if let Some(path) = retire {
            copy_database(&self.database.connection, path)?;
        }
        let result = self.database.transaction("begin a new archive", |connection| {
            for (kind, place) in tables::places(connection)? {
                tables::drop_table(connection, kind, place)?;
            }
            let clear = "DELETE FROM holes; DELETE FROM epochs; DELETE FROM streams; \
                 DELETE FROM column_sets";
            connection.execute_batch(clear).doing("begin a new archive")?;
            tables::write_state(connection, Position::NONE, epoch)
        });
        let loaded = super::load::load(&self.database.connection)?;
        shared.write(|directory| directory.replace(loaded));
        result
    }
}

impl Cut {
    fn rows(&self) -> u64 {
        let kept = SeqRange::new(Seq::NONE, self.keep.unwrap_or(Seq::NONE).next());
        let spans = self.entry.spans.iter().map(|span| span.range());
        spans.map(|range| range.len() - range.intersect(kept).len()).sum()
    }

    /// The stream's line, and its holes.
    fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let id = self.entry.id;
        let statement = match self.keep {
            None => format!("DELETE FROM streams WHERE id = {id}"),
            Some(keep) => {
                let digest = if keep == Seq::NONE { "0" } else { "NULL" };
                format!(
                    "UPDATE streams SET earliest = least(earliest, {}), base_seq = {keep}, base_ts = 0, \
                     base_digest = {digest} WHERE id = {id}; \
                     DELETE FROM holes WHERE stream = {id} AND first_seq > {keep}; \
                     UPDATE holes SET last_seq = {keep} WHERE stream = {id} AND last_seq > {keep}",
                    keep.next()
                )
            }
        };
        connection.execute_batch(&statement).doing("take rows back")
    }
}

/// Takes the rows out of every table, also those that were not served any more: their numbers are given out again.
fn take_back(connection: &Connection, shared: &Shared, cuts: &[Cut]) -> Result<(), StoreError> {
    let doing = "take rows back";
    connection.execute_batch("CREATE TEMP TABLE cuts (stream UINTEGER, keep UBIGINT)").doing(doing)?;
    let line = |cut: &Cut| format!("({}, {})", cut.entry.id, cut.keep.unwrap_or(Seq::NONE));
    tables::insert(connection, "cuts", doing, cuts.iter().map(line))?;
    for (kind, place) in tables::places(connection)? {
        let table = place.table(kind);
        let kept = split_blocks(connection, shared, kind, place)?;
        let statement =
            format!("DELETE FROM {table} USING cuts WHERE {table}.stream = cuts.stream AND last_seq > keep");
        connection.execute_batch(&statement).doing(doing)?;
        let lines: Vec<Line> = kept
            .iter()
            .map(|(id, block)| Line::new(place, *id, block, &|names| shared.set_number(names)))
            .collect();
        block_table::insert(connection, kind, place, &lines)?;
    }
    connection.execute_batch("DROP TABLE cuts").doing(doing)
}

/// What stays of the blocks in which a cut lies.
fn split_blocks(
    connection: &Connection,
    shared: &Shared,
    kind: Kind,
    place: Place,
) -> Result<Vec<(u32, Block)>, StoreError> {
    let doing = "take rows back";
    let table = place.table(kind);
    let query = format!(
        "SELECT {table}.stream, keep FROM {table} JOIN cuts ON {table}.stream = cuts.stream \
         WHERE first_seq <= keep AND last_seq > keep"
    );
    let mut statement = connection.prepare(&query).doing(doing)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, Seq(row.get(1)?)))).doing(doing)?;
    let found: Vec<(u32, Seq)> = found.collect::<Result<_, _>>().doing(doing)?;
    let mut kept = Vec::new();
    for (id, keep) in found {
        let blocks = match shared.blocks(connection, kind, place, id..=id, SeqRange::of_len(keep, 1)) {
            // It goes as a whole, and what it had before the cut is missed when it is asked for.
            Err(StoreError::Damaged(reason)) => {
                tracing::error!(reason, "rows before a cut are damaged: they go too");
                continue;
            }
            blocks => blocks?,
        };
        let stays = SeqRange::new(Seq::NONE, keep.next());
        kept.extend(blocks.into_iter().map(|(id, block)| (id, block.cut(stays))));
    }
    Ok(kept)
}

/// The last row that stays.
fn keep(status: &StreamStatus, from: Epoch) -> Seq {
    let new = status.epochs.iter().filter(|start| start.epoch > from);
    let before_new = new.map(|start| start.first_sequence.previous()).min();
    before_new.map_or(status.watermark.latest, |keep| keep.min(status.watermark.latest))
}

/// The journal's histories replace the archive's, for the streams that the archive has.
pub(super) fn write_epochs(connection: &Connection, streams: &[StreamStatus]) -> Result<(), StoreError> {
    let doing = "write the epoch histories";
    for streams in streams.chunks(1000) {
        let topics: Vec<String> = streams.iter().map(|status| sql::text(&status.key.topic())).collect();
        let lines: Vec<String> = streams
            .iter()
            .flat_map(|status| status.epochs.iter().map(|start| (sql::text(&status.key.topic()), start)))
            .map(|(topic, start)| format!("({topic}, {}, {})", start.epoch, start.first_sequence))
            .collect();
        let statement = format!(
            "DELETE FROM epochs WHERE stream IN (SELECT id FROM streams WHERE topic IN ({}))",
            topics.join(", ")
        );
        connection.execute_batch(&statement).doing(doing)?;
        if lines.is_empty() {
            continue;
        }
        let statement = format!(
            "INSERT INTO epochs SELECT streams.id, new.epoch, new.first_seq \
             FROM (VALUES {}) AS new(topic, epoch, first_seq) JOIN streams ON streams.topic = new.topic",
            lines.join(", ")
        );
        connection.execute_batch(&statement).doing(doing)?;
    }
    let forgotten = "DELETE FROM epochs WHERE stream NOT IN (SELECT id FROM streams)";
    connection.execute_batch(forgotten).doing(doing)
}

/// A copy by DuckDB itself: copying the file would drop DuckDB's lock on it.
fn copy_database(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let doing = "copy the archive";
    if path.exists() {
        // A copy that a crash interrupted; the archive is still whole.
        std::fs::remove_file(path).map_err(StoreError::file("remove the unfinished copy", path))?;
    }
    let own: String = connection.query_row("SELECT current_database()", [], |row| row.get(0)).doing(doing)?;
    let statement = format!(
        "ATTACH {} AS retired; COPY FROM DATABASE {} TO retired; DETACH retired",
        sql::path(path),
        sql::name(&own)
    );
    connection.execute_batch(&statement).doing(doing)
}
