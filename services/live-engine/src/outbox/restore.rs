//! Lanes out of a checkpoint, and what a checkpoint takes of them.

use super::{Lane, Outbox, Pending, lane_of};
use crate::derive::Closed;
use gapless_model::StreamKey;
use gapless_wire::{CheckpointClosed, CheckpointLane};
use std::ops::Range;
use std::sync::Arc;

/// A piece of a lane as a checkpoint has it: some of what waits in it.
#[derive(Debug)]
pub(crate) struct FrozenLane {
    lane: Arc<Lane>,
    piece: Range<usize>,
}

impl Outbox {
    /// Whether everything is here that the journal does not show yet. Without it there is no checkpoint.
    pub(crate) fn is_whole(&self) -> bool {
        self.lanes.values().all(|lane| lane.dropped <= lane.seen)
    }

    /// How many lanes there are.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// All lanes that say something, in the order of their streams, to be shared.
    pub(crate) fn telling(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.lanes.values().filter(|lane| lane.seen != 0 || !lane.queue.is_empty())
    }

    /// The next piece of a lane. What waits in it is sent only when `wanted`; how far the journal is, is
    /// worth knowing in any case.
    ///
    /// # Errors
    /// The stream, when its pieces do not follow each other.
    pub(crate) fn restore(&mut self, piece: CheckpointLane, wanted: bool) -> Result<(), StreamKey> {
        let lane = lane_of(&mut self.lanes, &piece.key);
        let last = lane.queue.back().map_or(piece.seen, |last| last.position.0);
        let follows = piece.pending.first().is_none_or(|first| first.position.0 > last);
        if !follows || (lane.seen != 0 && lane.seen != piece.seen) {
            return Err(piece.key);
        }
        (lane.seen, lane.last) = (piece.seen, piece.seen);
        if wanted {
            self.len += piece.pending.len();
            lane.queue.extend(piece.pending.into_iter().map(|closed| Pending::of(&piece.key, closed)));
            if !lane.queue.is_empty() {
                self.ready.insert(piece.key);
            }
        }
        Ok(())
    }
}

impl FrozenLane {
    /// The batches of this lane with these places in its queue.
    pub(crate) fn of(lane: &Arc<Lane>, piece: Range<usize>) -> FrozenLane {
        FrozenLane { lane: Arc::clone(lane), piece }
    }

    /// What waits in it.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Pending> {
        self.lane.queue.range(self.piece.clone())
    }

    /// As it is sent.
    pub(crate) fn to_message(&self) -> CheckpointLane {
        let closed = |pending: &Pending| CheckpointClosed {
            position: pending.position,
            flags: pending.closed.flags,
            candles: pending.closed.candles.clone(),
        };
        let pending = self.waiting().map(closed).collect();
        CheckpointLane { key: (*self.lane.key).clone(), seen: self.lane.seen, pending }
    }
}

impl Pending {
    fn of(key: &StreamKey, closed: CheckpointClosed) -> Pending {
        let CheckpointClosed { position, flags, candles } = closed;
        Pending { position, closed: Closed { key: key.clone(), candles, flags } }
    }
}
