//! When the journal lost its newest history, or all of it: the archive follows, since the journal is the
//! only source of truth.

use super::Archive;
use super::directory::Entry;
use super::retention::remove_partitions;
use super::tables::{self, Place};
use crate::error::Doing;
use crate::{StoreError, sql};
use duckdb::Connection;
use gapless_model::{Epoch, Position, Seq, SeqRange, StreamStatus};
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
            write_epochs(connection, streams)?;
            remove_partitions(connection)?;
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
            let clear = "DELETE FROM segments; DELETE FROM holes; DELETE FROM epochs; DELETE FROM streams; \
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

    fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let doing = "take rows back";
        let (id, kind) = (self.entry.id, self.entry.key.kind());
        let keep = self.keep.unwrap_or(Seq::NONE);
        for (of, place) in tables::places(connection)? {
            if of == kind && matches!(place, Place::Hot(_)) {
                let statement =
                    format!("DELETE FROM {} WHERE stream = {id} AND seq > {keep}", place.table(kind));
                connection.execute_batch(&statement).doing(doing)?;
            }
        }
        let statement = match self.keep {
            None => format!("DELETE FROM streams WHERE id = {id}; DELETE FROM segments WHERE stream = {id}"),
            Some(keep) => {
                let digest = if keep == Seq::NONE { "0" } else { "NULL" };
                format!(
                    "UPDATE streams SET earliest = least(earliest, {}), base_seq = {keep}, base_ts = 0, \
                     base_digest = {digest} WHERE id = {id}; \
                     DELETE FROM segments WHERE stream = {id} AND first_seq > {keep}; \
                     DELETE FROM holes WHERE stream = {id} AND first_seq > {keep}; \
                     UPDATE holes SET last_seq = {keep} WHERE stream = {id} AND last_seq > {keep}",
                    keep.next()
                )
            }
        };
        connection.execute_batch(&statement).doing(doing)?;
        self.cut_segment(connection, keep)
    }

    /// The segment that ends after the last row that stays gets its end from that row.
    fn cut_segment(&self, connection: &Connection, keep: Seq) -> Result<(), StoreError> {
        let doing = "cut a partition's directory line";
        let Some(span) = self.entry.spans.iter().find(|span| span.range().contains(keep) && span.last > keep)
        else {
            return Ok(());
        };
        let Place::Sealed(partition) = span.place else { return Ok(()) };
        let (id, kind) = (self.entry.id, self.entry.key.kind());
        let query =
            format!("SELECT ts, digest FROM {} WHERE stream = {id} AND seq = {keep}", span.place.table(kind));
        let (ts, running): (i64, Option<u64>) =
            connection.query_row(&query, [], |row| Ok((row.get(0)?, row.get(1)?))).doing(doing)?;
        let digest = running.zip(span.running_before).map(|(running, before)| running.wrapping_sub(before.0));
        let number = |digest: Option<u64>| digest.map_or("NULL".to_string(), |digest| digest.to_string());
        let statement = format!(
            "UPDATE segments SET last_seq = {keep}, last_ts = {ts}, digest = {}, last_digest = {} \
             WHERE kind = {} AND partition_id = {partition} AND stream = {id} AND last_seq = {}",
            number(digest),
            number(running),
            sql::text(kind.name()),
            span.last
        );
        connection.execute_batch(&statement).doing(doing)
    }
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
