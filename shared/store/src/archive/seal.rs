//! Sorting a full hot table into a partition, beside the writer.
//!
//! Two commits: the first makes the partition with its directory lines, the second drops the hot table.
//! Readers that looked before the first still find the hot table; those that come too late for it see from
//! the directory's version that looking again helps. After a crash between the two, both tables are there
//! under the same number, and opening the archive drops the hot one.

use super::Shared;
use super::directory::Span;
use super::tables::{self, COMMON, Place};
use crate::StoreError;
use crate::database::Database;
use crate::encode::value_names;
use crate::error::Doing;
use duckdb::Connection;
use gapless_model::Kind;

/// Makes partitions, on a connection of its own.
pub struct Sealer {
    database: Database,
    shared: Shared,
}

impl Sealer {
    pub(super) fn new(database: Database, shared: Shared) -> Sealer {
        Sealer { database, shared }
    }

    /// Sorts one full hot table, if there is one. Returns how many rows it had.
    ///
    /// # Errors
    /// [`StoreError::Database`]; nothing has changed then, and it can be tried again.
    pub fn seal_next(&mut self) -> Result<Option<u64>, StoreError> {
        let shared = self.shared.clone();
        let _turn = shared.maintenance();
        let Some((kind, generation)) = self.full()? else { return Ok(None) };
        let rows = self.make_partition(kind, generation)?;
        tables::drop_table(&self.database.connection, kind, Place::Hot(generation))?;
        Ok(Some(rows))
    }

    /// The oldest generation that no rows go to any more.
    fn full(&self) -> Result<Option<(Kind, u64)>, StoreError> {
        let places = tables::places(&self.database.connection)?;
        let full = places.into_iter().find_map(|(kind, place)| match place {
            Place::Hot(number) if number < self.shared.read(|d| d.generation(kind).0) => Some((kind, number)),
            Place::Hot(_) | Place::Sealed(_) => None,
        });
        Ok(full)
    }

    /// The first commit: afterwards the rows are found in the partition.
    pub(super) fn make_partition(&self, kind: Kind, generation: u64) -> Result<u64, StoreError> {
        let (hot, sealed) = (Place::Hot(generation), Place::Sealed(generation));
        let spans: Vec<(u32, Span)> = self.shared.read(|directory| {
            let of_kind = directory.streams.values().filter(|entry| entry.key.kind() == kind);
            of_kind
                .flat_map(|entry| entry.spans.iter().map(|span| (entry.id, *span)))
                .filter(|(_, span)| span.place == hot)
                .collect()
        });
        if spans.is_empty() {
            return Ok(0);
        }
        self.database.transaction("sort rows into a partition", |connection| {
            copy_sorted(connection, kind, hot, sealed)?;
            write_segments(connection, kind, generation, &spans)
        })?;
        self.shared.write(|directory| {
            directory.version += 1;
            let moved = directory.streams.values_mut().filter(|entry| entry.key.kind() == kind);
            moved
                .flat_map(|e| &mut e.spans)
                .filter(|span| span.place == hot)
                .for_each(|span| span.place = sealed);
        });
        Ok(spans.iter().map(|(_, span)| span.range().len()).sum())
    }
}

fn copy_sorted(connection: &Connection, kind: Kind, hot: Place, sealed: Place) -> Result<(), StoreError> {
    let columns: Vec<String> =
        COMMON.iter().chain(value_names(kind)).map(|column| format!("hot.{column}")).collect();
    let statement = format!(
        "CREATE TABLE {} AS SELECT {} FROM {} AS hot JOIN streams ON streams.id = hot.stream \
         WHERE hot.seq >= streams.earliest ORDER BY hot.stream, hot.seq",
        sealed.table(kind),
        columns.join(", "),
        hot.table(kind)
    );
    connection.execute_batch(&statement).doing("sort rows into a partition")
}

fn write_segments(
    connection: &Connection,
    kind: Kind,
    partition: u64,
    spans: &[(u32, Span)],
) -> Result<(), StoreError> {
    let number =
        |digest: Option<gapless_model::Digest>| digest.map_or("NULL".to_string(), |d| d.0.to_string());
    let line = |(id, span): &(u32, Span)| {
        format!(
            "('{kind}', {partition}, {id}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
            span.first,
            span.last,
            span.min_ts,
            span.max_ts,
            span.last_ts,
            span.min_publish_us,
            span.max_publish_us,
            number(span.digest()),
            number(span.running)
        )
    };
    tables::insert(connection, "segments", "write the partition's directory", spans.iter().map(line))
}
