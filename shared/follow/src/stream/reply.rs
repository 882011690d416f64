//! Ranges of rows, checked against their digest before a coordinator hears of them.

use gapless_model::{Batch, Digest, Epoch, Flags, Rows, Seq, SeqRange, StreamKey, StreamStatus};
use gapless_protocol::{Chunk, Claim, Failure, Input, LogStatus, RequestId};
use gapless_wire::{BackfillCandlesResponse, BackfillResponse, Limits, decode_batch};

/// A batch as a chunk.
pub(crate) fn chunk(batch: Batch) -> Chunk<Batch> {
    Chunk { epoch: batch.epoch, range: batch.range(), bytes: batch.rows.approx_bytes(), payload: batch }
}

/// What a batch says of the running digest, about the rows of `wanted`.
pub(crate) fn claim(batch: &Batch, wanted: SeqRange) -> Claim {
    let own = batch.range();
    let digest = |range: SeqRange| match range == own {
        true => Digest::of(own.start(), &batch.rows),
        false => Digest::of(range.start(), &batch.clone().cut(range).rows),
    };
    let rows = digest(wanted);
    let to_end = match wanted.end() == own.end() {
        true => rows,
        false => digest(SeqRange::new(wanted.start(), own.end())),
    };
    let stated = batch.digest != Digest::default();
    Claim { before: stated.then(|| batch.digest - to_end), rows }
}

pub(crate) fn log_status(status: StreamStatus) -> LogStatus {
    LogStatus {
        epoch: status.watermark.epoch,
        earliest: status.watermark.earliest,
        latest: status.watermark.latest,
        epochs: status.epochs,
    }
}

/// What a version 2 server served.
pub(crate) fn replayed(
    request: RequestId,
    key: &StreamKey,
    response: &BackfillResponse,
) -> Result<Input<Batch>, Failure> {
    let served = SeqRange::new(response.served_from, response.served_to.next());
    let mut digest = Digest::default();
    let mut expected = served.start();
    let mut chunks = Vec::with_capacity(response.batches.len());
    for bytes in &response.batches {
        let batch = decode_batch(bytes, &Limits::live()).map_err(|error| {
            tracing::warn!(stream = %key, %error, "a replayed batch cannot be read");
            Failure::Corrupt
        })?;
        // A batch is served as it was published, so the first and the last may reach past the range.
        let batch = batch.cut(served);
        if batch.key != *key || batch.range().start() != expected || batch.rows.is_empty() {
            tracing::warn!(stream = %key, found = %batch.range(), %expected, "replayed rows are not contiguous");
            return Err(Failure::Corrupt);
        }
        expected = batch.range().end();
        digest = digest + Digest::of(batch.start, &batch.rows);
        chunks.push(chunk(batch));
    }
    if expected != served.end() || (response.key != *key) || digest != response.digest {
        tracing::warn!(stream = %key, %served, %digest, stated = %response.digest, "replayed rows differ from what the server states");
        return Err(Failure::Corrupt);
    }
    let status = LogStatus {
        epoch: response.epoch,
        earliest: response.earliest,
        latest: response.latest,
        epochs: Vec::new(),
    };
    Ok(Input::Replayed { request, status, served, chunks, has_more: response.has_more })
}

/// What a server answered to a version 1 request. Servers in the field disagree on `next_sequence`, so
/// only the first sequence, the rows and `has_more` count. `latest` is the newest row as last told.
pub(crate) fn replayed_candles(
    request: RequestId,
    key: &StreamKey,
    range: SeqRange,
    latest: Seq,
    response: BackfillCandlesResponse,
) -> Result<Input<Batch>, Failure> {
    let sent = SeqRange::of_len(response.start, response.candles.len() as u64);
    let batch = Batch {
        key: response.key,
        epoch: response.epoch,
        start: response.start,
        flags: Flags::NONE,
        ts_publish_us: 0,
        earliest: response.earliest,
        digest: Digest::default(),
        rows: Rows::Candles(response.candles),
    };
    // A server of version 1 states no digest; its epoch tells which kind of server it is.
    let stated = response.epoch != Epoch::UNSTATED;
    if batch.key != *key || (stated && Digest::of(batch.start, &batch.rows) != response.digest) {
        tracing::warn!(stream = %key, %sent, "replayed candles differ from what the server states");
        return Err(Failure::Corrupt);
    }
    // It does not know `to_sequence` and may send more than was asked for.
    let served = sent.intersect(range);
    let batch = batch.cut(range);
    let newest = [latest, response.latest, sent.last()].into_iter().max().unwrap_or(latest);
    let status =
        LogStatus { epoch: response.epoch, earliest: response.earliest, latest: newest, epochs: Vec::new() };
    let has_more = served.end() < range.end() && response.has_more;
    let chunks = if served.is_empty() { Vec::new() } else { vec![chunk(batch)] };
    Ok(Input::Replayed { request, status, served, chunks, has_more })
}
