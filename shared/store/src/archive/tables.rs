//! The tables of an archive.

use crate::StoreError;
use crate::database::Database;
use crate::error::Doing;
use duckdb::Connection;
use gapless_model::{Epoch, Kind, Position};

/// Counts up when a table changes; a file with another number is refused.
const LAYOUT: u32 = 3;

/// `streams.base_*` is what is known of a stream apart from its rows, so that a stream whose rows are all
/// retired keeps its sequence. `holes` are rows that are missing for good, from and with `first_seq` to and with
/// `last_seq`.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS state (position UBIGINT NOT NULL, epoch UBIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS streams (
    id UINTEGER NOT NULL, topic VARCHAR NOT NULL, earliest UBIGINT NOT NULL,
    base_seq UBIGINT NOT NULL, base_ts BIGINT NOT NULL, base_digest UBIGINT
);
CREATE TABLE IF NOT EXISTS epochs (stream UINTEGER NOT NULL, epoch UBIGINT NOT NULL, first_seq UBIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS column_sets (id UINTEGER NOT NULL, names VARCHAR[] NOT NULL);
CREATE TABLE IF NOT EXISTS holes (stream UINTEGER NOT NULL, first_seq UBIGINT NOT NULL, last_seq UBIGINT NOT NULL);
";

/// Where rows lie: the number is that of the generation, also of the partition made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Hot(u64),
    Sealed(u64),
    /// A partition that is being written: nothing of it counts.
    Unfinished(u64),
}

impl Place {
    pub(super) fn table(self, kind: Kind) -> String {
        match self {
            Place::Hot(number) => format!("hot_{kind}_{number}"),
            Place::Sealed(number) => format!("part_{kind}_{number}"),
            Place::Unfinished(number) => format!("unfinished_{kind}_{number}"),
        }
    }

    fn of_table(name: &str) -> Option<(Kind, Place)> {
        let mut parts = name.splitn(3, '_');
        let (role, kind, number) = (parts.next()?, parts.next()?, parts.next()?);
        let (kind, number) = (kind.parse().ok()?, number.parse().ok()?);
        match role {
            "hot" => Some((kind, Place::Hot(number))),
            "part" => Some((kind, Place::Sealed(number))),
            "unfinished" => Some((kind, Place::Unfinished(number))),
            _ => None,
        }
    }
}

/// Creates what a new archive needs.
pub(super) fn create(database: &Database) -> Result<(), StoreError> {
    let doing = "create the archive's tables";
    database.check_layout(LAYOUT)?;
    database.connection.execute_batch(TABLES).doing(doing)?;
    let lines: u64 =
        database.connection.query_row("SELECT count(*) FROM state", [], |row| row.get(0)).doing(doing)?;
    if lines == 0 {
        database.connection.execute_batch("INSERT INTO state VALUES (0, 0)").doing(doing)?;
    }
    Ok(())
}

/// Every hot table and partition, in the order of their numbers.
pub(super) fn places(connection: &Connection) -> Result<Vec<(Kind, Place)>, StoreError> {
    let doing = "list the archive's tables";
    let query = "SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND NOT internal \
                 AND database_name = current_database()";
    let mut statement = connection.prepare(query).doing(doing)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0)).doing(doing)?;
    let mut places = Vec::new();
    for name in names {
        places.extend(Place::of_table(&name.doing(doing)?));
    }
    places.sort();
    Ok(places)
}

/// Drops what sealing left when it was interrupted: partitions that are not finished, and hot tables whose partition is.
pub(super) fn drop_leftovers(connection: &Connection) -> Result<(), StoreError> {
    let places = places(connection)?;
    for (kind, place) in &places {
        let is_leftover = match place {
            Place::Hot(number) => places.contains(&(*kind, Place::Sealed(*number))),
            Place::Sealed(_) => false,
            Place::Unfinished(_) => true,
        };
        if is_leftover {
            drop_table(connection, *kind, *place)?;
        }
    }
    Ok(())
}

pub(super) fn drop_table(connection: &Connection, kind: Kind, place: Place) -> Result<(), StoreError> {
    let statement = format!("DROP TABLE IF EXISTS {}", place.table(kind));
    connection.execute_batch(&statement).doing("drop a table")
}

/// Writes lines, a thousand at a time: keeps the text of a statement at about a hundred kilobytes.
pub(super) fn insert(
    connection: &Connection,
    table: &str,
    doing: &'static str,
    lines: impl Iterator<Item = String>,
) -> Result<(), StoreError> {
    let lines: Vec<String> = lines.collect();
    for lines in lines.chunks(1000) {
        let statement = format!("INSERT INTO {table} VALUES {}", lines.join(", "));
        connection.execute_batch(&statement).doing(doing)?;
    }
    Ok(())
}

pub(super) fn write_state(
    connection: &Connection,
    position: Position,
    epoch: Epoch,
) -> Result<(), StoreError> {
    let statement = format!("UPDATE state SET position = {position}, epoch = {epoch}");
    connection.execute_batch(&statement).doing("write the position")
}
