//! Removing old rows, and saying so: `earliest` moves before anything goes.

use super::directory::{Directory, Entry, Span};
use super::tables::{self, Place};
use super::{Archive, Shared};
use crate::StoreError;
use crate::error::Doing;
use duckdb::Connection;
use gapless_model::{Kind, Seq, StreamKey, UnixMillis};
use std::collections::{BTreeSet, HashMap};
use std::sync::TryLockError;
use std::time::Duration;

/// How much of a stream is kept; without limits, everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// The newest rows, this many.
    pub max_rows: Option<u64>,
    /// Rows published at most this long ago. Older ones go as soon as the whole partition that they lie in
    /// is older.
    pub max_age: Option<Duration>,
}

/// What a pass removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Streams whose `earliest` moved.
    pub streams: u64,
    /// Rows that are no longer served.
    pub rows: u64,
}

/// First row of each stream of a hot table that is young enough, or in a block with such a row.
type FirstYoung = HashMap<u32, Seq>;

impl Archive {
    /// Removes what `policy` does not keep. `None` while rows are being sorted: try again soon.
    ///
    /// # Errors
    /// [`StoreError::Database`]; the rows are still there then.
    pub fn retain(
        &mut self,
        now: UnixMillis,
        policy: &dyn Fn(&StreamKey) -> Retention,
    ) -> Result<Option<Retained>, StoreError> {
        let shared = self.shared.clone();
        let _turn = match shared.maintenance.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        let cutoff = |age: Duration| {
            let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
            now.0.saturating_mul(1000).saturating_sub(age)
        };
        let mut young: HashMap<(Kind, Place, i64), FirstYoung> = HashMap::new();
        for (kind, place, cutoff) in shared.read(|directory| straddling(directory, policy, &cutoff)) {
            let first = first_young(&self.database.connection, kind, place, cutoff)?;
            young.insert((kind, place, cutoff), first);
        }
        let moved: Vec<(String, Seq)> = shared.read(|directory| {
            let earliest = |entry: &Entry| earliest(entry, policy(&entry.key), &cutoff, &young);
            let moves =
                directory.streams.iter().map(|(topic, entry)| (topic, entry.earliest, earliest(entry)));
            moves.filter(|(_, now, then)| then > now).map(|(topic, _, then)| (topic.clone(), then)).collect()
        });
        if moved.is_empty() {
            return Ok(Some(Retained::default()));
        }
        let (done, entries) = shared.write(|directory| advance(directory, &moved));
        let removed = self.database.transaction("remove old rows", |connection| {
            write_earliest(connection, &entries)?;
            remove_partitions(connection, &shared)
        });
        if removed.is_err() {
            // What is in the tables counts.
            let loaded = super::load::load(&self.database.connection)?;
            shared.write(|directory| directory.replace(loaded));
        }
        removed.map(|()| Some(done))
    }
}

/// Hot tables that hold rows on both sides of a stream's age limit.
fn straddling(
    directory: &Directory,
    policy: &dyn Fn(&StreamKey) -> Retention,
    cutoff: &dyn Fn(Duration) -> i64,
) -> BTreeSet<(Kind, Place, i64)> {
    let mut places = BTreeSet::new();
    for entry in directory.streams.values() {
        let Some(age) = policy(&entry.key).max_age else { continue };
        let cutoff = cutoff(age);
        let both = |span: &&Span| span.min_publish_us < cutoff && cutoff <= span.max_publish_us;
        let hot = entry.spans.iter().filter(both).filter(|span| matches!(span.place, Place::Hot(_)));
        places.extend(hot.map(|span| (entry.key.kind(), span.place, cutoff)));
    }
    places
}

fn first_young(
    connection: &Connection,
    kind: Kind,
    place: Place,
    cutoff: i64,
) -> Result<FirstYoung, StoreError> {
    let doing = "find old rows";
    let query = format!(
        "SELECT stream, min(first_seq) FROM {} WHERE max_publish_us >= {cutoff} GROUP BY stream",
        place.table(kind)
    );
    let mut statement = connection.prepare(&query).doing(doing)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, Seq(row.get(1)?)))).doing(doing)?;
    rows.collect::<Result<FirstYoung, _>>().doing(doing)
}

/// The first row that `keep` keeps.
fn earliest(
    entry: &Entry,
    keep: Retention,
    cutoff: &dyn Fn(Duration) -> i64,
    young: &HashMap<(Kind, Place, i64), FirstYoung>,
) -> Seq {
    let by_rows = keep.max_rows.map_or(Seq::NONE, |rows| Seq(entry.latest.0.saturating_sub(rows)).next());
    let by_age = keep.max_age.map_or(Seq::NONE, |age| {
        let cutoff = cutoff(age);
        let Some(span) = entry.spans.iter().find(|span| span.max_publish_us >= cutoff) else {
            return entry.latest.next();
        };
        let first = young.get(&(entry.key.kind(), span.place, cutoff)).and_then(|first| first.get(&entry.id));
        first.copied().unwrap_or(span.first).max(span.first)
    });
    entry.after_hole(entry.earliest.max(by_rows).max(by_age).min(entry.latest.next()))
}

/// Moves `earliest` for readers, and returns the entries that changed.
fn advance(directory: &mut Directory, moved: &[(String, Seq)]) -> (Retained, Vec<Entry>) {
    let mut done = Retained::default();
    let mut entries = Vec::new();
    directory.version += 1;
    for (topic, earliest) in moved {
        let Some(entry) = directory.streams.get_mut(topic) else { continue };
        done.streams += 1;
        let before = entry.rows();
        entry.cut_before(*earliest);
        done.rows += before.saturating_sub(entry.rows());
        entries.push(entry.clone());
    }
    (done, entries)
}

/// The end of the stream is written too: its rows may all go.
fn write_earliest(connection: &Connection, entries: &[Entry]) -> Result<(), StoreError> {
    let line = |entry: &Entry| {
        let digest = entry.running.map_or("CAST(NULL AS UBIGINT)".to_string(), |digest| digest.0.to_string());
        format!("({}, {}, {}, {}, {digest})", entry.id, entry.earliest, entry.latest, entry.latest_ts)
    };
    for entries in entries.chunks(1000) {
        let lines: Vec<String> = entries.iter().map(line).collect();
        let statement = format!(
            "UPDATE streams SET earliest = new.earliest, base_seq = new.seq, base_ts = new.ts, \
             base_digest = new.digest FROM (VALUES {}) AS new(id, earliest, seq, ts, digest) \
             WHERE streams.id = new.id",
            lines.join(", ")
        );
        connection.execute_batch(&statement).doing("write what is kept")?;
    }
    Ok(())
}

/// Removes holes before the rows that are kept, and the partitions that `directory` has no rows in.
pub(super) fn remove_partitions(connection: &Connection, shared: &Shared) -> Result<(), StoreError> {
    let statement = "DELETE FROM holes WHERE holes.last_seq < \
                     (SELECT earliest FROM streams WHERE streams.id = holes.stream) \
                     OR holes.stream NOT IN (SELECT id FROM streams)";
    connection.execute_batch(statement).doing("remove old holes")?;
    let used: BTreeSet<(Kind, Place)> = shared.read(|directory| {
        let entries = directory.streams.values();
        entries.flat_map(|entry| entry.spans.iter().map(|span| (entry.key.kind(), span.place))).collect()
    });
    for (kind, place) in tables::places(connection)? {
        if matches!(place, Place::Sealed(_)) && !used.contains(&(kind, place)) {
            tables::drop_table(connection, kind, place)?;
        }
    }
    Ok(())
}
