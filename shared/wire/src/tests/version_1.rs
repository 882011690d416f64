//! What clients in the field read and write, with the frozen schema's own code.

use super::samples;
use crate::generated::v1;
use crate::*;
use flatbuffers::FlatBufferBuilder;
use gapless_model::{Rows, Seq, UnixMillis};

fn candle(row: v1::Candle<'_>) -> gapless_model::Candle {
    gapless_model::Candle {
        ts: UnixMillis(row.ts_ms()),
        open: row.open(),
        high: row.high(),
        low: row.low(),
        close: row.close(),
        volume: row.volume(),
    }
}

fn v1_key<'a>(builder: &mut FlatBufferBuilder<'a>) -> Option<flatbuffers::WIPOffset<v1::StreamKey<'a>>> {
    let args = v1::StreamKeyArgs {
        source_id: Some(builder.create_string("kraken")),
        symbol: Some(builder.create_string("BTC-USD")),
        interval: Some(builder.create_string("1m")),
    };
    Some(v1::StreamKey::create(builder, &args))
}

/// W2: an old reader compares `schema_version == 1` and finds every field of its own.
#[test]
fn a_version_1_reader_reads_todays_candle_batch() {
    let (_, message) = samples::version_2().into_iter().find(|(name, _)| *name == "candle_batch").unwrap();
    let bytes = encode_message(&message, "");
    let envelope = v1::root_as_envelope(&bytes).unwrap();
    assert_eq!(envelope.schema_version(), 1);
    assert_eq!(envelope.type_hint(), v1::MessageType::CANDLE_BATCH);
    let batch = envelope.message_as_candle_batch().unwrap();
    let key = batch.key().unwrap();
    assert_eq!(
        (key.source_id(), key.symbol(), key.interval()),
        (Some("kraken"), Some("BTC-USD"), Some("1m"))
    );
    assert_eq!(batch.start_sequence(), 41);
    let rows: Vec<_> = batch.candles().unwrap().iter().map(candle).collect();
    assert_eq!(rows, samples::rows());
}

/// W18: old readers skip it, because it holds no candles.
#[test]
fn a_version_1_reader_finds_a_watermark_empty() {
    let (_, message) =
        samples::version_2().into_iter().find(|(name, _)| *name == "candle_watermark").unwrap();
    let bytes = encode_message(&message, "");
    let envelope = v1::root_as_envelope(&bytes).unwrap();
    let batch = envelope.message_as_candle_batch().unwrap();
    assert_eq!((envelope.schema_version(), batch.start_sequence()), (1, 41));
    assert!(batch.candles().is_none_or(|candles| candles.is_empty()));
}

/// W13: the answer to a paged request in an old reader's eyes.
#[test]
fn a_version_1_reader_pages_through_todays_backfill_response() {
    let name = "backfill_candles_response";
    let (_, message) = samples::version_2().into_iter().find(|(other, _)| *other == name).unwrap();
    let bytes = encode_message(&message, "id-7");
    let envelope = v1::root_as_envelope(&bytes).unwrap();
    assert_eq!((envelope.schema_version(), envelope.correlation_id()), (1, Some("id-7")));
    let response = envelope.message_as_backfill_candles_response().unwrap();
    assert_eq!((response.start_sequence(), response.has_more(), response.next_sequence()), (41, true, 42));
    assert_eq!(response.candles().unwrap().iter().map(candle).collect::<Vec<_>>(), samples::rows());
}

/// W2: every message of version 1 says 1, also with fields of version 2 in it.
#[test]
fn answers_to_old_clients_say_version_1() {
    for (name, message) in samples::version_1() {
        let bytes = encode_message(&message, "");
        assert_eq!(v1::root_as_envelope(&bytes).unwrap().schema_version(), 1, "{name}");
    }
    let error = DecodeError::UnknownType { tag: 99 }.to_response();
    let bytes = encode_message(&Message::Error(error), "7");
    let envelope = v1::root_as_envelope(&bytes).unwrap();
    assert_eq!(envelope.type_hint(), v1::MessageType::ERROR_RESPONSE);
    assert_eq!(envelope.message_as_error_response().unwrap().code(), 400);
}

/// W7: the union's tag decides; the hint is not looked at, since old clients leave it at its default.
#[test]
fn an_old_clients_request_is_read_whatever_its_type_hint_says() {
    for type_hint in [v1::MessageType::NONE, v1::MessageType::CANDLE_BATCH, v1::MessageType(-5)] {
        let mut builder = FlatBufferBuilder::new();
        let key = v1_key(&mut builder);
        let args = v1::BackfillCandlesRequestArgs {
            key,
            has_from_sequence: true,
            from_sequence_exclusive: 0,
            limit: 10_000,
            ..Default::default()
        };
        let message = Some(v1::BackfillCandlesRequest::create(&mut builder, &args).as_union_value());
        let message_type = v1::Message::BackfillCandlesRequest;
        let args = v1::EnvelopeArgs { type_hint, message_type, message, ..Default::default() };
        let envelope = v1::Envelope::create(&mut builder, &args);
        builder.finish(envelope, None);

        let read = decode(builder.finished_data(), &Limits::request()).unwrap();
        let Message::BackfillCandlesRequest(request) = read.message else { panic!("{read:?}") };
        assert_eq!((request.from_exclusive, request.limit), (Some(Seq(0)), 10_000));
        assert_eq!((request.to, request.epoch.is_stated()), (None, false));
    }
}

/// W1: a version 1 producer's candles are whole without a field of version 2.
#[test]
fn a_version_1_batch_states_nothing_of_version_2() {
    let Message::Batch(batch) = samples::version_1()[6].1.clone() else { panic!("not a batch") };
    assert!(!batch.epoch.is_stated());
    assert_eq!((batch.earliest, batch.digest.0, batch.flags.0), (Seq::NONE, 0, 0));
    assert!(matches!(batch.rows, Rows::Candles(rows) if rows.len() == 2));
}
