//! Rows of candles are followed here and not by the verifier: both must let the same bytes pass.

use crate::decode::batch::{candles, check_range};
use crate::decode::field::key_of;
use crate::generated::fb;
use crate::{BatchHeader, Encoder, Limits, decode_batch};
use gapless_model::{Batch, Candle, Flags, Kind, Rows, Seq, UnixMillis};
use proptest::prelude::*;

fn message(rows: u64) -> Vec<u8> {
    let candle = |seq: u64| Candle {
        // The first time and some volumes are defaults, which are left out: rows have three lists of fields.
        ts: UnixMillis(seq as i64 * 60_000),
        open: 10.0 + seq as f64,
        high: 12.5 + seq as f64,
        low: 0.0,
        close: 11.0,
        volume: if seq % 3 == 1 { 0.0 } else { 4.5 },
    };
    Encoder::new().batch(&batch((0..rows).map(candle).collect())).to_vec()
}

/// What the verifier and the generated code make of the rows.
fn by_the_verifier(bytes: &[u8]) -> Option<Rows> {
    let envelope = fb::root_as_envelope_with_opts(&Limits::live().verifier(bytes.len()), bytes).ok()?;
    let batch = envelope.message_as_candle_batch()?;
    key_of(Kind::Candles, batch.key()).ok()?;
    let rows = Rows::Candles(candles(batch.candles()).ok()?);
    check_range(Seq(batch.start_sequence()), rows.len()).ok()?;
    rows.validate().ok()?;
    (1..=2).contains(&envelope.schema_version()).then_some(rows)
}

fn both(bytes: &[u8]) -> bool {
    let own = decode_batch(bytes, &Limits::live()).ok().filter(|batch| batch.kind() == Kind::Candles);
    let header = BatchHeader::peek(bytes, &Limits::live());
    let rows = own.map(|batch| {
        let header = header.unwrap();
        assert_eq!((header.key.clone(), header.range()), (batch.key.clone(), batch.range()));
        assert_eq!(header.last_ts, batch.rows.last_ts());
        batch.rows
    });
    assert_eq!(rows, by_the_verifier(bytes));
    rows.is_some()
}

/// As the generated code alone would write it.
fn by_the_builder(batch: &Batch) -> Vec<u8> {
    let Rows::Candles(rows) = &batch.rows else { return Vec::new() };
    let mut builder = flatbuffers::FlatBufferBuilder::new();
    let candles: Vec<_> = rows
        .iter()
        .map(|row| {
            let Candle { ts, open, high, low, close, volume } = *row;
            let args = fb::CandleArgs { ts_ms: ts.0, open, high, low, close, volume };
            fb::Candle::create(&mut builder, &args)
        })
        .collect();
    builder.create_vector(&candles);
    builder.unfinished_data().to_vec()
}

proptest! {
    #[test]
    fn written_rows_are_read_as_they_were(
        numbers in prop::collection::vec((0..3i64, prop::sample::select(vec![0.0f64, -0.0, 1.5, 2.5])), 0..40),
    ) {
        let rows = numbers.iter().map(|(ts, value)| Candle {
            ts: UnixMillis(*ts), open: *value, high: 3.0, low: -0.0, close: *value, volume: *value,
        });
        let written = batch(rows.collect());
        let bytes = Encoder::new().batch(&written).to_vec();
        prop_assert!(both(&bytes));
        prop_assert_eq!(decode_batch(&bytes, &Limits::live()).unwrap(), written);
    }

    #[test]
    fn rows_without_defaults_are_the_bytes_that_the_builder_writes(count in 0..200usize) {
        let rows = (1..=count).map(|n| Candle { volume: n as f64, ..full() });
        let written = batch(rows.collect());
        let (own, expected) = (Encoder::new().batch(&written).to_vec(), by_the_builder(&written));
        prop_assert!(own.ends_with(&expected), "{} rows", count);
    }
}

fn full() -> Candle {
    Candle { ts: UnixMillis(1), open: 1.0, high: 2.0, low: 0.5, close: 1.0, volume: 1.5 }
}

fn batch(rows: Vec<Candle>) -> Batch {
    let key = "candles.me.X.1m".parse().unwrap();
    Batch { start: Seq(5), ..Batch::unsequenced(key, Flags::SIMULATED, Rows::Candles(rows)) }
}

#[test]
fn a_bit_that_is_wrong_is_wrong_for_both() {
    let mut bytes = message(4);
    assert!(both(&bytes));
    let mut passed = 0;
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        passed += usize::from(both(&bytes));
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!((100..bytes.len() * 8 - 100).contains(&passed), "{passed} of {} pass", bytes.len() * 8);
}

#[test]
fn a_batch_without_the_field_has_no_rows() {
    let mut builder = flatbuffers::FlatBufferBuilder::new();
    let parts = ["me", "X", "1m"].map(|part| Some(builder.create_string(part)));
    let [source_id, symbol, interval] = parts;
    let key = Some(fb::StreamKey::create(&mut builder, &fb::StreamKeyArgs { source_id, symbol, interval }));
    let args = fb::CandleBatchArgs { key, start_sequence: 7, ..fb::CandleBatchArgs::default() };
    let message = Some(fb::CandleBatch::create(&mut builder, &args).as_union_value());
    let message_type = fb::Message::CandleBatch;
    let args = fb::EnvelopeArgs { message_type, message, ..fb::EnvelopeArgs::default() };
    let envelope = fb::Envelope::create(&mut builder, &args);
    builder.finish(envelope, None);
    assert!(both(builder.finished_data()));
}

#[test]
fn offsets_that_lead_elsewhere_are_wrong_for_both() {
    let whole = message(5);
    for at in (0..whole.len() - 4).step_by(2) {
        for offset in [0, 1, 2, 4, 8, 24, 60, whole.len() as u32, i32::MAX as u32, u32::MAX - 3, u32::MAX] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
            both(&bytes);
        }
        both(&whole[..at]);
    }
}

#[test]
fn rows_that_are_one_and_the_same_table_are_bounded() {
    // Every offset of a full batch leads to one row: much is read of few bytes.
    let whole = message(10_000);
    let first = whole.windows(4).rposition(|four| four == 10_000u32.to_le_bytes()).unwrap() + 4;
    let target = first + u32::from_le_bytes(whole[first..first + 4].try_into().unwrap()) as usize;
    let mut bytes = whole.clone();
    for row in 0..10_000 {
        let at = first + row * 4;
        bytes[at..at + 4].copy_from_slice(&((target - at) as u32).to_le_bytes());
    }
    assert!(both(&bytes), "that is not forbidden where the message is as large as its rows");
}

proptest! {
    #[test]
    fn damage_is_the_same_for_both(
        rows in 0..6u64, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = message(rows);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        both(&bytes);
    }
}
