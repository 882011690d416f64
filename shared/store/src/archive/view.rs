//! The journal's view of every stream, laid beside what the archive has.
//!
//! The intuition: a stream's end is known here by its last row. When the journal lost records before they
//! were read, the rows in them are lost too, and a stream that stays quiet afterwards would look as if it had
//! ended earlier: whoever asks for its last rows would be told "not yet" for ever. The sequencer still knows
//! how far it counted, so once every record up to its word is stored or skipped, whatever it counted further
//! is missing for good.

use super::Archive;
use super::directory::{Directory, Entry, native};
use super::rewind::write_epochs;
use super::tables::insert;
use crate::error::Doing;
use crate::{StoreError, sql};
use duckdb::Connection;
use gapless_model::{Digest, Seq, SeqRange, StreamStatus, Watermark};

/// What a view showed to be missing for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Streams that end later than their rows here.
    pub streams: u64,
    /// The rows that they lack.
    pub rows: u64,
}

/// A stream that lacks its end.
struct Lacking<'a> {
    id: u32,
    /// `None`: nothing of it is here.
    entry: Option<Entry>,
    status: &'a StreamStatus,
}

impl Archive {
    /// Takes over the journal's view of every stream, which must be as of a position that the archive has
    /// reached: the epoch histories, and the end of streams whose last rows are missing here. No row goes, and
    /// neither position nor epoch of the archive move.
    ///
    /// # Errors
    /// [`StoreError::Database`]; nothing has changed then.
    pub fn take_view(&mut self, streams: &[StreamStatus]) -> Result<Missing, StoreError> {
        let shared = self.shared.clone();
        let _turn = shared.maintenance();
        let lacking = shared.read(|directory| lacking(directory, streams));
        self.database.transaction("take over the journal's view", |connection| {
            write(connection, &lacking)?;
            write_epochs(connection, streams)
        })?;
        let missing = Missing {
            streams: lacking.len() as u64,
            rows: lacking.iter().map(|lacking| lacking.range().len()).sum(),
        };
        shared.write(|directory| apply(directory, lacking, streams));
        Ok(missing)
    }
}

impl Lacking<'_> {
    fn mark(&self) -> &Watermark {
        &self.status.watermark
    }

    fn range(&self) -> SeqRange {
        let from = self.entry.as_ref().map_or(Seq::FIRST, |entry| entry.latest.next());
        SeqRange::new(from, self.mark().latest.next())
    }

    fn has_rows(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| !entry.served().is_empty())
    }
}

fn lacking<'a>(directory: &Directory, streams: &'a [StreamStatus]) -> Vec<Lacking<'a>> {
    let mut next_id = directory.next_stream;
    let mut lacking = Vec::new();
    for status in streams {
        let entry = directory.entry(&status.key);
        if status.watermark.latest <= entry.map_or(Seq::NONE, |entry| entry.latest) {
            continue;
        }
        let id = entry.map_or(next_id, |entry| entry.id);
        next_id += u32::from(entry.is_none());
        lacking.push(Lacking { id, entry: entry.cloned(), status });
    }
    lacking
}

fn write(connection: &Connection, lacking: &[Lacking<'_>]) -> Result<(), StoreError> {
    let doing = "write what is missing";
    let with_rows = || lacking.iter().filter(|lacking| lacking.has_rows());
    let line = |lacking: &Lacking<'_>| {
        format!("({}, {}, {})", lacking.id, lacking.range().start(), lacking.range().last())
    };
    insert(connection, "holes", doing, with_rows().map(line))?;
    // A stream's line is written anew as a whole: it holds little, and is mostly not there yet.
    for lacking in lacking.chunks(1000) {
        let ids: Vec<String> = lacking.iter().map(|lacking| lacking.id.to_string()).collect();
        let statement = format!("DELETE FROM streams WHERE id IN ({})", ids.join(", "));
        connection.execute_batch(&statement).doing(doing)?;
    }
    let line = |lacking: &Lacking<'_>| {
        let mark = lacking.mark();
        let earliest = match &lacking.entry {
            Some(entry) if lacking.has_rows() => entry.earliest,
            Some(_) | None => mark.latest.next(),
        };
        let digest = if mark.digest == Digest::default() { "NULL".into() } else { mark.digest.0.to_string() };
        let latest_ts = native(lacking.status.key.kind(), mark.latest_ts);
        let topic = sql::text(&lacking.status.key.topic());
        format!("({}, {topic}, {earliest}, {}, {latest_ts}, {digest})", lacking.id, mark.latest)
    };
    insert(connection, "streams", doing, lacking.iter().map(line))
}

fn apply(directory: &mut Directory, lacking: Vec<Lacking<'_>>, streams: &[StreamStatus]) {
    for Lacking { id, entry, status } in lacking {
        if entry.is_none() {
            directory.next_stream = directory.next_stream.max(id + 1);
        }
        let entry = directory.streams.entry(status.key.topic());
        entry.or_insert_with(|| Entry::new(id, status.key.clone())).lose_tail(&status.watermark);
    }
    for status in streams {
        if let Some(entry) = directory.streams.get_mut(&status.key.topic()) {
            entry.epochs.clone_from(&status.epochs);
        }
    }
}
