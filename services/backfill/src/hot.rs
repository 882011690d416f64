//! The newest rows of every stream, in memory, as the bytes in which they were published.
//!
//! The intuition: nearly every gap is healed within seconds of its loss, so the newest minutes serve nearly
//! all requests, and what was published can be sent again as it is. The complication is memory: a stream
//! is bounded by rows and bytes, all of them together by bytes, oldest first over all streams. What is not
//! in the archive yet is never let go, since nothing else here could serve it; the writer bounds that part
//! by committing. An eviction by last use was rejected: replay reads forward, so old rows are used last.

use gapless_model::{
    Batch, Digest, Epoch, EpochStart, Position, SMALL_ROWS, Seq, SeqRange, StreamKey, UnixNanos,
};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// What a batch costs beside its bytes: its place in two queues and its header.
const OVERHEAD_BYTES: usize = 160;

/// Places in the order of arrival that may be stale before they are swept out.
const STALE_PLACES: usize = 1024;

/// How much is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotLimits {
    /// Rows per stream.
    pub stream_rows: u64,
    /// Bytes per stream.
    pub stream_bytes: usize,
    /// Bytes of all streams.
    pub total_bytes: usize,
}

/// A batch as it was published.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HotBatch {
    /// Its rows.
    pub(crate) range: SeqRange,
    /// The digest of its rows.
    pub(crate) rows_digest: Digest,
    /// The oldest and the newest time of its rows.
    pub(crate) times: (UnixNanos, UnixNanos),
    /// The envelope.
    pub(crate) bytes: Arc<[u8]>,
    /// What it takes in an answer behind the batch before, about: a small one is put together with that.
    pub(crate) sent_bytes: usize,
    position: Position,
}

/// What is known of a stream from its newest batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) key: StreamKey,
    /// The rows that are in memory; never empty.
    pub(crate) rows: SeqRange,
    pub(crate) latest_ts: UnixNanos,
    pub(crate) digest: Digest,
    /// Epochs that began in these rows, or the one that they began in.
    pub(crate) epochs: Vec<EpochStart>,
}

#[derive(Debug)]
struct Stream {
    number: u64,
    tail: Tail,
    batches: VecDeque<HotBatch>,
    /// The newest batch without its rows, if it was a small one.
    last_small: Option<Batch>,
    rows: u64,
    bytes: usize,
}

/// The hot window.
#[derive(Debug)]
pub struct Hot {
    limits: HotLimits,
    streams: BTreeMap<String, Stream>,
    topics: HashMap<u64, String>,
    next_number: u64,
    /// Streams in the order in which their batches came; a stream whose batch is gone already is passed over.
    arrivals: VecDeque<(u64, Position)>,
    bytes: usize,
    rows: u64,
    batches: usize,
    committed: Position,
}

impl Hot {
    /// An empty one.
    pub fn new(limits: HotLimits) -> Hot {
        Hot {
            limits,
            streams: BTreeMap::new(),
            topics: HashMap::new(),
            next_number: 0,
            arrivals: VecDeque::new(),
            bytes: 0,
            rows: 0,
            batches: 0,
            committed: Position::NONE,
        }
    }

    /// Bytes in memory, counted with their overhead.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.bytes
    }

    /// Rows in memory.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes in the batch of the record at `position`; rows that are there already are none of it.
    pub(crate) fn insert(&mut self, position: Position, batch: &Batch, bytes: Arc<[u8]>) {
        if batch.rows.is_empty() {
            return;
        }
        let range = batch.range();
        let topic: &str = batch.key.shared_topic();
        match self.streams.get(topic) {
            Some(stream) if range.start() < stream.tail.rows.end() => return,
            Some(stream) if range.start() > stream.tail.rows.end() => self.forget(topic),
            Some(_) | None => {}
        }
        if !self.streams.contains_key(topic) {
            self.next_number += 1;
            self.topics.insert(self.next_number, topic.to_owned());
            self.streams.insert(topic.to_owned(), Stream::new(self.next_number, batch));
        }
        let hot = HotBatch {
            range,
            rows_digest: Digest::of(batch.start, &batch.rows),
            times: times(batch),
            sent_bytes: bytes.len(),
            bytes,
            position,
        };
        let cost = cost(&hot);
        self.bytes += cost;
        self.rows += range.len();
        self.batches += 1;
        let Some(stream) = self.streams.get_mut(topic) else { return };
        self.arrivals.push_back((stream.number, position));
        stream.push(hot, cost, batch);
        self.trim_stream(topic);
        self.trim_total();
        self.sweep();
    }

    /// Everything up to `position` is in the archive: it may go when room is needed.
    pub(crate) fn committed(&mut self, position: Position) {
        self.committed = self.committed.max(position);
        self.trim_total();
    }

    /// Forgets everything, after a rewind.
    pub(crate) fn clear(&mut self, committed: Position) {
        let limits = self.limits.clone();
        let next_number = self.next_number;
        *self = Hot { next_number, committed, ..Hot::new(limits) };
    }

    /// What is known of `key`; `None` when nothing of it is in memory.
    pub(crate) fn tail(&self, key: &StreamKey) -> Option<&Tail> {
        self.streams.get(&**key.shared_topic()).map(|stream| &stream.tail)
    }

    /// The streams in memory whose topic begins with `prefix` and comes after `after`, in order.
    pub(crate) fn tails<'a>(&'a self, prefix: &'a str, after: &'a str) -> impl Iterator<Item = &'a Tail> {
        use std::ops::Bound;
        self.streams
            .range::<str, _>((Bound::Included(prefix.max(after)), Bound::Unbounded))
            .filter(move |(topic, _)| after.is_empty() || topic.as_str() > after)
            .take_while(move |(topic, _)| topic.starts_with(prefix))
            .map(|(_, stream)| &stream.tail)
    }

    /// The batches that hold rows of `range`, from its beginning on: until `max_bytes` are reached (but at
    /// least one). Empty when its first row is not in memory.
    pub(crate) fn read(&self, key: &StreamKey, range: SeqRange, max_bytes: usize) -> Vec<HotBatch> {
        let Some(stream) = self.streams.get(&**key.shared_topic()) else { return Vec::new() };
        if !stream.tail.rows.contains(range.start()) {
            return Vec::new();
        }
        let at = stream.batches.partition_point(|batch| batch.range.end() <= range.start());
        let mut bytes = 0;
        let wanted = stream.batches.iter().skip(at).take_while(|batch| batch.range.start() < range.end());
        wanted
            .take_while(|batch| {
                let first = bytes == 0;
                bytes += batch.sent_bytes;
                first || bytes <= max_bytes
            })
            .cloned()
            .collect()
    }

    /// The first batch of `key`, at or after `from`, that has a row not older than `ts`.
    pub(crate) fn first_since(&self, key: &StreamKey, from: Seq, ts: UnixNanos) -> Option<HotBatch> {
        let stream = self.streams.get(&**key.shared_topic())?;
        stream.batches.iter().find(|batch| batch.range.end() > from && batch.times.1 >= ts).cloned()
    }

    /// Takes a stream's oldest batches until it is within its limits.
    fn trim_stream(&mut self, topic: &str) {
        let (rows, bytes) = (self.limits.stream_rows, self.limits.stream_bytes);
        while let Some(stream) = self.streams.get_mut(topic)
            && stream.batches.len() > 1
            && (stream.rows > rows || stream.bytes > bytes)
            && stream.batches.front().is_some_and(|batch| batch.position <= self.committed)
        {
            let (gone_rows, gone_bytes) = stream.pop();
            self.rows -= gone_rows;
            self.bytes -= gone_bytes;
            self.batches -= 1;
        }
    }

    /// Takes the oldest batches of all until they are within their limit.
    fn trim_total(&mut self) {
        while let Some((number, position)) = self.arrivals.front().copied() {
            let topic = self.topics.get(&number);
            let front = topic.and_then(|topic| self.streams.get(topic)).and_then(|s| s.batches.front());
            let is_there = front.is_some_and(|batch| batch.position == position);
            if is_there && (self.bytes <= self.limits.total_bytes || position > self.committed) {
                return;
            }
            self.arrivals.pop_front();
            if is_there && let Some(topic) = topic.cloned() {
                self.drop_oldest(&topic);
            }
        }
    }

    fn drop_oldest(&mut self, topic: &str) {
        let Some(stream) = self.streams.get_mut(topic) else { return };
        let (rows, bytes) = stream.pop();
        self.rows -= rows;
        self.bytes -= bytes;
        self.batches -= 1;
        if stream.batches.is_empty() {
            self.forget(topic);
        }
    }

    fn forget(&mut self, topic: &str) {
        let Some(stream) = self.streams.remove(topic) else { return };
        self.topics.remove(&stream.number);
        self.rows -= stream.rows;
        self.bytes -= stream.bytes;
        self.batches -= stream.batches.len();
    }

    /// A quiet stream at the head of the order keeps places of busy ones, whose batches went, behind it.
    fn sweep(&mut self) {
        if self.arrivals.len() <= 2 * self.batches + STALE_PLACES {
            return;
        }
        let (topics, streams) = (&self.topics, &self.streams);
        self.arrivals.retain(|(number, position)| {
            let stream = topics.get(number).and_then(|topic| streams.get(topic));
            stream.and_then(|stream| stream.batches.front()).is_some_and(|front| front.position <= *position)
        });
    }
}

impl Stream {
    fn new(number: u64, batch: &Batch) -> Stream {
        let tail = Tail {
            key: batch.key.clone(),
            rows: SeqRange::new(batch.start, batch.start),
            latest_ts: UnixNanos(0),
            digest: Digest::default(),
            epochs: Vec::new(),
        };
        Stream { number, tail, batches: VecDeque::new(), last_small: None, rows: 0, bytes: 0 }
    }

    fn push(&mut self, mut hot: HotBatch, cost: usize, batch: &Batch) {
        let is_small = hot.range.len() < SMALL_ROWS;
        match &mut self.last_small {
            Some(last) if is_small && last.goes_on_with(batch) => {
                hot.sent_bytes = batch.rows.approx_bytes();
                last.start = hot.range.end();
            }
            last => *last = is_small.then(|| watermark(batch)),
        }
        let tail = &mut self.tail;
        if tail.epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch) < batch.epoch {
            tail.epochs.push(EpochStart { epoch: batch.epoch, first_sequence: batch.start });
        }
        tail.rows = SeqRange::new(tail.rows.start(), hot.range.end());
        tail.latest_ts = batch.rows.last_ts().unwrap_or_default();
        tail.digest = batch.digest;
        self.rows += hot.range.len();
        self.bytes += cost;
        self.batches.push_back(hot);
    }

    /// Takes the oldest batch; what it weighed, in rows and bytes.
    fn pop(&mut self) -> (u64, usize) {
        let Some(oldest) = self.batches.pop_front() else { return (0, 0) };
        let (rows, bytes) = (oldest.range.len(), cost(&oldest));
        self.rows -= rows;
        self.bytes -= bytes;
        self.tail.rows = SeqRange::new(oldest.range.end(), self.tail.rows.end());
        (rows, bytes)
    }
}

fn cost(batch: &HotBatch) -> usize {
    batch.bytes.len() + OVERHEAD_BYTES
}

/// The batch without rows, behind its last one.
fn watermark(batch: &Batch) -> Batch {
    Batch { start: batch.range().end(), ..batch.clone().cut(SeqRange::new(batch.start, batch.start)) }
}

fn times(batch: &Batch) -> (UnixNanos, UnixNanos) {
    let all = (0..batch.rows.len()).filter_map(|row| batch.rows.ts(row));
    all.fold((UnixNanos(i64::MAX), UnixNanos(i64::MIN)), |(min, max), ts| (min.min(ts), max.max(ts)))
}

#[cfg(test)]
mod tests;
