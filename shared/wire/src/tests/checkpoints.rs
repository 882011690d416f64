//! Any value of the checkpoint messages, and what is refused in them.

use super::samples;
use super::strategies::{bytes, candle, epoch, key, key_of, position, watermark};
use crate::*;
use gapless_model::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn target() -> impl Strategy<Value = CheckpointTarget> {
    let time = || any::<i64>().prop_map(UnixMillis);
    let forming = (candle(), time(), time()).prop_map(|(candle, first_ts, last_ts)| CheckpointForming {
        candle,
        first_ts,
        last_ts,
    });
    let interval = (1u32..100_000).prop_map(|seconds| Interval::from_seconds(seconds).unwrap());
    (interval, option::of(forming), option::of(time()), any::<bool>(), any::<u64>(), any::<u32>()).prop_map(
        |(interval, forming, closed_until, is_partial, late_rows, flags)| CheckpointTarget {
            interval,
            forming,
            closed_until,
            is_partial,
            late_rows,
            flags: Flags(flags),
        },
    )
}

fn stream() -> impl Strategy<Value = CheckpointStream> {
    let window = prop_oneof![Just(Vec::new()), bytes()];
    (key(), watermark(), any::<u32>(), any::<bool>(), window, vec(target(), 0..3)).prop_map(
        |(key, watermark, flags, is_cut, window, targets)| CheckpointStream {
            key,
            watermark,
            flags: Flags(flags),
            is_cut,
            window,
            targets,
        },
    )
}

fn lane() -> impl Strategy<Value = CheckpointLane> {
    let closed = (1u64..1000, any::<u32>(), vec(candle(), 1..4));
    (key_of(Kind::Candles), any::<u32>(), vec(closed, 0..4)).prop_map(|(key, seen, pending)| {
        let mut last = u64::from(seen);
        let pending = pending.into_iter().map(|(step, flags, candles)| {
            last += step;
            CheckpointClosed { position: Position(last), flags: Flags(flags), candles }
        });
        CheckpointLane { key, seen: u64::from(seen), pending: pending.collect() }
    })
}

pub(super) fn messages() -> impl Strategy<Value = Message> {
    let number = (0u32..9, 1u32..9).prop_map(|(part, more)| (part, part + more));
    let request = (any::<u32>(), any::<u64>(), any::<u32>()).prop_map(|(partition, position, part)| {
        CheckpointRequest { partition, position: Position(position), part }
    });
    let response = (any::<u32>(), epoch(), position(), number.clone(), any::<u64>(), bytes()).prop_map(
        |(partition, epoch, position, (part, parts), streams, bytes)| CheckpointResponse {
            partition,
            epoch,
            position,
            part,
            parts,
            streams,
            bytes,
        },
    );
    let part = (any::<u32>(), epoch(), position(), number, vec(stream(), 0..4), vec(lane(), 0..3)).prop_map(
        |(partition, epoch, position, (part, parts), streams, lanes)| CheckpointPart {
            partition,
            epoch,
            position,
            part,
            parts,
            streams,
            lanes,
        },
    );
    prop_oneof![
        request.prop_map(Message::CheckpointRequest),
        response.prop_map(Message::CheckpointResponse),
        part.prop_map(Message::CheckpointPart),
    ]
}

fn refused(change: impl FnOnce(&mut CheckpointPart)) -> String {
    let mut part = samples::checkpoint_part();
    change(&mut part);
    let bytes = encode_message(&Message::CheckpointPart(part), "");
    decode(&bytes, &Limits::checkpoint()).unwrap_err().to_string()
}

/// W27: a state is taken whole or not at all, so nothing in it is passed over.
#[test]
fn a_part_with_something_unusable_is_refused() {
    assert!(refused(|part| part.part = 3).contains("part 3 of 3"));
    assert!(refused(|part| part.lanes[0].seen = 7).contains("position 7 does not follow 7"));
    assert!(refused(|part| part.lanes[0].pending.reverse()).contains("does not follow"));
    assert!(refused(|part| part.lanes[0].pending[0].candles.clear()).contains("candles is missing"));
    assert!(refused(|part| part.lanes[0].pending[0].candles[0].high = f64::NAN).contains("unusable rows"));
    let forming = |part: &mut CheckpointPart| {
        if let Some(forming) = &mut part.streams[0].targets[0].forming {
            forming.candle.low = f64::INFINITY;
        }
    };
    assert!(refused(forming).contains("unusable rows"));
}

/// W27: a part of the largest size is read, and one byte more is not.
#[test]
fn a_part_is_bounded() {
    let bytes = encode_message(&Message::CheckpointPart(samples::checkpoint_part()), "");
    assert!(decode(&bytes, &Limits::checkpoint()).is_ok());
    let error = decode(&vec![0; MAX_CHECKPOINT_PART_BYTES + 1], &Limits::checkpoint()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::TOO_LARGE);
}
