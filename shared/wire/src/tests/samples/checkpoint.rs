//! Messages and parts of checkpoints.

use super::*;

/// Bars in the making of one stream, and what waits for ingestion of another.
pub(in crate::tests) fn checkpoint_part() -> CheckpointPart {
    let forming = CheckpointForming {
        candle: rows()[0],
        first_ts: UnixMillis(1_640_991_660_000),
        last_ts: UnixMillis(1_640_991_720_000),
    };
    let target = |interval: &str, forming: Option<CheckpointForming>| CheckpointTarget {
        interval: interval.parse().unwrap(),
        forming,
        closed_until: forming.map(|_| UnixMillis(1_640_991_600_000)),
        is_partial: forming.is_none(),
        late_rows: 2,
        flags: Flags::SIMULATED,
    };
    let window = batch("candles.kraken.BTC-USD.1m", Rows::Candles(rows()));
    let closed = |position| CheckpointClosed {
        position: Position(position),
        flags: Flags::SIMULATED,
        candles: rows(),
    };
    CheckpointPart {
        partition: 0,
        epoch: Epoch(1_700_000_000_000),
        position: Position(9),
        part: 1,
        parts: 3,
        streams: vec![CheckpointStream {
            key: candles(),
            watermark: watermark(),
            flags: Flags::SIMULATED,
            is_cut: true,
            window: encode_message(&Message::Batch(window), ""),
            targets: vec![target("5m", Some(forming)), target("1h", None)],
        }],
        lanes: vec![CheckpointLane {
            key: key("candles.kraken.BTC-USD.5m"),
            seen: 4,
            pending: vec![closed(7), closed(9)],
        }],
    }
}

pub(super) fn version_2_checkpoint() -> Vec<(&'static str, Message)> {
    let part = checkpoint_part();
    let response = CheckpointResponse {
        partition: 0,
        epoch: part.epoch,
        position: part.position,
        part: part.part,
        parts: part.parts,
        streams: 3,
        bytes: encode_message(&Message::CheckpointPart(part.clone()), ""),
    };
    let request = CheckpointRequest { partition: 0, position: part.position, part: 1 };
    vec![
        ("checkpoint_request", Message::CheckpointRequest(request)),
        ("checkpoint_response", Message::CheckpointResponse(response)),
        ("checkpoint_part", Message::CheckpointPart(part)),
    ]
}
