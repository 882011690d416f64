//! Reading the archive, on a connection of its own.

use super::Shared;
use super::block::Block;
use super::block_table;
use super::directory::{Directory, Entry, Span, native};
use super::reading::Reading;
use super::tables::Place;
use crate::StoreError;
use crate::database::Database;
use crate::error::Doing;
use duckdb::Connection;
use gapless_model::{Batch, Digest, Kind, Seq, SeqRange, StreamKey, StreamStatus, UnixMillis, UnixNanos};
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

/// Rows that one query brings into memory: the largest page of candles. Rows of other kinds can be large, so they come in
/// smaller steps: metrics by how many columns there are at most, warnings always.
const CANDLES_PER_QUERY: u64 = 40_000;
const WIDE_ROWS_PER_QUERY: u64 = 1_000;
const METRICS_BYTES_PER_QUERY: usize = 4 << 20;

/// Spans that one page touches at most, so that a stream with few rows in each of many partitions costs
/// no more than another: its pages are shorter.
const SPANS_PER_PAGE: usize = 8;

/// How often a page is read anew because a table was sorted away in the meantime. Sorting a table takes
/// longer than reading a page, so it hardly ever happens twice in a row; the bound only ends what has
/// another cause.
const TRIES: usize = 50;

/// Reads pages, directory and watermarks.
pub struct ArchiveReader {
    database: Database,
    shared: Shared,
}

/// Rows of one stream, contiguous, as they were published.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The batches; the first and the last may be cut.
    pub batches: Vec<Batch>,
    /// The digest of the rows of each batch.
    pub digests: Vec<Digest>,
    /// The rows that they hold; empty, where they would be, when there are none.
    pub served: SeqRange,
    /// How far the stream is in the archive.
    pub status: StreamStatus,
}

/// A range of a stream in one table, with the digest that the sequencer gave it and that of the stored rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeCheck {
    /// Which rows.
    pub range: SeqRange,
    /// What the sequencer counted; `None` when it was never stated.
    pub expected: Option<Digest>,
    /// What is stored; `None` when rows are missing.
    pub found: Option<Digest>,
}

impl RangeCheck {
    /// Whether nothing speaks against these rows.
    pub fn is_sound(&self) -> bool {
        self.found.is_some() && (self.expected.is_none() || self.expected == self.found)
    }
}

impl ArchiveReader {
    pub(super) fn new(database: Database, shared: Shared) -> ArchiveReader {
        ArchiveReader { database, shared }
    }

    /// How far `key` is; `None` when it is not known. The server time is left 0 for the caller to set.
    pub fn status(&self, key: &StreamKey) -> Option<StreamStatus> {
        self.shared.read(|directory| directory.entry(key).map(|entry| entry.status(UnixMillis(0))))
    }

    /// As [`ArchiveReader::status`], with the rows between earliest and latest that are missing for good: in
    /// order, apart, none of them empty.
    pub fn stream(&self, key: &StreamKey) -> Option<(StreamStatus, Vec<SeqRange>)> {
        let look = |entry: &Entry| (entry.status(UnixMillis(0)), entry.holes.clone());
        self.shared.read(|directory| directory.entry(key).map(look))
    }

    /// The streams whose topic begins with `prefix` and comes after the topic `after`, in the order of their
    /// topics, at most `limit`; and whether there are more. Server times are left 0.
    pub fn directory(&self, prefix: &str, after: &str, limit: usize) -> (Vec<StreamStatus>, bool) {
        self.shared.read(|directory| {
            let from = prefix.max(after);
            let mut matching = directory
                .streams
                .range::<str, _>((Bound::Included(from), Bound::Unbounded))
                .filter(|(topic, _)| after.is_empty() || topic.as_str() > after)
                .take_while(|(topic, _)| topic.starts_with(prefix))
                .map(|(_, entry)| entry.status(UnixMillis(0)));
            let page: Vec<StreamStatus> = matching.by_ref().take(limit).collect();
            (page, matching.next().is_some())
        })
    }

    /// Rows of `key` in `range`, from its beginning, at most `limit` rows and about `max_bytes` in memory (at
    /// least one row). Fewer may come: ask again from where the page ends. What lies outside of what is
    /// served is left out, and so is a hole at the beginning; a page ends before a hole. `None` when the stream
    /// is not known.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when rows are missing or are not those that the sequencer counted,
    /// [`StoreError::Database`].
    pub fn page(
        &self,
        key: &StreamKey,
        range: SeqRange,
        limit: u64,
        max_bytes: usize,
    ) -> Result<Option<Page>, StoreError> {
        self.retrying(|| {
            let Some((status, wanted, spans, id)) =
                self.shared.read(|directory| find(directory, key, range, limit))
            else {
                return Ok(None);
            };
            let mut reading = Reading::new(key, wanted, max_bytes);
            for span in spans.iter().take(SPANS_PER_PAGE) {
                if !self.read_span(&mut reading, id, span)? {
                    break;
                }
            }
            let served = SeqRange::new(wanted.start(), reading.end());
            let earliest = status.watermark.earliest;
            let (mut batches, digests) = reading.finish();
            batches.iter_mut().for_each(|batch| batch.earliest = earliest);
            Ok(Some(Page { batches, digests, served, status }))
        })
    }

    /// The first row of `key` that is not older than `ts`; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn seq_at_time(&self, key: &StreamKey, ts: UnixNanos) -> Result<Option<Seq>, StoreError> {
        let ts = match key.kind() {
            // A candle is not older than a moment inside its millisecond only if it begins after it.
            Kind::Candles if ts.0.rem_euclid(1_000_000) != 0 => ts.to_millis().0 + 1,
            kind => native(kind, ts),
        };
        self.retrying(|| {
            let found = self.shared.read(|directory| {
                directory.entry(key).map(|entry| (entry.id, entry.served(), entry.spans.clone()))
            });
            let Some((id, served, spans)) = found else { return Ok(None) };
            for span in spans.iter().filter(|span| span.max_ts >= ts) {
                let range = span.range().intersect(served);
                if let Some(seq) = self.first_at(key.kind(), id, span, range, ts)? {
                    return Ok(Some(seq));
                }
            }
            Ok(None)
        })
    }

    /// Number and digest of the rows of `key` in `range`, read and added up.
    ///
    /// # Errors
    /// As [`ArchiveReader::page`].
    pub fn digest(&self, key: &StreamKey, range: SeqRange) -> Result<Option<(u64, Digest)>, StoreError> {
        let (mut rows, mut digest, mut from) = (0, Digest::default(), range.start());
        loop {
            let rest = SeqRange::new(from, range.end());
            let Some(page) = self.page(key, rest, CANDLES_PER_QUERY, usize::MAX)? else { return Ok(None) };
            if page.served.is_empty() {
                return Ok(Some((rows, digest)));
            }
            rows += page.served.len();
            digest = page.digests.into_iter().fold(digest, |sum, rows| sum + rows);
            from = page.served.end();
        }
    }

    /// Reads every row of `key` and compares each table's part with what the sequencer counted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn check(&self, key: &StreamKey) -> Result<Vec<RangeCheck>, StoreError> {
        let spans = self.shared.read(|directory| directory.entry(key).map(|entry| entry.spans.clone()));
        let mut checks = Vec::new();
        for span in spans.unwrap_or_default() {
            let found = match self.digest(key, span.range()) {
                Ok(found) => found.filter(|(rows, _)| *rows == span.range().len()).map(|(_, digest)| digest),
                Err(StoreError::Damaged(_)) => None,
                Err(error) => return Err(error),
            };
            checks.push(RangeCheck { range: span.range(), expected: span.digest(), found });
        }
        Ok(checks)
    }

    /// Reads again when a table that the directory named was sorted away before it could be read.
    fn retrying<T>(&self, read: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let version = || self.shared.read(|directory| directory.version);
        let mut before = version();
        for _ in 1..TRIES {
            match read() {
                Err(StoreError::Database { .. }) if version() != before => before = version(),
                result => return result,
            }
        }
        read()
    }

    /// Reads the part of `span` that is wanted; `false` when the page is full.
    fn read_span(&self, reading: &mut Reading<'_>, id: u32, span: &Span) -> Result<bool, StoreError> {
        let step = self.shared.rows_per_query(reading.key.kind());
        loop {
            let rest = reading.rest().intersect(span.range());
            if rest.is_empty() {
                return Ok(true);
            }
            if reading.is_full() {
                return Ok(false);
            }
            let block = SeqRange::of_len(rest.start(), step).intersect(rest);
            reading.take(block, self.block(reading.key, id, span, block)?)?;
        }
    }

    /// The rows of stream `id` in `block`, all in the place of `span`.
    fn block(
        &self,
        key: &StreamKey,
        id: u32,
        span: &Span,
        block: SeqRange,
    ) -> Result<Vec<Batch>, StoreError> {
        let found = self.shared.blocks(&self.database.connection, key.kind(), span.place, id..=id, block)?;
        Ok(found.into_iter().flat_map(|(_, found)| found.cut(block).into_batches(key)).collect())
    }

    /// The first row in `range`, all in the place of `span`, that is not older than `ts`.
    fn first_at(
        &self,
        kind: Kind,
        id: u32,
        span: &Span,
        mut range: SeqRange,
        ts: i64,
    ) -> Result<Option<Seq>, StoreError> {
        let connection = &self.database.connection;
        while !range.is_empty() {
            let query = format!(
                "SELECT min(first_seq) FROM {} WHERE stream = {id} AND last_seq >= {} AND first_seq < {} \
                 AND max_ts >= {ts}",
                span.place.table(kind),
                range.start(),
                range.end()
            );
            let first: Option<u64> =
                connection.query_row(&query, [], |row| row.get(0)).doing("find a row by its time")?;
            let Some(first) = first.map(Seq) else { return Ok(None) };
            let at = SeqRange::of_len(first.max(range.start()), 1);
            let found = self.shared.blocks(connection, kind, span.place, id..=id, at)?;
            let Some((_, block)) = found.into_iter().next() else { return Ok(None) };
            if let Some(seq) = block.first_since(range, ts) {
                return Ok(Some(seq));
            }
            range = SeqRange::new(block.range().end(), range.end());
        }
        Ok(None)
    }
}

impl Shared {
    /// Rows of `kind` that one query brings into memory.
    pub(super) fn rows_per_query(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Candles => CANDLES_PER_QUERY,
            Kind::Metrics => {
                let columns = self.read(|directory| directory.column_sets.iter().map(|set| set.len()).max());
                let row_bytes = 8 * (columns.unwrap_or_default() + 1);
                ((METRICS_BYTES_PER_QUERY / row_bytes) as u64).clamp(WIDE_ROWS_PER_QUERY, CANDLES_PER_QUERY)
            }
            Kind::Warnings => WIDE_ROWS_PER_QUERY,
        }
    }

    /// The number of a set of column names that was stored before.
    pub(super) fn set_number(&self, names: &Arc<[String]>) -> u32 {
        self.read(|directory| directory.set_number(names)).unwrap_or_default()
    }

    /// The blocks of a table with rows `range` of the streams with the numbers `ids`, whole, with these numbers.
    pub(super) fn blocks(
        &self,
        connection: &Connection,
        kind: Kind,
        place: Place,
        ids: RangeInclusive<u32>,
        range: SeqRange,
    ) -> Result<Vec<(u32, Block)>, StoreError> {
        let names = |number: u32| -> Option<Arc<[String]>> {
            self.read(|directory| directory.column_sets.get(number as usize).cloned())
        };
        let filter = format!(
            "stream >= {} AND stream <= {} AND last_seq >= {} AND first_seq < {}",
            ids.start(),
            ids.end(),
            range.start(),
            range.end()
        );
        block_table::select(connection, kind, place, &filter, &names)
    }
}

/// What a page needs to know: the stream's state, the rows wanted, the spans that hold them, its number.
fn find(
    directory: &Directory,
    key: &StreamKey,
    range: SeqRange,
    limit: u64,
) -> Option<(StreamStatus, SeqRange, Vec<Span>, u32)> {
    let entry: &Entry = directory.entry(key)?;
    let served = range.intersect(entry.served());
    let wanted = SeqRange::new(entry.after_hole(served.start()), served.end());
    let wanted = entry.before_hole(wanted);
    let wanted = SeqRange::of_len(wanted.start(), wanted.len().min(limit));
    let at = entry.spans.partition_point(|span| span.last < wanted.start());
    let spans = entry.spans.iter().skip(at).take_while(|span| span.first < wanted.end());
    Some((entry.status(UnixMillis(0)), wanted, spans.take(SPANS_PER_PAGE).copied().collect(), entry.id))
}
