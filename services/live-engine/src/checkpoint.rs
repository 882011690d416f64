//! The engine's whole state after one record, in parts, and back.
//!
//! [`Frozen`] is a state that stays as it is while the engine goes on. Freezing shares what each stream
//! holds, its bars and its lane included, instead of copying it; the first change of any of them copies it. So it takes a
//! moment whatever the windows hold, and each part is encoded when it is asked for, between two records.
//! Encoding everything at once was rejected: with many streams the live feed would stand still for it.
//!
//! Restoring is the reverse, and refuses whole what it cannot take whole. What it gives is the engine that
//! reading all records up to that one would have given.

mod restore;

use crate::derive::Target;
use crate::engine::Engine;
use crate::outbox::{FrozenLane, Lane, Pending};
use crate::state::StreamState;
use gapless_model::{Epoch, Position, Seq, Watermark};
use gapless_wire::{Bytes, CheckpointPart, CheckpointStream, Message, encode_message};
use std::ops::Range;
use std::sync::Arc;

pub use restore::RestoreError;

/// A part is full when it has this many bytes: encoding one takes about a millisecond. With the largest
/// window on top it stays below [`gapless_wire::MAX_CHECKPOINT_PART_BYTES`].
const PART_BYTES: usize = 1 << 20;
/// What a stream takes beside its window: its key, its watermark and the tables around them.
const STREAM_BYTES: usize = 512;
/// What a derived stream's bar takes.
const TARGET_BYTES: usize = 192;
/// What a candle that waits for ingestion takes, its share of the batch included.
const PENDING_CANDLE_BYTES: usize = 128;

/// The state after one record. It stays as it is while the engine goes on.
#[derive(Debug)]
pub struct Frozen {
    epoch: Epoch,
    position: Position,
    streams: Vec<FrozenStream>,
    /// Lanes, long ones in several pieces.
    lanes: Vec<FrozenLane>,
    parts: Vec<Plan>,
}

#[derive(Debug)]
struct FrozenStream {
    state: Arc<StreamState>,
    is_cut: bool,
    targets: Arc<[Target]>,
}

/// What is in one part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    streams: Range<usize>,
    lanes: Range<usize>,
}

impl Engine {
    /// The state after the last record. `None` while the outbox lacks batches that the journal did not
    /// show yet: a state without them would lose them.
    pub fn freeze(&self) -> Option<Frozen> {
        if !self.outbox.is_whole() {
            return None;
        }
        let shared = self.state.share();
        let streams = self.state.iter().zip(shared).map(|((stream, entry), state)| FrozenStream {
            is_cut: self.state.is_cut(entry),
            targets: self.deriver.share(stream),
            state,
        });
        let streams: Vec<FrozenStream> = streams.collect();
        let mut lanes = Vec::with_capacity(self.outbox.lanes());
        self.outbox.telling().for_each(|lane| cut(lane, &mut lanes));
        let parts = plan(&streams, &lanes);
        Some(Frozen { epoch: self.state.epoch(), position: self.state.position(), streams, lanes, parts })
    }
}

impl Frozen {
    /// The history that it belongs to.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The record after which the state was this.
    pub fn position(&self) -> Position {
        self.position
    }

    /// How many streams it has.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// How many parts it has; at least one.
    pub fn parts(&self) -> u32 {
        u32::try_from(self.parts.len()).unwrap_or(u32::MAX)
    }

    /// Encodes part `part`, counted from 0: an envelope with a [`CheckpointPart`].
    pub fn part(&self, part: u32) -> Option<Bytes> {
        let plan = self.parts.get(part as usize)?;
        let streams = self.streams.get(plan.streams.clone())?.iter().map(|stream| self.stream(stream));
        let lanes = self.lanes.get(plan.lanes.clone())?;
        let message = CheckpointPart {
            partition: 0,
            epoch: self.epoch,
            position: self.position,
            part,
            parts: self.parts(),
            streams: streams.collect(),
            lanes: lanes.iter().map(FrozenLane::to_message).collect(),
        };
        Some(encode_message(&Message::CheckpointPart(message), ""))
    }

    fn stream(&self, stream: &FrozenStream) -> CheckpointStream {
        let state = &stream.state;
        let window = state.window(self.epoch);
        CheckpointStream {
            key: state.key.clone(),
            watermark: Watermark {
                epoch: self.epoch,
                earliest: Seq::NONE,
                latest: state.latest,
                latest_ts: state.latest_ts,
                digest: state.digest,
            },
            flags: state.flags,
            is_cut: stream.is_cut,
            window: window.map(|batch| encode_message(&Message::Batch(batch), "")).unwrap_or_default(),
            targets: stream.targets.iter().map(Target::to_message).collect(),
        }
    }
}

/// Cuts a long lane into pieces that fit a part each.
fn cut(lane: &Arc<Lane>, pieces: &mut Vec<FrozenLane>) {
    let (mut begin, mut bytes) = (0, 0);
    for (at, pending) in lane.queue.iter().enumerate() {
        let more = pending.rows() as usize * PENDING_CANDLE_BYTES;
        if bytes + more > PART_BYTES && at > begin {
            pieces.push(FrozenLane::of(lane, begin..at));
            (begin, bytes) = (at, 0);
        }
        bytes += more;
    }
    pieces.push(FrozenLane::of(lane, begin..lane.queue.len()));
}

/// Fills one part after the other: first the streams, then the lanes.
fn plan(streams: &[FrozenStream], lanes: &[FrozenLane]) -> Vec<Plan> {
    let of_stream = |stream: &FrozenStream| {
        STREAM_BYTES + stream.state.window.encoded_bytes() + stream.targets.len() * TARGET_BYTES
    };
    let of_lane = |lane: &FrozenLane| {
        let candles: u64 = lane.waiting().map(Pending::rows).sum();
        STREAM_BYTES + candles as usize * PENDING_CANDLE_BYTES
    };
    let mut parts = vec![Plan { streams: 0..0, lanes: 0..0 }];
    let mut bytes = 0;
    let sizes = streams.iter().map(of_stream).zip(0..).map(|(size, at)| (size, (at + 1, 0)));
    let sizes =
        sizes.chain(lanes.iter().map(of_lane).zip(0..).map(|(size, at)| (size, (streams.len(), at + 1))));
    for (size, end) in sizes {
        let Some(last) = parts.last_mut() else { break };
        if bytes > 0 && bytes + size > PART_BYTES {
            let next = Plan { streams: last.streams.end..end.0, lanes: last.lanes.end..end.1 };
            parts.push(next);
            bytes = 0;
        } else {
            (last.streams.end, last.lanes.end) = end;
        }
        bytes += size;
    }
    parts
}

#[cfg(test)]
mod tests;
