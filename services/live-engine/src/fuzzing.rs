//! The body of the fuzz target in `tests/fuzz`; a test replays its corpus through the same function.

use crate::checkpoint::PART_BYTES;
use crate::derive::{Rule, RuleText};
use crate::engine::{Engine, Limits};
use gapless_model::{Batch, Candle, Epoch, Flags, Position, Rows, UnixMillis};
use gapless_wire::{
    Bytes, CheckpointPart, JournalRecord, Limits as WireLimits, Message, decode, decode_batch, encode_message,
};

/// The longest message about a checkpoint: some lines of a terminal.
const MAX_MESSAGE_BYTES: usize = 2000;
/// Positions and sequences that the engine is led on from: nobody gets further.
const FURTHEST: u64 = 1 << 62;

/// The first byte of an input: make the parts belong together, and streams end where their windows do.
const MEND: u8 = 1;

/// A checkpoint's parts, each behind its length (two bytes). What is restored is the same when it is frozen
/// and restored again, and goes on.
pub fn engine_restore(input: &[u8]) {
    let Some((&mode, mut rest)) = input.split_first() else { return };
    let mut parts: Vec<Bytes> = Vec::new();
    while let Some((length, bytes)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length)).min(bytes.len());
        let (part, after) = bytes.split_at(length);
        parts.push(part.to_vec());
        rest = after;
    }
    if mode & MEND != 0 {
        mend(&mut parts);
    }
    let Some(engine) = restored(&parts) else { return };
    let Some(once) = frozen(&engine) else { return };
    let Some(again) = restored(&once) else { panic!("what was restored is refused when it is frozen") };
    assert_eq!(frozen(&again), Some(once), "the state is another one when it is frozen and restored");
    goes_on(engine);
}

fn restored(parts: &[Bytes]) -> Option<Engine> {
    let limits = Limits { window_rows: 10, max_streams: 5 };
    let text = RuleText { prefix: "candles.".into(), from: "1m".into(), to: vec!["5m".into(), "15m".into()] };
    let rules: Vec<Rule> = Rule::try_from(&text).into_iter().collect();
    match Engine::restore(&limits, &rules, parts.iter().map(Vec::as_slice), None) {
        Ok(engine) => Some(engine),
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes: {words:.200}", words.len());
            None
        }
    }
}

fn frozen(engine: &Engine) -> Option<Vec<Bytes>> {
    let frozen = engine.freeze(PART_BYTES)?;
    Some((0..frozen.parts()).filter_map(|part| frozen.part(part)).collect())
}

/// Every stream of candles takes one more record.
fn goes_on(mut engine: Engine) {
    let (epoch, mut position) = (engine.state().epoch(), engine.state().position());
    let streams: Vec<_> = engine.state().iter().map(|(_, entry)| (entry.key.clone(), entry.latest)).collect();
    for (key, latest) in streams {
        if position.0 >= FURTHEST || latest.0 >= FURTHEST {
            continue;
        }
        let candle = Candle { ts: UnixMillis(0), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
        let rows = Rows::Candles(vec![candle]);
        if rows.kind() != key.kind() {
            continue;
        }
        position = position.next();
        let batch = Batch { epoch, start: latest.next(), ..Batch::unsequenced(key, Flags::NONE, rows) };
        let folded = engine.handle_record(epoch, &record(epoch, position), &batch);
        assert!(folded.is_some(), "a record that follows is not taken: {batch:?}");
        assert_eq!(engine.state().position(), position);
    }
}

fn record(epoch: Epoch, position: Position) -> JournalRecord {
    JournalRecord {
        partition: 0,
        position,
        epoch,
        producer_id: String::new(),
        producer_sequence: 0,
        content_hash: 0,
        batch: Vec::new(),
    }
}

/// Parts that can be read become those of one checkpoint, in order; others stay as they are.
fn mend(parts: &mut [Bytes]) {
    let count = parts.len() as u32;
    let mut head: Option<(u32, Epoch, Position)> = None;
    for (number, bytes) in parts.iter_mut().enumerate() {
        let decoded = decode(bytes, &WireLimits::checkpoint()).map(|envelope| envelope.message);
        let Ok(Message::CheckpointPart(mut part)) = decoded else { continue };
        let (partition, epoch, position) = *head.get_or_insert((part.partition, part.epoch, part.position));
        for stream in &mut part.streams {
            let Ok(window) = decode_batch(&stream.window, &WireLimits::live()) else { continue };
            if !window.rows.is_empty() {
                stream.watermark.latest = window.range().last();
                stream.watermark.epoch = epoch;
                let whole = Batch { key: stream.key.clone(), ..window };
                if whole.rows.kind() == whole.key.kind() {
                    stream.window = encode_message(&Message::Batch(whole), "");
                }
            }
        }
        let part = CheckpointPart { partition, epoch, position, part: number as u32, parts: count, ..part };
        *bytes = encode_message(&Message::CheckpointPart(part), "");
    }
}

#[cfg(test)]
mod tests;
