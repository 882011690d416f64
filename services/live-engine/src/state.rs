//! The current state of every stream: a fold of the journal's records.
//!
//! It is rebuilt by folding the journal again, never patched. Every record proves itself: its running
//! digest must be the one that the rows so far and its own give. A record that does not fit is still
//! taken (the journal is the truth, and clients heal from it too), but it is reported, so that the
//! engine stops calling itself healthy.

mod page;
mod restore;
mod view;

use crate::window::Window;
use gapless_model::{Batch, Digest, Epoch, Flags, Position, Seq, StreamKey, UnixNanos, Watermark};
use gapless_planted::{Bug, on};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(crate) use page::PageEntry;
pub(crate) use restore::Restored;
pub(crate) use view::Viewed;

/// Number of a stream in one [`State`], in the order of appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamIndex(pub u32);

/// What is known of one stream.
#[derive(Debug, Clone)]
pub struct StreamState {
    /// Which stream.
    pub key: StreamKey,
    /// The topic as text, made once.
    pub topic: Arc<str>,
    /// Its last row; [`Seq::NONE`] when it has none.
    pub latest: Seq,
    /// Time of that row.
    pub latest_ts: UnixNanos,
    /// Running digest up to `latest`.
    pub digest: Digest,
    /// Marks of the last batch; its watermarks repeat them, since a screen shows "simulated" always.
    pub flags: Flags,
    /// How many losses of records there had been at its last batch; see [`State::cut`].
    cuts: u32,
    /// Its last record, as far as it was read here.
    last: Position,
    pub(crate) window: Window,
}

/// A record that does not follow from the records before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Rows of its stream are missing before it, or it repeats some.
    #[error("{topic}: a record begins at sequence {found}, expected {expected}")]
    Sequence {
        /// The stream.
        topic: Arc<str>,
        /// The sequence after the last known row.
        expected: Seq,
        /// The sequence of the record's first row.
        found: Seq,
    },
    /// Its rows, or rows before them, are not the ones that were sequenced.
    #[error("{topic}: the digest up to sequence {at} is {found}, the record states {stated}")]
    Digest {
        /// The stream.
        topic: Arc<str>,
        /// The record's last row.
        at: Seq,
        /// What the rows give.
        found: Digest,
        /// What the record says.
        stated: Digest,
    },
}

/// All streams as of one journal position.
#[derive(Debug)]
pub struct State {
    window_rows: usize,
    max_streams: usize,
    epoch: Epoch,
    position: Position,
    /// How often records were lost.
    cuts: u32,
    /// Shared with a checkpoint while one is handed out; the first change of a stream copies it.
    streams: Vec<Arc<StreamState>>,
    by_key: HashMap<StreamKey, StreamIndex>,
    by_topic: BTreeMap<Arc<str>, StreamIndex>,
}

/// What one record did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) stream: StreamIndex,
    /// Whether the stream was not known before.
    pub(crate) is_new: bool,
    /// Whether rows before this batch are unknown here: the records that held them are gone.
    pub(crate) is_partial: bool,
    /// What is wrong with the record.
    pub(crate) mismatch: Option<Mismatch>,
}

impl State {
    pub(crate) fn new(window_rows: usize, max_streams: usize) -> State {
        State {
            window_rows,
            max_streams,
            epoch: Epoch::UNSTATED,
            position: Position::NONE,
            cuts: 0,
            streams: Vec::new(),
            by_key: HashMap::new(),
            by_topic: BTreeMap::new(),
        }
    }

    /// The journal's epoch, which is that of every stream's watermark.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The last record that was folded in.
    pub fn position(&self) -> Position {
        self.position
    }

    /// How many streams there are.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether there is no stream yet.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// One stream.
    pub fn get(&self, stream: StreamIndex) -> Option<&StreamState> {
        self.streams.get(stream.0 as usize).map(|stream| &**stream)
    }

    /// All streams, in the order of appearance.
    pub fn iter(&self) -> impl Iterator<Item = (StreamIndex, &StreamState)> {
        (0..).map(StreamIndex).zip(self.streams.iter().map(|stream| &**stream))
    }

    /// The journal is followed in this epoch. It may be an older one than before: a journal that was
    /// replaced before it had records, by one whose clock is behind.
    pub(crate) fn follow(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// Folds one record in. `None` when it would open one stream too many.
    pub(crate) fn apply(&mut self, position: Position, epoch: Epoch, batch: &Batch) -> Option<Applied> {
        self.position = position;
        self.follow(epoch);
        let known = self.by_key.get(&batch.key).copied();
        let stream = match known {
            Some(stream) => stream,
            None => self.open(&batch.key)?,
        };
        let cuts = self.cuts;
        let entry = Arc::make_mut(self.streams.get_mut(stream.0 as usize)?);
        entry.last = position;
        let is_cut = std::mem::replace(&mut entry.cuts, cuts) != cuts && batch.start != entry.latest.next();
        let is_partial = is_cut || (known.is_none() && batch.start != Seq::FIRST);
        let mismatch = if is_partial { entry.adopt(batch) } else { entry.fold(batch) };
        Some(Applied { stream, is_new: known.is_none(), is_partial, mismatch })
    }

    fn open(&mut self, key: &StreamKey) -> Option<StreamIndex> {
        if self.streams.len() >= self.max_streams {
            return None;
        }
        let stream = StreamIndex(u32::try_from(self.streams.len()).ok()?);
        let topic = Arc::clone(key.shared_topic());
        self.by_key.insert(key.clone(), stream);
        self.by_topic.insert(topic.clone(), stream);
        self.streams.push(Arc::new(StreamState {
            key: key.clone(),
            topic,
            latest: Seq::NONE,
            latest_ts: UnixNanos(0),
            digest: Digest::default(),
            flags: Flags::NONE,
            cuts: self.cuts,
            last: Position::NONE,
            window: Window::new(self.window_rows),
        }));
        Some(stream)
    }

    /// Records were lost: each stream may lack rows before its next batch, or have some that are void by then,
    /// which is then no mismatch.
    pub(crate) fn cut(&mut self) {
        self.cuts += 1;
    }

    /// Whether `stream` may stand elsewhere than was read here.
    pub(crate) fn is_cut(&self, stream: &StreamState) -> bool {
        stream.cuts != self.cuts
    }

    /// How far a stream is.
    pub fn watermark(&self, stream: &StreamState) -> Watermark {
        Watermark {
            epoch: self.epoch,
            earliest: Seq::NONE,
            latest: stream.latest,
            latest_ts: stream.latest_ts,
            digest: stream.digest,
        }
    }
}

impl StreamState {
    fn fold(&mut self, batch: &Batch) -> Option<Mismatch> {
        let expected = self.latest.next();
        if batch.start != expected {
            let mismatch = Mismatch::Sequence { topic: self.topic.clone(), expected, found: batch.start };
            self.adopt(batch);
            return Some(mismatch);
        }
        let found = self.digest + Digest::of(batch.start, &batch.rows);
        self.take(batch);
        let topic = self.topic.clone();
        (found != batch.digest).then_some(Mismatch::Digest {
            topic,
            at: self.latest,
            found,
            stated: batch.digest,
        })
    }

    /// Takes a batch as it is, because what came before it is not known here.
    fn adopt(&mut self, batch: &Batch) -> Option<Mismatch> {
        self.window.clear();
        self.take(batch);
        None
    }

    fn take(&mut self, batch: &Batch) {
        self.latest = batch.range().last();
        self.latest_ts = batch.rows.last_ts().unwrap_or(self.latest_ts);
        self.digest = batch.digest;
        self.flags = batch.flags;
        self.window.push(&batch.rows);
    }

    /// Its last rows as a batch; `None` when none are kept.
    pub fn window(&self, epoch: Epoch) -> Option<Batch> {
        let rows = self.window.rows()?;
        let start = Seq(self.latest.next().0.saturating_sub(rows.len() as u64));
        Some(Batch { start, rows, ..self.watermark_batch(epoch, 0) })
    }

    /// A batch without rows that states where the stream ends.
    pub fn watermark_batch(&self, epoch: Epoch, ts_publish_us: i64) -> Batch {
        Batch {
            key: self.key.clone(),
            epoch,
            start: if on(Bug::WatermarkAhead) { self.latest.next().next() } else { self.latest.next() },
            flags: self.flags,
            ts_publish_us,
            earliest: Seq::NONE,
            digest: self.digest,
            rows: gapless_model::Rows::empty(self.key.kind()),
        }
    }
}

#[cfg(test)]
mod tests;
