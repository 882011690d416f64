//! States that are being handed out, part by part.

use crate::checkpoint::{Frozen, PART_BYTES};
use crate::engine::Engine;
use gapless_model::{MonoTime, Position};
use gapless_planted::{Bug, on};
use gapless_wire::{CheckpointRequest, CheckpointResponse, ErrorCode, ErrorResponse};
use std::collections::VecDeque;
use std::time::Duration;

/// How long a state is kept after the last question about it.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// How many states are kept: one for the snapshot writer and one for a person who asks meanwhile. Each
/// costs a copy of the streams that change while it is here.
const MAX_KEPT: usize = 2;
/// When to ask again while no state can be made.
const RETRY_MS: u32 = 500;

/// States that are being handed out.
#[derive(Debug)]
pub struct Shelf {
    part_bytes: usize,
    /// The one that was asked for last at the end.
    kept: VecDeque<(MonoTime, Frozen)>,
}

impl Default for Shelf {
    /// With parts of [`PART_BYTES`].
    fn default() -> Shelf {
        Shelf::new(PART_BYTES)
    }
}

impl Shelf {
    /// An empty one; a part is full when it has `part_bytes`.
    pub fn new(part_bytes: usize) -> Shelf {
        Shelf { part_bytes, kept: VecDeque::new() }
    }

    /// One part of a state that is here, or the first part of one as of now.
    pub(crate) fn answer(
        &mut self,
        engine: &Engine,
        asked: &CheckpointRequest,
        now: MonoTime,
    ) -> Result<CheckpointResponse, ErrorResponse> {
        if asked.partition != 0 {
            return Err(refusal(ErrorCode::UNKNOWN_STREAM, "there is only partition 0 here", 0));
        }
        let part_bytes = self.part_bytes;
        let frozen = match asked.position {
            Position::NONE => self.freeze(engine, now)?,
            position => self.find(position, now)?,
        };
        let changed =
            if on(Bug::StateChangesUnderWay) { frozen.changed_by(engine, part_bytes) } else { None };
        let frozen = changed.as_ref().unwrap_or(frozen);
        let missing = || refusal(ErrorCode::MALFORMED, "the state has no such part: stop at parts", 0);
        let bytes = frozen.part(asked.part).ok_or_else(missing)?;
        Ok(CheckpointResponse {
            partition: 0,
            epoch: frozen.epoch(),
            position: frozen.position(),
            part: asked.part,
            parts: frozen.parts(),
            streams: frozen.streams() as u64,
            bytes,
        })
    }

    /// Lets go of what nobody asks for any more.
    pub fn expire(&mut self, now: MonoTime) {
        self.kept.retain(|(asked, _)| now.since(*asked) < KEPT_FOR);
    }

    /// Lets go of everything: the journal took back what the states hold.
    pub fn clear(&mut self) {
        self.kept.clear();
    }

    /// A state as of now; the same one again when no record came since.
    fn freeze(&mut self, engine: &Engine, now: MonoTime) -> Result<&Frozen, ErrorResponse> {
        let position = engine.state().position();
        if !self.kept.iter().any(|(_, frozen)| frozen.position() == position) {
            let not_now = "the journal has not shown all derived rows yet that it took: ask again";
            let frozen = engine
                .freeze(self.part_bytes)
                .ok_or_else(|| refusal(ErrorCode::NOT_READY, not_now, RETRY_MS))?;
            while self.kept.len() >= MAX_KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back((now, frozen));
        }
        self.find(position, now)
    }

    fn find(&mut self, position: Position, now: MonoTime) -> Result<&Frozen, ErrorResponse> {
        let at = self.kept.iter().position(|(_, frozen)| frozen.position() == position);
        if let Some((_, frozen)) = at.and_then(|at| self.kept.remove(at)) {
            self.kept.push_back((now, frozen));
            if let Some((_, frozen)) = self.kept.back() {
                return Ok(frozen);
            }
        }
        Err(refusal(ErrorCode::TRIMMED, "no state of this position is kept: begin again with position 0", 0))
    }
}

fn refusal(code: ErrorCode, message: &str, retry_after_ms: u32) -> ErrorResponse {
    ErrorResponse { code, message: message.into(), retry_after_ms }
}

#[cfg(test)]
mod tests;
