//! What lies where: every stream with its spans, in memory.
//!
//! It is a few hundred bytes per stream and partition, read at each request and changed after each commit.
//! Everything in it can be read back from the tables.

use super::tables::Place;
use gapless_model::{
    Batch, Digest, Epoch, EpochStart, Kind, Position, Rows, Seq, SeqRange, StreamKey, StreamStatus,
    UnixMillis, UnixNanos, Watermark,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Holes of one stream that are kept apart. A journal that loses records so often is not one to rely on; then
/// what lies before the oldest hole is no longer served, so that memory stays bounded.
const MAX_HOLES: usize = 256;

/// Every stream of the archive.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) position: Position,
    pub(super) epoch: Epoch,
    /// By topic.
    pub(super) streams: BTreeMap<String, Entry>,
    pub(super) next_stream: u32,
    /// Sets of column names; their place is their number.
    pub(super) column_sets: Vec<Arc<[String]>>,
    set_numbers: HashMap<Arc<[String]>, u32>,
    /// The generation that rows of each kind go to, and how many it has.
    hot: HashMap<Kind, (u64, u64)>,
    /// Counts up whenever a table may have gone, so that a reader knows that looking again helps.
    pub(super) version: u64,
}

/// One stream.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: u32,
    pub(super) key: StreamKey,
    /// First row that is served; one above `latest` when none is.
    pub(super) earliest: Seq,
    pub(super) latest: Seq,
    /// In the unit of the kind.
    pub(super) latest_ts: i64,
    /// Running digest at `latest`, if it was stated.
    pub(super) running: Option<Digest>,
    pub(super) epochs: Vec<EpochStart>,
    /// In the order of their sequences; together with `holes` every row that is served or missing.
    pub(super) spans: Vec<Span>,
    /// Rows between `earliest` and `latest` that are missing for good, in order and apart. None begins at
    /// `earliest`.
    pub(super) holes: Vec<SeqRange>,
}

/// Consecutive rows of a stream in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) place: Place,
    pub(super) first: Seq,
    pub(super) last: Seq,
    /// Bounds of the rows' times, in the unit of the kind. They may be wider than the rows after retention.
    pub(super) min_ts: i64,
    pub(super) max_ts: i64,
    pub(super) last_ts: i64,
    pub(super) min_publish_us: i64,
    pub(super) max_publish_us: i64,
    /// Running digests before the first row and at the last one, where known.
    pub(super) running_before: Option<Digest>,
    pub(super) running: Option<Digest>,
}

impl Span {
    pub(super) fn range(&self) -> SeqRange {
        SeqRange::new(self.first, self.last.next())
    }

    /// The digest of its rows, as the sequencer counted them.
    pub(super) fn digest(&self) -> Option<Digest> {
        Some(self.running? - self.running_before?)
    }

    /// Rows `range`, with their times in the unit of the kind, the times at which they were published, and the running
    /// digest after them.
    pub(super) fn of(
        place: Place,
        range: SeqRange,
        times: impl Iterator<Item = i64>,
        publish_times: impl Iterator<Item = i64>,
        running: Digest,
    ) -> Span {
        let bounds = |(min, max, _): (i64, i64, i64), ts: i64| (ts.min(min), ts.max(max), ts);
        let (min_ts, max_ts, last_ts) = times.fold((i64::MAX, i64::MIN, 0), bounds);
        let (min_publish_us, max_publish_us, _) = publish_times.fold((i64::MAX, i64::MIN, 0), bounds);
        Span {
            place,
            first: range.start(),
            last: range.last(),
            min_ts,
            max_ts,
            last_ts,
            min_publish_us,
            max_publish_us,
            running_before: None,
            running: stated(running),
        }
    }

    /// Takes in the rows right behind, of the same place; `false` when `other` is not that.
    fn extend(&mut self, other: &Span) -> bool {
        if self.place != other.place || self.last.next() != other.first {
            return false;
        }
        self.last = other.last;
        self.min_ts = self.min_ts.min(other.min_ts);
        self.max_ts = self.max_ts.max(other.max_ts);
        self.last_ts = other.last_ts;
        self.min_publish_us = self.min_publish_us.min(other.min_publish_us);
        self.max_publish_us = self.max_publish_us.max(other.max_publish_us);
        self.running = other.running;
        true
    }
}

impl Entry {
    pub(super) fn new(id: u32, key: StreamKey) -> Entry {
        Entry {
            id,
            key,
            earliest: Seq::FIRST,
            latest: Seq::NONE,
            latest_ts: 0,
            running: Some(Digest::default()),
            epochs: Vec::new(),
            spans: Vec::new(),
            holes: Vec::new(),
        }
    }

    /// Stored rows.
    pub(super) fn rows(&self) -> u64 {
        self.spans.iter().map(|span| span.range().len()).sum()
    }

    /// The rows that are served, holes between them included.
    pub(super) fn served(&self) -> SeqRange {
        SeqRange::new(self.earliest, self.latest.next())
    }

    pub(super) fn status(&self, server_time: UnixMillis) -> StreamStatus {
        StreamStatus {
            key: self.key.clone(),
            watermark: Watermark {
                epoch: self.epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch),
                earliest: self.earliest,
                latest: self.latest,
                latest_ts: from_native(self.key.kind(), self.latest_ts),
                digest: self.running.unwrap_or_default(),
            },
            server_time,
            epochs: self.epochs.clone(),
        }
    }

    /// Forgets rows before `earliest`.
    pub(super) fn cut_before(&mut self, earliest: Seq) {
        let earliest = self.after_hole(earliest);
        self.earliest = earliest;
        self.holes.retain(|hole| hole.start() > earliest);
        self.spans.retain(|span| span.last >= earliest);
        if let Some(first) = self.spans.first_mut().filter(|span| span.first < earliest) {
            first.first = earliest;
            first.running_before = None;
        }
    }

    /// Forgets rows after `keep`.
    pub(super) fn cut_after(&mut self, keep: Seq) {
        self.latest = self.latest.min(keep);
        self.earliest = self.earliest.min(keep.next());
        self.running = None;
        let stays = SeqRange::new(Seq::NONE, keep.next());
        self.holes =
            self.holes.iter().map(|hole| hole.intersect(stays)).filter(|hole| !hole.is_empty()).collect();
        self.spans.retain(|span| span.first <= keep);
        if let Some(last) = self.spans.last_mut().filter(|span| span.last > keep) {
            last.last = keep;
            last.running = None;
        }
    }

    /// Takes note of rows in `generation`; they start at or above the end.
    pub(super) fn extend(&mut self, generation: u64, batch: &Batch) {
        let end = self.latest.next();
        if batch.start != end {
            self.note_missing(batch.start);
            // What the sequencer had counted before this batch.
            self.running = stated(batch.digest).map(|digest| digest - Digest::of(batch.start, &batch.rows));
        }
        if self.epochs.last().is_none_or(|start| start.epoch < batch.epoch) {
            let first_sequence = epoch_start(batch.start, end, !self.epochs.is_empty());
            self.epochs.push(EpochStart { epoch: batch.epoch, first_sequence });
        }
        let publish_time = std::iter::once(batch.ts_publish_us);
        let times = native_times(&batch.rows);
        let span = Span::of(Place::Hot(generation), batch.range(), times, publish_time, batch.digest);
        let span = Span { running_before: self.running, ..span };
        (self.latest, self.latest_ts, self.running) = (span.last, span.last_ts, span.running);
        self.add_span(span);
    }

    /// Adds rows behind the others.
    pub(super) fn add_span(&mut self, span: Span) {
        if !self.spans.last_mut().is_some_and(|last| last.extend(&span)) {
            self.spans.push(span);
        }
    }

    /// The stream ends as `mark` says: rows from its end here up to there are missing for good.
    pub(super) fn lose_tail(&mut self, mark: &Watermark) {
        self.note_missing(mark.latest.next());
        self.latest = mark.latest;
        self.latest_ts = native(self.key.kind(), mark.latest_ts);
        self.running = stated(mark.digest);
    }

    /// Rows between the end and `next` will not come.
    fn note_missing(&mut self, next: Seq) {
        if self.served().is_empty() {
            self.earliest = next;
        } else {
            self.add_hole(SeqRange::new(self.latest.next(), next));
            self.limit_holes();
        }
    }

    /// Takes note of a hole at the end; together with one right before it, it is one.
    pub(super) fn add_hole(&mut self, hole: SeqRange) {
        match self.holes.last_mut() {
            Some(last) if last.end() == hole.start() => *last = SeqRange::new(last.start(), hole.end()),
            Some(_) | None => self.holes.push(hole),
        }
    }

    /// Keeps the number of holes within its limit, at the cost of what lies before the oldest.
    pub(super) fn limit_holes(&mut self) {
        let too_many = self.holes.len().saturating_sub(MAX_HOLES);
        if let Some(last) = too_many.checked_sub(1).and_then(|at| self.holes.get(at)).copied() {
            self.cut_before(last.end());
        }
    }

    /// `seq`, or what follows the hole that it lies in.
    pub(super) fn after_hole(&self, seq: Seq) -> Seq {
        self.holes.iter().find(|hole| hole.contains(seq)).map_or(seq, |hole| hole.end())
    }

    /// The part of `range` before the first hole in it.
    pub(super) fn before_hole(&self, range: SeqRange) -> SeqRange {
        let hole = self.holes.iter().map(|hole| hole.start()).find(|start| *start >= range.start());
        hole.map_or(range, |start| SeqRange::new(range.start(), start.min(range.end())))
    }
}

impl Directory {
    pub(super) fn entry(&self, key: &StreamKey) -> Option<&Entry> {
        self.streams.get(&**key.shared_topic())
    }

    /// The generation that rows of `kind` go to, and the rows that it has.
    pub(super) fn generation(&self, kind: Kind) -> (u64, u64) {
        self.hot.get(&kind).copied().unwrap_or((1, 0))
    }

    pub(super) fn set_generation(&mut self, kind: Kind, generation: u64, rows: u64) {
        self.hot.insert(kind, (generation, rows));
    }

    /// The number of a set of column names, if it has one.
    pub(super) fn set_number(&self, names: &Arc<[String]>) -> Option<u32> {
        self.set_numbers.get(names).copied()
    }

    pub(super) fn add_set(&mut self, names: Arc<[String]>) {
        // A set has at least one name of its own, so 2^32 of them do not fit any disk.
        self.set_numbers.insert(names.clone(), self.column_sets.len() as u32);
        self.column_sets.push(names);
    }

    /// Takes over what was read from the tables. Numbers are not given out again, so that a reader that
    /// still holds an old one finds nothing rather than something else.
    pub(super) fn replace(&mut self, loaded: Directory) {
        let (version, next_stream) = (self.version, self.next_stream);
        let hot = std::mem::take(&mut self.hot);
        *self = loaded;
        self.version = version + 1;
        self.next_stream = self.next_stream.max(next_stream);
        for (kind, (generation, _)) in hot {
            if self.generation(kind).0 < generation {
                self.set_generation(kind, generation + 1, 0);
            }
        }
    }

    /// Rows per kind: hot, sealed.
    pub(super) fn rows(&self) -> Vec<(Kind, u64, u64)> {
        let mut rows: BTreeMap<Kind, (u64, u64)> = BTreeMap::new();
        for entry in self.streams.values() {
            let (hot, sealed) = rows.entry(entry.key.kind()).or_default();
            for span in &entry.spans {
                match span.place {
                    Place::Hot(_) => *hot += span.range().len(),
                    Place::Sealed(_) | Place::Unfinished(_) => *sealed += span.range().len(),
                }
            }
        }
        rows.into_iter().map(|(kind, (hot, sealed))| (kind, hot, sealed)).collect()
    }
}

/// A time in the unit in which a kind's rows are stored: milliseconds for candles, else nanoseconds.
pub(super) fn native(kind: Kind, ts: UnixNanos) -> i64 {
    match kind {
        Kind::Candles => ts.to_millis().0,
        Kind::Metrics | Kind::Warnings => ts.0,
    }
}

/// The times of rows, in the unit in which they are stored.
pub(super) fn native_times(rows: &Rows) -> impl Iterator<Item = i64> {
    (0..rows.len()).filter_map(|row| rows.ts(row)).map(|ts| native(rows.kind(), ts))
}

fn from_native(kind: Kind, ts: i64) -> UnixNanos {
    match kind {
        Kind::Candles => UnixMillis(ts).to_nanos(),
        Kind::Metrics | Kind::Warnings => UnixNanos(ts),
    }
}

/// Where an epoch is said to begin that is first seen at `start` of a stream that ended before `end`. Rows in
/// between may be of it, so it is said to begin with them until the journal tells more: a reader then takes
/// back too much rather than keeping rows that were lost.
pub(super) fn epoch_start(start: Seq, end: Seq, is_known: bool) -> Seq {
    if is_known { start.min(end) } else { start }
}

/// A digest that was stated; 0 says that it was not.
pub(super) fn stated(digest: Digest) -> Option<Digest> {
    (digest != Digest::default()).then_some(digest)
}
