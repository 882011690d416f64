//! Records and ranges of them, checked before a coordinator hears of them.

use super::dialect::Payload;
use gapless_model::{Seq, SeqRange};
use gapless_protocol::{Chunk, Failure, Input, LogStatus, RequestId};
use gapless_wire::{DecodeError, JournalReadResponse, JournalRecordView, Limits, decode_batch};

/// One record as a chunk of one position.
pub(crate) fn record(bytes: &[u8], partition: u32) -> Result<Chunk<Payload>, DecodeError> {
    let view = JournalRecordView::parse(bytes, &Limits::live())?;
    if view.partition != partition {
        return Err(DecodeError::Malformed { reason: format!("a record of partition {}", view.partition) });
    }
    let batch = decode_batch(view.batch, &Limits::live())?;
    Ok(Chunk {
        epoch: view.epoch,
        range: SeqRange::of_len(Seq(view.position.0), 1),
        // The bytes as they came and the decoded rows.
        bytes: bytes.len() + batch.rows.approx_bytes(),
        payload: Payload { record: view.to_record(), batch },
    })
}

/// What was served for `range`. Records past its end are left out: they were not asked for.
pub(crate) fn replayed(
    request: RequestId,
    range: SeqRange,
    read: &JournalReadResponse,
    partition: u32,
) -> Result<Input<Payload>, Failure> {
    let start = Seq(read.from.0);
    let room = range.end().0.saturating_sub(start.0);
    let wanted = usize::try_from(room).unwrap_or(usize::MAX);
    let mut chunks = Vec::with_capacity(read.records.len().min(wanted));
    for (bytes, expected) in read.records.iter().take(wanted).zip(start.0..) {
        let chunk = record(bytes, partition).map_err(|error| {
            tracing::warn!(%error, position = expected, "a replayed record cannot be read");
            Failure::Corrupt
        })?;
        if chunk.range.start() != Seq(expected) {
            tracing::warn!(found = %chunk.range, expected, "replayed records are not contiguous");
            return Err(Failure::Corrupt);
        }
        chunks.push(chunk);
    }
    let served = SeqRange::of_len(start, chunks.len() as u64);
    let latest = Seq(read.latest.0);
    let status = LogStatus { epoch: read.epoch, earliest: Seq(read.earliest.0), latest, epochs: Vec::new() };
    let has_more = served.end() < range.end() && served.end() <= latest;
    Ok(Input::Replayed { request, status, served, chunks, has_more })
}
