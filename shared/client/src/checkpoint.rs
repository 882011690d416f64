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

/// Puts the state as of now together, part by part, without asking anybody itself.
///
/// ```text
/// ask Fetch::question -> take its answer with Fetch::take, until that gives the checkpoint
///                     -> refused with 410: Fetch::begin_again says whether to ask on
/// ```
#[derive(Debug)]
pub struct Fetch {
    attempt: u32,
    found: Option<Found>,
}

/// What has come so far.
#[derive(Debug)]
struct Found {
    checkpoint: EngineCheckpoint,
    /// How many parts it has.
    parts: u32,
    /// Streams in the parts so far.
    streams: u64,
    /// Bytes in them.
    bytes: u64,
}

impl Default for Fetch {
    fn default() -> Fetch {
        Fetch { attempt: 1, found: None }
    }
}

impl Fetch {
    /// What to ask the engine next.
    pub fn question(&self) -> CheckpointRequest {
        let Some(found) = &self.found else {
            return CheckpointRequest { partition: 0, position: Position::NONE, part: 0 };
        };
        CheckpointRequest { partition: 0, position: found.checkpoint.position, part: found.next_part() }
    }

    /// The answer to that; gives the checkpoint once it is whole.
    ///
    /// # Errors
    /// [`Error::BadReply`] when the part is not the one that was asked for.
    pub fn take(&mut self, response: CheckpointResponse) -> Result<Option<EngineCheckpoint>, Error> {
        let found = self.found.get_or_insert_with(|| Found::begin(&response));
        found.add(response).map_err(bad)?;
        if found.next_part() < found.parts {
            return Ok(None);
        }
        let Some(Found { checkpoint, streams, .. }) = self.found.take() else { return Ok(None) };
        if streams != checkpoint.streams {
            return Err(bad(format!("{streams} streams where {} were announced", checkpoint.streams)));
        }
        Ok(Some(checkpoint))
    }

    /// The engine has let go of the state that is being fetched: whether another one is worth asking for,
    /// from its first part.
    pub fn begin_again(&mut self) -> bool {
        self.attempt += 1;
        self.found = None;
        self.attempt <= ATTEMPTS
    }
}

impl Found {
    fn begin(first: &CheckpointResponse) -> Found {
        let checkpoint = EngineCheckpoint {
            partition: first.partition,
            epoch: first.epoch,
            position: first.position,
            streams: first.streams,
            parts: Vec::new(),
        };
        Found { checkpoint, parts: first.parts, streams: 0, bytes: 0 }
    }

    fn next_part(&self) -> u32 {
        u32::try_from(self.checkpoint.parts.len()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, response: CheckpointResponse) -> Result<(), String> {
        self.streams += check(&self.checkpoint, self.next_part(), self.parts, &response)?;
        self.bytes += response.bytes.len() as u64;
        if self.bytes > MAX_BYTES {
            return Err(format!("a checkpoint of more than {MAX_BYTES} bytes"));
        }
        self.checkpoint.parts.push(response.bytes);
        Ok(())
    }
}

/// The state as of now.
pub(crate) fn fetch(asker: &mut Asker, patience: Duration) -> Result<EngineCheckpoint, Error> {
    let mut fetch = Fetch::default();
    loop {
        match asker.ask(&Message::CheckpointRequest(fetch.question()), patience) {
            Ok(Message::CheckpointResponse(response)) => {
                if let Some(checkpoint) = fetch.take(response)? {
                    return Ok(checkpoint);
                }
            }
            Ok(other) => return Err(asker.unexpected(&other)),
            Err(Error::Refused { error, .. }) if error.code == ErrorCode::TRIMMED && fetch.begin_again() => {}
            Err(error) => return Err(error),
        }
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
