//! Fetches the engine's whole state, part by part, all as of one journal position.
//!
//! The engine keeps a state only for a while after the last question. When it has let go of one halfway,
//! the next one is fetched from its first part: parts of two states are never put together.

use crate::ask::Asker;
use crate::{Error, Service};
use gapless_model::{Epoch, Position};
use gapless_wire::{
    CheckpointPart, CheckpointRequest, CheckpointResponse, ErrorCode, Limits, Message, decode,
};
use std::time::Duration;

/// How often a fetch begins anew before it is given up. The engine keeps a state for a minute after the
/// last question, so that one which goes away under way means a restart of the engine.
const ATTEMPTS: u32 = 3;
/// The most bytes of one checkpoint: four times what 100,000 streams with windows of 300 candles take.
const MAX_BYTES: u64 = 8 << 30;

/// The engine's whole state as of one journal position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineCheckpoint {
    /// Of which journal partition.
    pub partition: u32,
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// It holds the state after this record.
    pub position: Position,
    /// How many streams are in it.
    pub streams: u64,
    /// The parts as the engine encoded them, in order: what a checkpoint file holds.
    pub parts: Vec<Vec<u8>>,
}

/// The state as of now.
pub(crate) fn fetch(asker: &mut Asker, patience: Duration) -> Result<EngineCheckpoint, Error> {
    let mut attempt = 1;
    loop {
        match fetch_once(asker, patience) {
            Err(Error::Refused { error, .. }) if error.code == ErrorCode::TRIMMED && attempt < ATTEMPTS => {
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn fetch_once(asker: &mut Asker, patience: Duration) -> Result<EngineCheckpoint, Error> {
    let first = ask(asker, Position::NONE, 0, patience)?;
    let mut checkpoint = EngineCheckpoint {
        partition: first.partition,
        epoch: first.epoch,
        position: first.position,
        streams: first.streams,
        parts: Vec::new(),
    };
    let parts = first.parts;
    let (mut streams, mut bytes) = (0, 0);
    let mut next = Some(first);
    for part in 0..parts {
        let response = match next.take() {
            Some(first) => first,
            None => ask(asker, checkpoint.position, part, patience)?,
        };
        streams += check(&checkpoint, part, parts, &response).map_err(bad)?;
        bytes += response.bytes.len() as u64;
        if bytes > MAX_BYTES {
            return Err(bad(format!("a checkpoint of more than {MAX_BYTES} bytes")));
        }
        checkpoint.parts.push(response.bytes);
    }
    if streams != checkpoint.streams {
        return Err(bad(format!("{streams} streams where {} were announced", checkpoint.streams)));
    }
    Ok(checkpoint)
}

fn ask(
    asker: &mut Asker,
    position: Position,
    part: u32,
    patience: Duration,
) -> Result<CheckpointResponse, Error> {
    let request = CheckpointRequest { partition: 0, position, part };
    match asker.ask(&Message::CheckpointRequest(request), patience)? {
        Message::CheckpointResponse(response) => Ok(response),
        other => Err(asker.unexpected(&other)),
    }
}

/// Whether a part is the one that was asked for, outside and inside; how many streams are in it.
fn check(of: &EngineCheckpoint, part: u32, parts: u32, found: &CheckpointResponse) -> Result<u64, String> {
    let wanted = (of.partition, of.epoch, of.position, part, parts);
    let same = |found: (u32, Epoch, Position, u32, u32)| match found == wanted {
        true => Ok(()),
        false => Err(format!("a part of another checkpoint: {found:?} where {wanted:?} was asked for")),
    };
    same((found.partition, found.epoch, found.position, found.part, found.parts))?;
    let inside = decode(&found.bytes, &Limits::checkpoint()).map_err(|error| error.to_string())?;
    let Message::CheckpointPart(CheckpointPart { partition, epoch, position, part, parts, streams, .. }) =
        inside.message
    else {
        return Err("a part that holds something else".into());
    };
    same((partition, epoch, position, part, parts))?;
    Ok(streams.len() as u64)
}

fn bad(reason: String) -> Error {
    Error::BadReply { service: Service::LiveEngine, reason }
}
