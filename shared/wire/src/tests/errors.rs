//! Every way to be refused, and what the sender is told.

use super::peek::unknown_type;
use super::samples;
use crate::generated::fb;
use crate::*;
use flatbuffers::FlatBufferBuilder;
use gapless_model::*;

fn refused(message: &Message) -> String {
    decode(&encode_message(message, ""), &Limits::reply()).unwrap_err().to_string()
}

fn refused_batch(batch: Batch) -> DecodeError {
    decode(&encode_message(&Message::Batch(batch), ""), &Limits::live()).unwrap_err()
}

/// W3: versions that are not spoken are named, with those that are.
#[test]
fn a_later_version_is_told_which_ones_are_spoken() {
    for found in [0, 3, u32::MAX] {
        let envelope =
            Envelope { schema_version: found, correlation_id: "id".into(), message: Message::HealthRequest };
        let bytes = encode(&envelope);
        let error = decode(&bytes, &Limits::request()).unwrap_err();
        assert_eq!(error, DecodeError::Version { found });
        assert_eq!((error.code(), peek_correlation_id(&bytes)), (ErrorCode::VERSION, "id"));

        let answer = encode_message(&Message::Error(error.into()), "id");
        let answer = fb::root_as_envelope(&answer).unwrap();
        let answer = answer.message_as_error_response().unwrap();
        assert_eq!((answer.code(), answer.min_version(), answer.max_version()), (426, 1, 2));
    }
}

/// W3, W15.
#[test]
fn an_unknown_type_is_a_bad_request_that_names_the_versions() {
    let error = decode(&unknown_type(77, "x"), &Limits::request()).unwrap_err();
    assert_eq!(error, DecodeError::UnknownType { tag: 77 });
    let response = error.to_response();
    assert_eq!(response.code, ErrorCode::MALFORMED);
    assert_eq!(response.message, "message type 77 is not known here: this side speaks versions 1 to 2");
}

/// W26: the limit of the socket holds before anything is read.
#[test]
fn a_message_over_the_limit_of_its_socket_is_too_large() {
    let bytes = vec![0; MAX_REQUEST_BYTES + 1];
    let error = decode(&bytes, &Limits::request()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::TOO_LARGE);
    assert_eq!(
        error.to_string(),
        "bytes of a message: 65537 is over the limit of 65536: send it in smaller parts"
    );
    assert_eq!(
        decode(&encode_message(&Message::HealthRequest, ""), &Limits::request().with_max_bytes(8))
            .unwrap_err()
            .code(),
        ErrorCode::TOO_LARGE
    );
}

/// W11: no sequence is computed that would wrap.
#[test]
fn rows_past_the_largest_sequence_are_refused() {
    let batch =
        |start, rows| Batch { start: Seq(start), ..samples::batch("candles.a.b.1m", Rows::Candles(rows)) };
    let two = samples::rows();
    assert!(matches!(refused_batch(batch(u64::MAX, two.clone())), DecodeError::Malformed { .. }));
    assert!(matches!(refused_batch(batch(u64::MAX - 1, two.clone())), DecodeError::Malformed { .. }));
    for (start, rows) in [(u64::MAX - 2, two), (u64::MAX, Vec::new())] {
        let whole = Message::Batch(batch(start, rows));
        assert_eq!(decode(&encode_message(&whole, ""), &Limits::live()).unwrap().message, whole);
    }
}

/// W11, in the answers of servers.
#[test]
fn answers_past_the_largest_sequence_or_position_are_refused() {
    for name in ["backfill_candles_response", "journal_read_response"] {
        let (_, mut message) = samples::version_2().into_iter().find(|(other, _)| *other == name).unwrap();
        match &mut message {
            Message::BackfillCandlesResponse(response) => response.start = Seq(u64::MAX - 1),
            Message::JournalReadResponse(response) => response.from = Position(u64::MAX),
            other => panic!("{other:?}"),
        }
        assert!(refused(&message).contains("would pass the largest"), "{name}");
    }
}

/// W16: the row that is wrong is named.
#[test]
fn a_row_that_no_chart_could_draw_is_named() {
    let mut rows = samples::rows();
    rows[1].close = f64::NAN;
    let error = refused_batch(samples::batch("candles.a.b.1m", Rows::Candles(rows)));
    assert!(matches!(&error, DecodeError::Rows(RowError::Row { row: 1, .. })), "{error}");
    assert_eq!(error.to_string(), "unusable rows: row 1: close is NaN, not a finite number");
    assert_eq!(error.code(), ErrorCode::MALFORMED);
}

/// W17: a batch has at most 10,000 rows, of one length in every column.
#[test]
fn batches_with_too_many_or_ragged_rows_are_refused() {
    let many = vec![samples::rows()[0]; MAX_ROWS_PER_BATCH + 1];
    let error = refused_batch(samples::batch("candles.a.b.1m", Rows::Candles(many)));
    assert_eq!(
        error,
        DecodeError::TooLarge { what: "rows in a batch", found: 10_001, limit: MAX_ROWS_PER_BATCH }
    );

    let columns: Vec<String> = (0..=MAX_COLUMNS).map(|column| column.to_string()).collect();
    let wide =
        MetricRows { values: vec![0.0; columns.len()], columns: columns.into(), ts: vec![UnixNanos(0)] };
    let error = refused_batch(samples::batch("metrics.a.b.1m", Rows::Metrics(wide)));
    assert_eq!(error.code(), ErrorCode::TOO_LARGE);

    let Rows::Metrics(mut ragged) = samples::metrics() else { panic!("not metrics") };
    ragged.values.pop();
    let error = refused_batch(samples::batch("metrics.a.b.1m", Rows::Metrics(ragged)));
    assert_eq!(error.to_string(), "malformed message: 3 values do not fill 2 rows of 2 columns");
}

/// W17.
#[test]
fn a_full_batch_is_not_too_many_rows() {
    let full = Batch {
        start: Seq(1),
        ..samples::batch("candles.a.b.1m", Rows::Candles(vec![samples::rows()[0]; MAX_ROWS_PER_BATCH]))
    };
    let bytes = encode_message(&Message::Batch(full.clone()), "");
    for limits in [Limits::live(), Limits::ingest(), Limits::reply()] {
        assert_eq!(decode_batch(&bytes, &limits).unwrap(), full);
    }
}

/// W17: columns of warnings have one length, and severities are those of the schema.
#[test]
fn warnings_with_missing_texts_or_unknown_severities_are_refused() {
    let build = |severities: &[u8], codes: &[&str]| {
        let mut builder = FlatBufferBuilder::new();
        let texts = |builder: &mut FlatBufferBuilder<'static>, texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| builder.create_string(text)).collect();
            Some(builder.create_vector(&texts))
        };
        let key = fb::StreamKeyArgs {
            source_id: Some(builder.create_string("a")),
            symbol: Some(builder.create_string("b")),
            interval: Some(builder.create_string("1m")),
        };
        let args = fb::WarningBatchArgs {
            key: Some(fb::StreamKey::create(&mut builder, &key)),
            ts_ns: Some(builder.create_vector(&[1i64, 2])),
            severity: Some(builder.create_vector(severities)),
            code: texts(&mut builder, codes),
            subject: texts(&mut builder, &["", ""]),
            message: texts(&mut builder, &["", ""]),
            ..Default::default()
        };
        let message = Some(fb::WarningBatch::create(&mut builder, &args).as_union_value());
        let args =
            fb::EnvelopeArgs { message_type: fb::Message::WarningBatch, message, ..Default::default() };
        let envelope = fb::Envelope::create(&mut builder, &args);
        builder.finish_minimal(envelope);
        decode_batch(builder.finished_data(), &Limits::live())
    };
    assert!(build(&[0, 2], &["a", "b"]).is_ok());
    let reason = |result: Result<Batch, DecodeError>| result.unwrap_err().to_string();
    assert_eq!(reason(build(&[0], &["a", "b"])), "malformed message: 1 of severity for 2 rows");
    assert_eq!(reason(build(&[0, 2], &["a"])), "malformed message: 1 of code for 2 rows");
    assert_eq!(reason(build(&[0, 3], &["a", "b"])), "malformed message: severity 3 is not known: use 0 to 2");
    assert!(reason(build(&[0, 2], &["a", ""])).contains("row 1: code is empty"));
}

/// W8: a key that a topic could not carry is refused with the reason.
#[test]
fn a_key_that_no_topic_could_carry_is_refused() {
    let mut bytes = encode_message(&Message::GetCursorRequest(samples::key("candles.abc.d.1m")), "");
    let at = bytes.windows(3).position(|window| window == b"abc").unwrap();
    bytes[at + 1] = b'.';
    let reason = decode(&bytes, &Limits::request()).unwrap_err().to_string();
    assert!(reason.contains("source_id \"a.c\" is not usable"), "{reason}");
}

/// W19: names of producers are short and printable; a batch cannot be missing.
#[test]
fn ingest_without_a_producer_or_a_batch_is_refused() {
    let batch = |producer_id: &str, batch: &[u8]| {
        Message::IngestBatch(IngestBatch {
            producer_id: producer_id.into(),
            producer_sequence: 1,
            previous_producer_sequence: 0,
            batch: batch.to_vec(),
            ack_may_wait: false,
        })
    };
    assert_eq!(refused(&batch("", b"x")), "malformed message: producer_id is missing");
    assert_eq!(refused(&batch("p", b"")), "malformed message: batch is missing");
    assert!(refused(&batch(&"p".repeat(129), b"x")).contains("1 to 128 printable"));
    assert!(refused(&batch("a\nb", b"x")).contains("1 to 128 printable"));
}

/// W23: a range that cannot be is no answer.
#[test]
fn a_backfill_answer_with_an_impossible_range_is_refused() {
    let (_, message) =
        samples::version_2().into_iter().find(|(name, _)| *name == "backfill_response").unwrap();
    let Message::BackfillResponse(response) = message else { panic!("not a response") };
    for (from, to) in [(5, 3), (1, u64::MAX)] {
        let wrong = BackfillResponse { served_from: Seq(from), served_to: Seq(to), ..response.clone() };
        assert!(refused(&Message::BackfillResponse(wrong)).contains("is not a range"));
    }
}

/// W3: streams of a kind that only a later version has are passed over, not half read.
#[test]
fn a_directory_with_an_unknown_kind_shows_the_others() {
    let mut builder = FlatBufferBuilder::new();
    let mut stream = |kind: u8, symbol: &str| {
        let key = fb::StreamKeyArgs {
            source_id: Some(builder.create_string("a")),
            symbol: Some(builder.create_string(symbol)),
            interval: Some(builder.create_string("1m")),
        };
        let key = Some(fb::StreamKey::create(&mut builder, &key));
        let args = fb::StreamStatusResponseArgs { key, kind: fb::Kind(kind), ..Default::default() };
        fb::StreamStatusResponse::create(&mut builder, &args)
    };
    let streams = [stream(0, "known"), stream(9, "unknown")];
    let streams = Some(builder.create_vector(&streams));
    let args = fb::ListStreamsResponseArgs { streams, has_more: true };
    let message = Some(fb::ListStreamsResponse::create(&mut builder, &args).as_union_value());
    let message_type = fb::Message::ListStreamsResponse;
    let args = fb::EnvelopeArgs { schema_version: 2, message_type, message, ..Default::default() };
    let envelope = fb::Envelope::create(&mut builder, &args);
    builder.finish_minimal(envelope);
    let envelope = decode(builder.finished_data(), &Limits::reply()).unwrap();
    let Message::ListStreamsResponse(response) = envelope.message else { panic!("{envelope:?}") };
    let symbols: Vec<_> = response.streams.iter().map(|status| status.key.symbol()).collect();
    assert_eq!((symbols, response.has_more), (vec!["known"], true));
}

/// W4: a reason never repeats much of what was sent.
#[test]
fn a_reason_is_short_whatever_was_sent() {
    let id = "€".repeat(40_000);
    let batch = Message::IngestBatch(IngestBatch {
        producer_id: id,
        producer_sequence: 1,
        previous_producer_sequence: 0,
        batch: vec![1],
        ack_may_wait: false,
    });
    let error = decode(&encode_message(&batch, ""), &Limits::ingest()).unwrap_err();
    assert!(error.to_response().message.len() < 400);
}

/// W25: a page of watermarks is the unit that every follower has room for.
#[test]
fn more_than_a_page_of_watermarks_is_too_large() {
    let mark = Watermark {
        epoch: Epoch(1),
        earliest: Seq(1),
        latest: Seq(1),
        latest_ts: UnixNanos(1),
        digest: Digest(1),
    };
    let batch = |streams: usize| {
        let key = |stream| samples::key(&format!("candles.a.symbol-{stream}.1m"));
        let watermarks = (0..streams).map(|stream| (key(stream), mark)).collect();
        Message::WatermarkBatch(WatermarkBatch { watermarks, server_time: UnixMillis(0) })
    };
    let full = encode_message(&batch(MAX_WATERMARKS_PER_MESSAGE), "");
    assert!(decode(&full, &Limits::live()).is_ok());
    let error = decode(&encode_message(&batch(MAX_WATERMARKS_PER_MESSAGE + 1), ""), &Limits::live());
    assert_eq!(error.unwrap_err().code(), ErrorCode::TOO_LARGE);
}

/// W26: the limits of a socket leave room for every message that is spoken there.
#[test]
fn every_message_fits_the_limits_of_its_socket() {
    for (name, message) in samples::version_2() {
        let bytes = encode_message(&message, "id");
        let limits = match &message {
            Message::Batch(_) | Message::WatermarkBatch(_) | Message::JournalRecord(_) => {
                vec![Limits::live()]
            }
            Message::JournalStatusResponse(_) => vec![Limits::live(), Limits::reply()],
            Message::IngestBatch(_) => vec![Limits::ingest()],
            Message::ProducerStatusRequest(_) => vec![Limits::request(), Limits::ingest()],
            _ if name.contains("request") => vec![Limits::request()],
            _ => vec![Limits::reply()],
        };
        for limits in limits {
            assert_eq!(
                decode(&bytes, &limits).map(|envelope| envelope.message).as_ref(),
                Ok(&message),
                "{name}"
            );
        }
    }
}

/// W26: a thousand streams, each with a short history, are one page of the directory.
#[test]
fn a_page_of_the_directory_fits_a_reply() {
    let (_, message) =
        samples::version_2().into_iter().find(|(name, _)| *name == "list_streams_response").unwrap();
    let Message::ListStreamsResponse(page) = message else { panic!("not a page") };
    let streams = vec![page.streams[0].clone(); 1000];
    let bytes = encode_message(&Message::ListStreamsResponse(ListStreamsResponse { streams, ..page }), "");
    assert!(bytes.len() < MAX_MESSAGE_BYTES / 50, "{} bytes", bytes.len());
    assert!(decode(&bytes, &Limits::reply()).is_ok());
}
