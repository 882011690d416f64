//! An engine out of a checkpoint.

use crate::derive::Rule;
use crate::engine::{Engine, Limits};
use crate::state::{Restored, State};
use gapless_model::{Batch, Epoch, Position, StreamKey};
use gapless_planted::{Bug, on};
use gapless_wire::{
    CheckpointLane, CheckpointPart, CheckpointStream, DecodeError, Limits as WireLimits, Message, decode,
    decode_batch,
};

/// Why parts are not a state that this engine can go on from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RestoreError {
    /// There is none.
    #[error("it has no parts")]
    Empty,
    /// A part is not one.
    #[error("part {part} cannot be read: {error}")]
    Part {
        /// Which one, from 0.
        part: u32,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// Parts of two states, or not all of one.
    #[error("part {part} does not belong to the others")]
    Mixed {
        /// Which one, from 0.
        part: u32,
    },
    /// What a part says about a stream cannot be.
    #[error("{stream}: {reason}")]
    Stream {
        /// Which stream.
        stream: StreamKey,
        /// Why not.
        reason: String,
    },
    /// It was made when no rule derived this stream: the journal has to be read for its bars.
    #[error("it was made before {stream} was derived")]
    Rules {
        /// The derived stream.
        stream: StreamKey,
    },
}

impl Engine {
    /// The engine as it was when [`Engine::freeze`] was asked of it, reading history from there on.
    /// `before` is the one that it replaces, if any.
    ///
    /// # Errors
    /// [`RestoreError`] when the parts are not one whole state, or not one that these limits and rules
    /// would have given.
    pub fn restore<'a>(
        limits: &Limits,
        rules: &[Rule],
        parts: impl IntoIterator<Item = &'a [u8]>,
        before: Option<&Engine>,
    ) -> Result<Engine, RestoreError> {
        let mut engine = Engine::new(limits, rules, before);
        let mut lanes = Vec::new();
        let mut first: Option<(u32, Epoch, Position, u32)> = None;
        let mut number = 0;
        for bytes in parts {
            let part = read(number, bytes)?;
            let head = (part.partition, part.epoch, part.position, part.parts);
            if *first.get_or_insert(head) != head || part.part != number {
                return Err(RestoreError::Mixed { part: number });
            }
            if number == 0 {
                let state = State::new(limits.window_rows, limits.max_streams);
                engine.state = state.at(part.epoch, part.position);
            }
            for stream in part.streams {
                engine.restore_stream(stream)?;
            }
            lanes.extend(part.lanes);
            number += 1;
        }
        match first {
            None => Err(RestoreError::Empty),
            Some((_, _, _, parts)) if parts != number => Err(RestoreError::Mixed { part: number }),
            Some(_) => {
                engine.restore_lanes(lanes)?;
                Ok(engine)
            }
        }
    }

    fn restore_stream(&mut self, stream: CheckpointStream) -> Result<(), RestoreError> {
        let refuse = |reason: String| RestoreError::Stream { stream: stream.key.clone(), reason };
        let window = match stream.window.as_slice() {
            [] => None,
            bytes => Some(window(&stream, bytes).map_err(refuse)?),
        };
        let restored = Restored {
            key: stream.key.clone(),
            watermark: stream.watermark,
            flags: stream.flags,
            is_cut: stream.is_cut,
            window,
        };
        let index = self.state.restore(restored);
        let entry = index.and_then(|index| Some((index, self.state.get(index)?)));
        let Some((index, entry)) = entry else {
            return Err(refuse("it is there twice, or one too many for max_streams".into()));
        };
        let topic = entry.topic.clone();
        let derived = self.deriver.restore(index, &stream.key, &topic, &stream.targets);
        derived.map_err(|stream| RestoreError::Rules { stream })
    }

    fn restore_lanes(&mut self, lanes: Vec<CheckpointLane>) -> Result<(), RestoreError> {
        let derived = self.deriver.derived();
        for lane in lanes {
            if on(Bug::CheckpointWithoutWaiting) {
                continue;
            }
            let is_wanted = derived.contains(&lane.key);
            self.outbox.restore(lane, is_wanted).map_err(|stream| {
                let reason = "the bars that wait for ingestion are out of order".into();
                RestoreError::Stream { stream, reason }
            })?;
        }
        Ok(())
    }
}

fn read(part: u32, bytes: &[u8]) -> Result<CheckpointPart, RestoreError> {
    let refuse = |error| RestoreError::Part { part, error };
    match decode(bytes, &WireLimits::checkpoint()).map_err(refuse)?.message {
        Message::CheckpointPart(part) => Ok(part),
        _ => Err(RestoreError::Mixed { part }),
    }
}

/// The window of a stream, which has to end where the stream does.
fn window(stream: &CheckpointStream, bytes: &[u8]) -> Result<Batch, String> {
    let batch = decode_batch(bytes, &WireLimits::live()).map_err(|error| error.to_string())?;
    let end = stream.watermark.latest.next();
    if batch.key != stream.key || batch.range().end() != end || batch.rows.is_empty() {
        return Err(format!("its window holds {} {} instead of rows up to {end}", batch.key, batch.range()));
    }
    Ok(batch)
}
