//! Checkpoints.

use super::{batch, field, status};
use crate::generated::fb;
use crate::{
    CheckpointClosed, CheckpointForming, CheckpointLane, CheckpointPart, CheckpointRequest,
    CheckpointResponse, CheckpointStream, CheckpointTarget, DecodeError,
};
use gapless_model::{Candle, Epoch, Flags, Position, Rows, UnixMillis};

pub(super) fn request(request: fb::CheckpointRequest<'_>) -> CheckpointRequest {
    CheckpointRequest {
        partition: request.partition(),
        position: Position(request.position()),
        part: request.part(),
    }
}

pub(super) fn response(response: fb::CheckpointResponse<'_>) -> Result<CheckpointResponse, DecodeError> {
    check_number(response.part(), response.parts())?;
    Ok(CheckpointResponse {
        partition: response.partition(),
        epoch: Epoch(response.epoch()),
        position: Position(response.position()),
        part: response.part(),
        parts: response.parts(),
        streams: response.streams(),
        bytes: field::bytes("bytes", response.bytes())?.to_vec(),
    })
}

pub(super) fn part(part: fb::CheckpointPart<'_>) -> Result<CheckpointPart, DecodeError> {
    check_number(part.part(), part.parts())?;
    Ok(CheckpointPart {
        partition: part.partition(),
        epoch: Epoch(part.epoch()),
        position: Position(part.position()),
        part: part.part(),
        parts: part.parts(),
        streams: part.streams().into_iter().flatten().map(stream).collect::<Result<_, _>>()?,
        lanes: part.lanes().into_iter().flatten().map(lane).collect::<Result<_, _>>()?,
    })
}

fn check_number(part: u32, parts: u32) -> Result<(), DecodeError> {
    if part < parts { Ok(()) } else { Err(DecodeError::malformed(format!("part {part} of {parts}"))) }
}

/// Unlike in a directory, a stream of an unknown kind is not passed over: a state without it is another.
fn stream(stream: fb::CheckpointStream<'_>) -> Result<CheckpointStream, DecodeError> {
    let (key, watermark) = status::watermark(field::required("streams.watermark", stream.watermark())?)?;
    Ok(CheckpointStream {
        key,
        watermark,
        flags: Flags(stream.flags()),
        is_cut: stream.is_cut(),
        window: status::nested(stream.window()),
        targets: stream.targets().into_iter().flatten().map(target).collect::<Result<_, _>>()?,
    })
}

fn target(target: fb::CheckpointTarget<'_>) -> Result<CheckpointTarget, DecodeError> {
    let forming = |candle| {
        let candle = usable(vec![batch::candle(candle)])?.pop();
        let candle = field::required("targets.candle", candle)?;
        let (first_ts, last_ts) = (UnixMillis(target.first_ts_ms()), UnixMillis(target.last_ts_ms()));
        Ok::<_, DecodeError>(CheckpointForming { candle, first_ts, last_ts })
    };
    Ok(CheckpointTarget {
        interval: field::required("targets.interval", target.interval())?.parse()?,
        forming: target.candle().map(forming).transpose()?,
        closed_until: target.has_closed_until().then(|| UnixMillis(target.closed_until_ms())),
        is_partial: target.is_partial(),
        late_rows: target.late_rows(),
        flags: Flags(target.flags()),
    })
}

fn lane(lane: fb::CheckpointLane<'_>) -> Result<CheckpointLane, DecodeError> {
    let pending: Vec<CheckpointClosed> =
        lane.pending().into_iter().flatten().map(closed).collect::<Result<_, _>>()?;
    let mut last = lane.seen();
    for closed in &pending {
        if closed.position.0 <= last {
            return Err(DecodeError::malformed(format!(
                "lanes.pending: position {} does not follow {last}",
                closed.position
            )));
        }
        last = closed.position.0;
    }
    Ok(CheckpointLane { key: field::candles_key(lane.key())?, seen: lane.seen(), pending })
}

fn closed(closed: fb::CheckpointClosed<'_>) -> Result<CheckpointClosed, DecodeError> {
    let candles = usable(batch::candles(closed.candles())?)?;
    if candles.is_empty() {
        return Err(DecodeError::missing("lanes.pending.candles"));
    }
    Ok(CheckpointClosed { position: Position(closed.position()), flags: Flags(closed.flags()), candles })
}

/// The same candles, as rows that a stream may hold.
fn usable(candles: Vec<Candle>) -> Result<Vec<Candle>, DecodeError> {
    let rows = Rows::Candles(candles);
    rows.validate()?;
    let Rows::Candles(candles) = rows else { return Ok(Vec::new()) };
    Ok(candles)
}
