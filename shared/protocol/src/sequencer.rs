//! Gives every row its number.
//!
//! Per stream sequences start at 1 and are contiguous; the running digest grows with them. One machine
//! does that for all streams of a journal, so a (stream, epoch, sequence) never names two rows.
//!
//! The complication is that deciding and writing are two steps: a batch needs its number before it can be
//! written, and the write may fail when the disk is full. So what is accepted counts at once (the next
//! batch of the same group commit builds on it) and stays provisional until [`Sequencer::commit`];
//! [`Sequencer::rollback`] takes all provisional batches back. A separate plan that is applied later was
//! rejected: every plan of a group would have to look through all plans before it.

mod snapshot;
mod types;

pub use types::{
    Conflict, Outcome, ProducerRef, RecordHeader, Refusal, Sequenced, SequencerError, SequencerLimits,
    StreamView, Submission,
};

use crate::dedup::{Dedup, Remembered, StreamId, Undo, Verdict};
use gapless_model::{Digest, Epoch, EpochStart, Position, Seq, SeqRange, StreamKey, UnixNanos, Watermark};
use gapless_planted::{Bug, on};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The most epochs remembered per stream. A power loss makes one, so this is years of bad luck; a reader
/// that is older still gets a reset.
pub const MAX_EPOCHS: usize = 256;

/// Gives every row its number.
///
/// ```
/// use gapless_model::{Candle, Digest, Epoch, Kind, Rows, Seq, StreamKey, UnixMillis};
/// use gapless_protocol::{Outcome, Sequencer, SequencerLimits, Submission};
/// let mut sequencer = Sequencer::new(SequencerLimits::default(), Epoch(1_700_000_000_000));
/// let key = StreamKey::new(Kind::Candles, "kraken", "BTC-USD", "1m")?;
/// let row = Candle { ts: UnixMillis(0), open: 1.0, high: 2.0, low: 0.5, close: 1.5, volume: 3.0 };
/// let rows = Rows::Candles(vec![row]);
/// let content_hash = Digest::of(Seq(1), &rows).0;
/// let outcome = sequencer.accept(Submission { key: &key, producer: None, content_hash, rows: &rows });
/// let Outcome::Sequenced(place) = outcome else { panic!("{outcome:?}") };
/// assert_eq!(place.range.start(), Seq(1));
/// // ... write the record to the journal, then:
/// sequencer.commit(place.position);
/// # Ok::<(), gapless_model::KeyError>(())
/// ```
#[derive(Debug)]
pub struct Sequencer {
    limits: SequencerLimits,
    epoch: Epoch,
    position: Position,
    streams: Vec<Stream>,
    index: BTreeMap<Arc<StreamKey>, StreamId>,
    dedup: Dedup,
    uncommitted: VecDeque<Provisional>,
    /// Records are missing from what is replayed.
    lost: bool,
}

#[derive(Debug)]
struct Stream {
    key: Arc<StreamKey>,
    end: End,
    epochs: Vec<EpochStart>,
}

/// How far a stream is.
#[derive(Debug, Clone, Copy)]
struct End {
    latest: Seq,
    latest_ts: UnixNanos,
    digest: Digest,
}

/// How to take back one accepted batch.
#[derive(Debug)]
struct Provisional {
    position: Position,
    stream: StreamId,
    /// `None` when the batch opened the stream.
    before: Option<End>,
    dedup: Option<Undo>,
}

impl Sequencer {
    /// A sequencer of a journal without records, in its first epoch.
    pub fn new(limits: SequencerLimits, epoch: Epoch) -> Sequencer {
        let dedup = Dedup::new(limits.max_producers, limits.max_remembered);
        Sequencer {
            limits,
            epoch,
            position: Position::NONE,
            streams: Vec::new(),
            index: BTreeMap::new(),
            dedup,
            uncommitted: VecDeque::new(),
            lost: false,
        }
    }

    /// Decides on a batch. What is sequenced counts at once, so the next batch of the same group sees
    /// it, and stays provisional until [`Sequencer::commit`]. A duplicate may be one of a provisional
    /// batch: acknowledge nothing before the group is committed.
    pub fn accept(&mut self, submission: Submission<'_>) -> Outcome {
        let Submission { key, producer, content_hash, rows } = submission;
        if rows.is_empty() {
            return Outcome::Refused(Refusal::Empty);
        }
        let producer = producer.filter(|producer| producer.sequence != 0 && !producer.id.is_empty());
        let stream = match self.index.get(key) {
            Some(stream) => *stream,
            None if self.streams.len() >= self.limits.max_streams => {
                return Outcome::Refused(Refusal::TooManyStreams);
            }
            None => StreamId(self.streams.len() as u32),
        };
        if let Some(producer) = producer {
            match self.dedup.check(stream, producer, content_hash) {
                Verdict::Fresh => {}
                Verdict::Duplicate { position, range } => return Outcome::Duplicate { position, range },
                Verdict::Conflict { expected_previous, conflict } => {
                    return Outcome::Conflict { expected_previous, conflict };
                }
            }
        }
        let before = self.streams.get(stream.0 as usize).map(|stream| stream.end);
        let end = before.unwrap_or(End::START);
        let range = SeqRange::of_len(end.latest.next(), rows.len() as u64);
        let latest_ts = rows.ts(rows.len() - 1).unwrap_or(end.latest_ts);
        let digest = end.digest + Digest::of(range.start(), rows);
        let position = self.position.next();
        let producer = producer.map(|producer| (producer.id, producer.sequence));
        let undo =
            self.append(key, stream, Appended { position, range, digest, latest_ts, content_hash, producer });
        self.uncommitted.push_back(Provisional { position, stream, before, dedup: undo });
        Outcome::Sequenced(Sequenced { position, epoch: self.epoch, range, digest })
    }

    /// The journal has every record up to `through`.
    pub fn commit(&mut self, through: Position) {
        while self.uncommitted.front().is_some_and(|batch| batch.position <= through) {
            self.uncommitted.pop_front();
        }
    }

    /// The journal could not be written: takes back everything that was not committed.
    pub fn rollback(&mut self) {
        while let Some(batch) = self.uncommitted.pop_back() {
            if let Some(undo) = batch.dedup {
                self.dedup.undo(undo);
            }
            match batch.before {
                None => self.forget_newest_stream(),
                Some(end) => self.put_back(batch.stream, end),
            }
            self.position = Position(batch.position.0 - 1);
        }
    }

    /// Takes in a record that the journal already has; one that the snapshot contains is passed over.
    ///
    /// An epoch begins with its first record. One without any record is known only to the journal's own
    /// history: call [`Sequencer::begin_epoch`] for it where it began, before the records after it.
    ///
    /// # Errors
    /// [`SequencerError`] when the record does not follow what is known.
    ///
    /// # Panics
    /// When a batch is provisional: recovery comes before accepting.
    pub fn replay(&mut self, record: RecordHeader<'_>) -> Result<(), SequencerError> {
        assert!(self.uncommitted.is_empty(), "replay while batches are provisional");
        let RecordHeader { position, range, digest, latest_ts, content_hash, .. } = record;
        if position <= self.position {
            return Ok(());
        }
        if position != self.position.next() {
            return Err(SequencerError::Position { last: self.position, found: position });
        }
        let stream = self.index.get(record.key).copied().unwrap_or(StreamId(self.streams.len() as u32));
        let expected =
            self.streams.get(stream.0 as usize).map_or(Seq::FIRST, |stream| stream.end.latest.next());
        let follows = range.start() == expected || (self.lost && range.start() > expected);
        if !follows || range.is_empty() {
            let topic = record.key.topic();
            return Err(SequencerError::Sequence { position, topic, expected, found: range.start() });
        }
        self.begin_epoch(record.epoch)?;
        self.pass_over(record.key, stream, range.start());
        let producer = Some((record.producer_id, record.producer_sequence));
        let is_remembered = |(id, sequence): &(&str, u64)| *sequence != 0 && !id.is_empty();
        let producer = producer.filter(is_remembered).filter(|_| !on(Bug::ProducersForgotten));
        let appended = Appended { position, range, digest, latest_ts, content_hash, producer };
        self.append(record.key, stream, appended);
        Ok(())
    }

    /// The records up to `through` are there no more and cannot be replayed. Those after them are taken from
    /// where they are: a stream may go on later than it was known to. What was lost of producers and of
    /// streams that do not go on is not known, so their numbers would be given out again: an epoch has to
    /// begin before anything is accepted.
    ///
    /// # Panics
    /// When a batch is provisional: recovery comes before accepting.
    pub fn lose(&mut self, through: Position) {
        assert!(self.uncommitted.is_empty(), "records are lost while batches are provisional");
        self.position = self.position.max(through);
        self.lost = true;
    }

    /// A new history begins after everything that is known; nothing happens when it is the current one.
    ///
    /// # Errors
    /// [`SequencerError::Epoch`] when it lies before the current one.
    ///
    /// # Panics
    /// When a batch is provisional: it would change its epoch.
    pub fn begin_epoch(&mut self, epoch: Epoch) -> Result<(), SequencerError> {
        if epoch == self.epoch {
            return Ok(());
        }
        assert!(self.uncommitted.is_empty(), "new epoch while batches are provisional");
        if epoch < self.epoch {
            return Err(SequencerError::Epoch { current: self.epoch, found: epoch });
        }
        self.epoch = epoch;
        for stream in &mut self.streams {
            if stream.epochs.len() == MAX_EPOCHS {
                stream.epochs.remove(0);
            }
            stream.epochs.push(EpochStart { epoch, first_sequence: stream.end.latest.next() });
        }
        Ok(())
    }

    /// The current epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The position of the last record; [`Position::NONE`] before the first.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The last number accepted from a producer on a stream; 0: none, or forgotten.
    pub fn last_producer_sequence(&self, key: &StreamKey, producer_id: &str) -> u64 {
        self.index.get(key).map_or(0, |stream| self.dedup.last(*stream, producer_id))
    }

    /// What is known of one stream.
    pub fn stream(&self, key: &StreamKey) -> Option<StreamView<'_>> {
        let stream = self.index.get(key)?;
        self.streams.get(stream.0 as usize).map(|stream| stream.view(self.epoch))
    }

    /// Every stream, in the order of their keys.
    pub fn streams(&self) -> impl Iterator<Item = StreamView<'_>> {
        let streams = self.index.values().filter_map(|stream| self.streams.get(stream.0 as usize));
        streams.map(|stream| stream.view(self.epoch))
    }

    /// The one place where a stream grows.
    fn append(&mut self, key: &StreamKey, stream: StreamId, batch: Appended<'_>) -> Option<Undo> {
        assert_eq!(batch.position, self.position.next(), "records are contiguous");
        if stream.0 as usize == self.streams.len() {
            self.open_stream(key, stream);
        }
        if let Some(grown) = self.streams.get_mut(stream.0 as usize) {
            assert_eq!(batch.range.start(), grown.end.latest.next(), "sequences of {key} are contiguous");
            grown.end = End { latest: batch.range.last(), latest_ts: batch.latest_ts, digest: batch.digest };
        }
        self.position = batch.position;
        let (producer, producer_sequence) = batch.producer?;
        let Appended { content_hash, position, range, .. } = batch;
        let remembered = Remembered { producer_sequence, content_hash, position, range };
        Some(self.dedup.record(stream, producer, remembered))
    }

    /// The stream's rows before `start` were in records that are lost.
    fn pass_over(&mut self, key: &StreamKey, stream: StreamId, start: Seq) {
        if stream.0 as usize == self.streams.len() {
            self.open_stream(key, stream);
        }
        if let Some(stream) = self.streams.get_mut(stream.0 as usize) {
            stream.end.latest = start.previous();
        }
    }

    fn open_stream(&mut self, key: &StreamKey, stream: StreamId) {
        let key = Arc::new(key.clone());
        self.index.insert(key.clone(), stream);
        let epochs = vec![EpochStart { epoch: self.epoch, first_sequence: Seq::FIRST }];
        self.streams.push(Stream { key, end: End::START, epochs });
    }

    fn put_back(&mut self, stream: StreamId, end: End) {
        if let Some(stream) = self.streams.get_mut(stream.0 as usize) {
            stream.end = end;
        }
    }

    fn forget_newest_stream(&mut self) {
        if let Some(stream) = self.streams.pop() {
            self.index.remove(&*stream.key);
        }
    }
}

/// A batch with its place.
struct Appended<'a> {
    position: Position,
    range: SeqRange,
    digest: Digest,
    latest_ts: UnixNanos,
    content_hash: u64,
    producer: Option<(&'a str, u64)>,
}

impl End {
    const START: End = End { latest: Seq::NONE, latest_ts: UnixNanos(0), digest: Digest(0) };
}

impl Stream {
    fn view(&self, epoch: Epoch) -> StreamView<'_> {
        let End { latest, latest_ts, digest } = self.end;
        let watermark = Watermark { epoch, earliest: Seq::NONE, latest, latest_ts, digest };
        StreamView { key: &self.key, watermark, epochs: &self.epochs }
    }
}

#[cfg(test)]
mod tests;
