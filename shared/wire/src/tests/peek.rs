use super::{samples, strategies};
use crate::generated::fb;
use crate::*;
use gapless_model::{Batch, Rows, Seq, UnixNanos};
use proptest::prelude::*;

proptest! {
    /// The header is what decoding the whole batch would say.
    #[test]
    fn a_header_agrees_with_its_batch(batch in strategies::batch()) {
        let bytes = Encoder::new().batch(&batch).to_vec();
        let header = BatchHeader::peek(&bytes, &Limits::live()).unwrap();
        prop_assert_eq!(header.range(), batch.range());
        prop_assert_eq!(header.last_ts, batch.rows.last_ts());
        prop_assert_eq!(
            (header.key, header.epoch, header.start, header.rows, header.flags, header.ts_publish_us, header.earliest, header.digest),
            (batch.key.clone(), batch.epoch, batch.start, batch.rows.len(), batch.flags, batch.ts_publish_us, batch.earliest, batch.digest)
        );
    }
}

/// W3: the id comes back on the error, whatever is wrong with the rest.
#[test]
fn the_correlation_id_survives_an_unknown_type_and_a_broken_message() {
    let unknown = unknown_type(200, "abc");
    assert_eq!(decode(&unknown, &Limits::request()), Err(DecodeError::UnknownType { tag: 200 }));
    assert_eq!(peek_correlation_id(&unknown), "abc");

    let mut broken = encode_message(&Message::GetCursorRequest(samples::key("candles.a.b.1m")), "abc");
    let name = broken.windows(2).position(|window| window == b"1m").unwrap();
    broken[name] = b'.';
    assert!(matches!(decode(&broken, &Limits::request()), Err(DecodeError::Malformed { .. })));
    assert_eq!(peek_correlation_id(&broken), "abc");
}

#[test]
fn no_correlation_id_is_an_empty_one() {
    assert_eq!(peek_correlation_id(&encode_message(&Message::HealthRequest, "")), "");
    assert_eq!(peek_correlation_id(b"no envelope at all"), "");
    assert_eq!(peek_correlation_id(b""), "");
    let endless = encode_message(&Message::HealthRequest, &"x".repeat(MAX_CORRELATION_ID_BYTES + 1));
    assert_eq!(peek_correlation_id(&endless), "");
}

#[test]
fn a_batch_is_asked_for_and_something_else_came() {
    let health = encode_message(&Message::HealthRequest, "");
    let reason = decode_batch(&health, &Limits::live()).unwrap_err().to_string();
    assert_eq!(reason, "malformed message: a batch is needed here, not HealthRequest");
    assert_eq!(BatchHeader::peek(&health, &Limits::live()).unwrap_err().to_string(), reason);
    assert!(JournalRecordView::parse(&health, &Limits::live()).is_err());
    let unknown = unknown_type(200, "");
    assert_eq!(decode_batch(&unknown, &Limits::live()), Err(DecodeError::UnknownType { tag: 200 }));
}

/// W18: an empty batch is a watermark: its start is the next sequence, and it has no time.
#[test]
fn a_watermark_has_no_rows_and_says_what_comes_next() {
    for kind in gapless_model::Kind::ALL {
        let topic = format!("{kind}.a.b.1m");
        let batch = Batch { start: Seq(43), ..samples::batch(&topic, Rows::empty(kind)) };
        let header = BatchHeader::peek(Encoder::new().batch(&batch), &Limits::live()).unwrap();
        assert_eq!((header.rows, header.range().end(), header.last_ts), (0, Seq(43), None::<UnixNanos>));
    }
}

/// An envelope of a message that only a later version knows.
pub(super) fn unknown_type(tag: u8, correlation_id: &str) -> Vec<u8> {
    let mut builder = flatbuffers::FlatBufferBuilder::new();
    let correlation_id = Some(builder.create_string(correlation_id));
    let message = Some(fb::HealthRequest::create(&mut builder, &fb::HealthRequestArgs {}).as_union_value());
    let args = fb::EnvelopeArgs {
        schema_version: 2,
        correlation_id,
        message_type: fb::Message(tag),
        message,
        ..Default::default()
    };
    let envelope = fb::Envelope::create(&mut builder, &args);
    builder.finish_minimal(envelope);
    builder.finished_data().to_vec()
}
