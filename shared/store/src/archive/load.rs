//! The directory, read back from the tables.

use super::directory::{Directory, Entry, Span};
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
    segments(connection, &mut entries)?;
    holes(connection, &mut entries)?;
    let mut newest: HashMap<Kind, (u64, u64)> = HashMap::new();
    for (kind, place) in tables::places(connection)? {
        let (Place::Hot(number) | Place::Sealed(number)) = place;
        let generation = newest.entry(kind).or_insert((0, 0));
        if place == Place::Hot(number) {
            let rows = hot_spans(connection, kind, number, &mut entries)?;
            if number >= generation.0 {
                *generation = (number, rows);
            }
        } else if number >= generation.0 {
            // Its hot table is gone, so the next rows need a new generation.
            *generation = (number + 1, 0);
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

fn segments(connection: &Connection, entries: &mut Entries) -> Result<(), StoreError> {
    let query = "SELECT stream, partition_id, first_seq, last_seq, min_ts, max_ts, last_ts, min_publish_us, \
                 max_publish_us, digest, last_digest FROM segments ORDER BY stream, first_seq";
    let mut statement = connection.prepare(query).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let (digest, running): (Option<u64>, Option<u64>) =
            (row.get(9).doing(DOING)?, row.get(10).doing(DOING)?);
        let running = running.map(Digest);
        let span = Span {
            place: Place::Sealed(row.get(1).doing(DOING)?),
            first: Seq(row.get(2).doing(DOING)?),
            last: Seq(row.get(3).doing(DOING)?),
            min_ts: row.get(4).doing(DOING)?,
            max_ts: row.get(5).doing(DOING)?,
            last_ts: row.get(6).doing(DOING)?,
            min_publish_us: row.get(7).doing(DOING)?,
            max_publish_us: row.get(8).doing(DOING)?,
            running_before: running.zip(digest).map(|(running, digest)| running - Digest(digest)),
            running,
        };
        if let Some(entry) = entries.get_mut(&row.get(0).doing(DOING)?) {
            entry.spans.push(span);
        }
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

/// Adds the spans of a generation and returns its number of rows.
fn hot_spans(
    connection: &Connection,
    kind: Kind,
    generation: u64,
    entries: &mut Entries,
) -> Result<u64, StoreError> {
    let place = Place::Hot(generation);
    let query = format!(
        "SELECT stream, count(*), min(seq), max(seq), min(ts), max(ts), arg_max(ts, seq), min(ts_publish_us), \
         max(ts_publish_us), arg_max(digest, seq), max(seq) FILTER (digest IS NOT NULL) FROM {} GROUP BY stream",
        place.table(kind)
    );
    let mut statement = connection.prepare(&query).doing(DOING)?;
    let mut rows = statement.query([]).doing(DOING)?;
    let mut total = 0;
    while let Some(row) = rows.next().doing(DOING)? {
        total += row.get::<_, u64>(1).doing(DOING)?;
        let last = Seq(row.get(3).doing(DOING)?);
        let digest: Option<u64> = row.get(9).doing(DOING)?;
        let digest_at: Option<u64> = row.get(10).doing(DOING)?;
        let span = Span {
            place,
            first: Seq(row.get(2).doing(DOING)?),
            last,
            min_ts: row.get(4).doing(DOING)?,
            max_ts: row.get(5).doing(DOING)?,
            last_ts: row.get(6).doing(DOING)?,
            min_publish_us: row.get(7).doing(DOING)?,
            max_publish_us: row.get(8).doing(DOING)?,
            running_before: None,
            running: digest.map(Digest).filter(|_| digest_at == Some(last.0)),
        };
        if let Some(entry) = entries.get_mut(&row.get(0).doing(DOING)?) {
            split(span, &entry.holes, &mut entry.spans);
        }
    }
    Ok(total)
}

/// A span without the holes in it. Of the parts only the last has the span's end; bounds of times may be
/// wider than their rows.
fn split(mut span: Span, holes: &[SeqRange], spans: &mut Vec<Span>) {
    let whole = span.range();
    for hole in holes.iter().filter(|hole| whole.contains(hole.start())) {
        if span.first < hole.start() {
            spans.push(Span { last: hole.start().previous(), running: None, ..span });
        }
        span.first = hole.end();
        span.running_before = None;
    }
    if span.first <= span.last {
        spans.push(span);
    }
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
