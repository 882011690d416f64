//! Remembers what each producer sent last on each stream, so that retries are harmless.
//!
//! A producer numbers its batches per stream and names with each the number before it. That chain is
//! enough to tell the four cases apart: the next one, one that came before, one that came before with
//! other rows, one that leaves something out.
//!
//! The complication is memory: producers come and go (each HTTP `Idempotency-Key` is one), so pairs that
//! sent nothing for longest are forgotten. Recency is counted in journal positions, so that replaying
//! the journal rebuilds the very same memory. A time limit was rejected: it would make the decision
//! depend on a clock that a replay does not have.

use crate::{Conflict, ProducerRef};
use gapless_model::{Position, Seq, SeqRange};
use std::collections::{BTreeMap, VecDeque};

/// Batches remembered per pair: four times the window that a producer should have in flight.
pub(crate) const WINDOW: usize = 64;

/// Index of a stream in the sequencer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId(pub(crate) u32);

/// A batch that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) producer_sequence: u64,
    pub(crate) content_hash: u64,
    pub(crate) position: Position,
    pub(crate) range: SeqRange,
}

/// What a batch is to the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fresh,
    Duplicate { position: Position, range: SeqRange },
    Conflict { expected_previous: u64, conflict: Conflict },
}

/// What one producer sent on one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The last number accepted.
    pub(crate) last: u64,
    /// The record that carried it; also its recency, unique because a record has one producer.
    pub(crate) touched: Position,
    /// The last accepted batches, oldest first, their numbers ascending.
    pub(crate) window: VecDeque<Remembered>,
}

/// Takes one [`Dedup::record`] back.
#[derive(Debug)]
pub(crate) struct Undo {
    stream: StreamId,
    producer: Box<str>,
    previous: Option<(u64, Position)>,
    dropped: Option<Remembered>,
    evicted: Vec<(StreamId, Box<str>, Pair)>,
}

/// The memory of all pairs.
#[derive(Debug)]
pub(crate) struct Dedup {
    max_pairs: usize,
    max_remembered: usize,
    remembered: usize,
    pairs: BTreeMap<StreamId, BTreeMap<Box<str>, Pair>>,
    recency: BTreeMap<Position, (StreamId, Box<str>)>,
}

impl Dedup {
    /// An empty memory of at least one pair and one batch.
    pub(crate) fn new(max_pairs: usize, max_remembered: usize) -> Dedup {
        Dedup {
            max_pairs: max_pairs.max(1),
            max_remembered: max_remembered.max(WINDOW),
            remembered: 0,
            pairs: BTreeMap::new(),
            recency: BTreeMap::new(),
        }
    }

    /// What this batch is.
    pub(crate) fn check(&self, stream: StreamId, producer: ProducerRef<'_>, content_hash: u64) -> Verdict {
        let pair = self.pair(stream, producer.id);
        let last = pair.map_or(0, |pair| pair.last);
        let previous = producer.comes_after();
        let out_of_order = Verdict::Conflict { expected_previous: last, conflict: Conflict::Order };
        match pair {
            Some(pair) if producer.sequence <= last => pair.recall(producer.sequence, content_hash),
            Some(_) | None if previous == last => Verdict::Fresh,
            Some(_) | None => out_of_order,
        }
    }

    /// The last number accepted; 0: none.
    pub(crate) fn last(&self, stream: StreamId, producer: &str) -> u64 {
        self.pair(stream, producer).map_or(0, |pair| pair.last)
    }

    /// Remembers a batch that was accepted, and forgets what is too much.
    pub(crate) fn record(&mut self, stream: StreamId, producer: &str, batch: Remembered) -> Undo {
        let pair = self.pairs.entry(stream).or_default().entry(producer.into()).or_insert_with(Pair::empty);
        let previous = (pair.touched != Position::NONE).then_some((pair.last, pair.touched));
        let dropped = if pair.window.len() == WINDOW { pair.window.pop_front() } else { None };
        pair.last = batch.producer_sequence;
        pair.touched = batch.position;
        pair.window.push_back(batch);
        self.remembered += usize::from(dropped.is_none());
        if let Some((_, touched)) = previous {
            self.recency.remove(&touched);
        }
        self.recency.insert(batch.position, (stream, producer.into()));
        Undo { stream, producer: producer.into(), previous, dropped, evicted: self.evict() }
    }

    /// Takes back the newest [`Dedup::record`] that was not taken back yet.
    pub(crate) fn undo(&mut self, undo: Undo) {
        for (stream, producer, pair) in undo.evicted {
            self.insert(stream, producer, pair);
        }
        let Some(mut pair) = self.remove(undo.stream, &undo.producer) else { return };
        let Some((last, touched)) = undo.previous else { return };
        pair.window.pop_back();
        if let Some(dropped) = undo.dropped {
            pair.window.push_front(dropped);
        }
        self.insert(undo.stream, undo.producer, Pair { last, touched, ..pair });
    }

    /// Every pair, the longest silent one first.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (StreamId, &str, Option<&Pair>)> {
        self.recency.values().map(|(stream, id)| (*stream, &**id, self.pair(*stream, id)))
    }

    /// Puts a pair as it was.
    pub(crate) fn insert(&mut self, stream: StreamId, producer: Box<str>, pair: Pair) {
        self.remembered += pair.window.len();
        self.recency.insert(pair.touched, (stream, producer.clone()));
        self.pairs.entry(stream).or_default().insert(producer, pair);
    }

    /// Forgets the pairs that sent nothing for longest until the limits hold; never the newest.
    pub(crate) fn evict(&mut self) -> Vec<(StreamId, Box<str>, Pair)> {
        let mut evicted = Vec::new();
        while self.recency.len() > 1
            && (self.recency.len() > self.max_pairs || self.remembered > self.max_remembered)
        {
            let Some((_, (stream, producer))) = self.recency.pop_first() else { break };
            if let Some(pair) = self.remove(stream, &producer) {
                evicted.push((stream, producer, pair));
            }
        }
        evicted
    }

    fn pair(&self, stream: StreamId, producer: &str) -> Option<&Pair> {
        self.pairs.get(&stream)?.get(producer)
    }

    fn remove(&mut self, stream: StreamId, producer: &str) -> Option<Pair> {
        let of_stream = self.pairs.get_mut(&stream)?;
        let pair = of_stream.remove(producer)?;
        if of_stream.is_empty() {
            self.pairs.remove(&stream);
        }
        self.recency.remove(&pair.touched);
        self.remembered -= pair.window.len();
        Some(pair)
    }
}

impl Pair {
    fn empty() -> Pair {
        Pair { last: 0, touched: Position::NONE, window: VecDeque::new() }
    }

    /// A number that is not newer than the last one. One that lies inside the window without being in it
    /// was never accepted: calling it a duplicate would lose its rows silently.
    fn recall(&self, producer_sequence: u64, content_hash: u64) -> Verdict {
        let found = self.window.binary_search_by_key(&producer_sequence, |batch| batch.producer_sequence);
        let conflict = |conflict| Verdict::Conflict { expected_previous: self.last, conflict };
        match found.map(|index| self.window.get(index)) {
            Ok(Some(batch)) if batch.content_hash == content_hash => {
                Verdict::Duplicate { position: batch.position, range: batch.range }
            }
            Ok(Some(_)) => conflict(Conflict::Content),
            Ok(None) | Err(0) => {
                Verdict::Duplicate { position: Position::NONE, range: SeqRange::new(Seq::NONE, Seq::NONE) }
            }
            Err(_) => conflict(Conflict::Order),
        }
    }
}

#[cfg(test)]
mod tests;
