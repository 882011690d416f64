//! The directory, read back from the tables.

use super::block_table;
use super::directory::{Directory, Entry};
use super::tables::{self, Place};
use crate::StoreError;
use crate::error::Doing;
use duckdb::Connection;
use gapless_model::{Digest, Epoch, EpochStart, Kind, Position, Seq, SeqRange};
use std::collections::{BTreeMap, HashMap};

const DOING: &str = "read the archive's directory";

pub(super) fn load(connection: &Connection) -> Result<Directory, StoreError> {
    let mut directory = Directory::default();
    let state = "SELECT position, epoch FROM state";
    (directory.position, directory.epoch) = connection
        .query_row(state, [], |row| Ok((Position(row.get(0)?), Epoch(row.get(1)?))))
        .doing(DOING)?;
    let mut entries = streams(connection)?;
    epochs(connection, &mut entries)?;
    column_sets(connection, &mut directory)?;
    holes(connection, &mut entries)?;
    let mut newest: HashMap<Kind, (u64, u64)> = HashMap::new();
    for (kind, place) in tables::places(connection)? {
        let (number, is_hot) = match place {
            Place::Hot(number) => (number, true),
            Place::Sealed(number) => (number, false),
            Place::Unfinished(_) => continue,
        };
        let rows = spans(connection, kind, place, &mut entries)?;
        let generation = newest.entry(kind).or_insert((0, 0));
        if number >= generation.0 {
            // Where its hot table is gone, the next rows need a new generation.
            *generation = if is_hot { (number, rows) } else { (number + 1, 0) };
        }
    }
    for (kind, (generation, rows)) in newest {
        directory.set_generation(kind, generation.max(1), rows);
    }
    directory.next_stream = entries.keys().next_back().map_or(0, |last| last + 1);
    directory.streams = entries.into_values().map(finish).map(|entry| (entry.key.topic(), entry)).collect();
    Ok(directory)
}

/// By number.
type Entries = BTreeMap<u32, Entry>;

fn streams(connection: &Connection) -> Result<Entries, StoreError> {
    let mut entries = Entries::new();
    let query = "SELECT id, topic, earliest, base_seq, base_ts, base_digest FROM streams";
    let mut statement = connection.prepare(query).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let id: u32 = row.get(0).doing(DOING)?;
        let topic: String = row.get(1).doing(DOING)?;
        let key = topic.parse().map_err(|error| StoreError::Damaged(format!("table streams: {error}")))?;
        let running: Option<u64> = row.get(5).doing(DOING)?;
        let mut entry = Entry::new(id, key);
        entry.earliest = Seq(row.get(2).doing(DOING)?);
        entry.latest = Seq(row.get(3).doing(DOING)?);
        entry.latest_ts = row.get(4).doing(DOING)?;
        entry.running = running.map(Digest);
        entries.insert(id, entry);
    }
    Ok(entries)
}

fn epochs(connection: &Connection, entries: &mut Entries) -> Result<(), StoreError> {
    let query = "SELECT stream, epoch, first_seq FROM epochs ORDER BY stream, first_seq, epoch";
    let mut statement = connection.prepare(query).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let (epoch, first_sequence) = (Epoch(row.get(1).doing(DOING)?), Seq(row.get(2).doing(DOING)?));
        if let Some(entry) = entries.get_mut(&row.get(0).doing(DOING)?) {
            entry.epochs.push(EpochStart { epoch, first_sequence });
        }
    }
    Ok(())
}

fn column_sets(connection: &Connection, directory: &mut Directory) -> Result<(), StoreError> {
    // The names are unnested, so that no list has to be taken out of a row.
    let query = "SELECT id, unnest(names), generate_subscripts(names, 1) AS place FROM column_sets ORDER BY id, place";
    let mut statement = connection.prepare(query).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    let mut sets: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    while let Some(row) = rows.next().doing(DOING)? {
        sets.entry(row.get(0).doing(DOING)?).or_default().push(row.get(1).doing(DOING)?);
    }
    for (expected, (number, names)) in (0u32..).zip(sets) {
        if number != expected {
            return Err(StoreError::Damaged(format!("table column_sets has no set {expected}")));
        }
        directory.add_set(names.into());
    }
    Ok(())
}

fn holes(connection: &Connection, entries: &mut Entries) -> Result<(), StoreError> {
    let query = "SELECT stream, first_seq, last_seq FROM holes ORDER BY stream, first_seq";
    let mut statement = connection.prepare(query).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let hole = SeqRange::new(Seq(row.get(1).doing(DOING)?), Seq(row.get(2).doing(DOING)?).next());
        if let Some(entry) = entries.get_mut(&row.get(0).doing(DOING)?) {
            entry.add_hole(hole);
        }
    }
    Ok(())
}

/// Adds what a table holds and returns its number of rows.
fn spans(
    connection: &Connection,
    kind: Kind,
    place: Place,
    entries: &mut Entries,
) -> Result<u64, StoreError> {
    let mut rows = 0;
    for (stream, span) in block_table::spans(connection, kind, place)? {
        rows += span.range().len();
        if let Some(entry) = entries.get_mut(&stream) {
            entry.add_span(span);
        }
    }
    Ok(rows)
}

/// Puts the spans in order, drops what lies before `earliest`, and takes the stream's end from the last.
fn finish(mut entry: Entry) -> Entry {
    entry.spans.sort_by_key(|span| span.first);
    entry.cut_before(entry.earliest);
    entry.limit_holes();
    let mut before = (Seq::FIRST, Some(Digest::default()));
    for span in &mut entry.spans {
        let (end, running) = before;
        span.running_before = span.running_before.or(running.filter(|_| end == span.first));
        before = (span.last.next(), span.running);
    }
    if let Some(last) = entry.spans.last()
        && last.last >= entry.latest
    {
        (entry.latest, entry.latest_ts, entry.running) = (last.last, last.last_ts, last.running);
    }
    entry
}
