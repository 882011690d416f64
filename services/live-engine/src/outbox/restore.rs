//! Lanes out of a checkpoint, and what a checkpoint takes of them.

use super::{Lane, Outbox, Pending};
use crate::derive::Closed;
use gapless_model::StreamKey;
use gapless_wire::{CheckpointClosed, CheckpointLane};
use std::sync::Arc;

/// A lane as a checkpoint has it. The stream's name is copied only when it is sent: to copy those of ten
/// thousand streams takes longer than all the rest of freezing them.
#[derive(Debug)]
pub(crate) struct FrozenLane {
    pub(crate) key: Arc<StreamKey>,
    pub(crate) seen: u64,
    pub(crate) pending: Vec<CheckpointClosed>,
}

impl Outbox {
    /// Whether everything is here that the journal does not show yet. Without it there is no checkpoint.
    pub(crate) fn is_whole(&self) -> bool {
        self.lanes.values().all(|lane| lane.dropped <= lane.seen)
    }

    /// All lanes, in the order of their streams.
    pub(crate) fn freeze(&self) -> impl Iterator<Item = FrozenLane> {
        let telling = self.lanes.values().filter(|lane| lane.seen != 0 || !lane.queue.is_empty());
        telling.map(Lane::freeze)
    }

    /// The next piece of a lane. What waits in it is sent only when `wanted`; how far the journal is, is
    /// worth knowing in any case.
    ///
    /// # Errors
    /// The stream, when its pieces do not follow each other.
    pub(crate) fn restore(&mut self, piece: CheckpointLane, wanted: bool) -> Result<(), StreamKey> {
        let lane = self.lanes.entry(piece.key.clone()).or_insert_with(|| Lane::new(&piece.key));
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

impl Lane {
    fn freeze(&self) -> FrozenLane {
        let closed = |pending: &Pending| CheckpointClosed {
            position: pending.position,
            flags: pending.closed.flags,
            candles: pending.closed.candles.clone(),
        };
        let pending = self.queue.iter().map(closed).collect();
        FrozenLane { key: Arc::clone(&self.key), seen: self.seen, pending }
    }
}

impl FrozenLane {
    /// As it is sent.
    pub(crate) fn to_message(&self) -> CheckpointLane {
        CheckpointLane { key: (*self.key).clone(), seen: self.seen, pending: self.pending.clone() }
    }
}

impl Pending {
    fn of(key: &StreamKey, closed: CheckpointClosed) -> Pending {
        let CheckpointClosed { position, flags, candles } = closed;
        Pending { position, closed: Closed { key: key.clone(), candles, flags } }
    }
}
