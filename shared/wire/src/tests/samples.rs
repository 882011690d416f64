//! One telling value of every message; the golden files hold exactly these.

mod checkpoint;

use crate::*;
pub(super) use checkpoint::checkpoint_part;
use checkpoint::version_2_checkpoint;
use gapless_model::*;

pub(super) fn key(topic: &str) -> StreamKey {
    topic.parse().unwrap()
}

fn candles() -> StreamKey {
    key("candles.kraken.BTC-USD.1m")
}

pub(super) fn rows() -> Vec<Candle> {
    vec![
        Candle {
            ts: UnixMillis(1_640_991_660_000),
            open: 46319.0,
            high: 46385.0,
            low: 46319.0,
            close: 46377.0,
            volume: 2300413.7295,
        },
        Candle {
            ts: UnixMillis(1_640_991_720_000),
            open: 46377.0,
            high: 46377.5,
            low: 46300.25,
            close: 46301.0,
            volume: 0.0,
        },
    ]
}

pub(super) fn batch(topic: &str, rows: Rows) -> Batch {
    Batch {
        key: key(topic),
        epoch: Epoch(1_700_000_000_000),
        start: Seq(41),
        flags: Flags::SIMULATED,
        ts_publish_us: 1_700_000_123_456_789,
        earliest: Seq(7),
        digest: Digest(0xfedc_ba98_7654_3210),
        rows,
    }
}

/// A batch that says no more than version 1 can.
pub(super) fn version_1_batch() -> Batch {
    Batch { start: Seq(41), ..Batch::unsequenced(candles(), Flags::NONE, Rows::Candles(rows())) }
}

pub(super) fn metrics() -> Rows {
    Rows::Metrics(MetricRows {
        columns: ["user".to_owned(), "system".to_owned()].into(),
        ts: vec![UnixNanos(1_700_000_000_000_000_001), UnixNanos(1_700_000_001_000_000_001)],
        values: vec![0.25, f64::NAN, -0.0, 12345.678],
    })
}

pub(super) fn warnings() -> Rows {
    let warning = |severity, subject: &str| Warning {
        ts: UnixNanos(1_700_000_000_000_000_003),
        severity,
        code: "disk_full".into(),
        subject: subject.into(),
        message: "no space — 0 bytes left".into(),
    };
    Rows::Warnings(vec![warning(Severity::Error, "journal"), warning(Severity::Info, "")])
}

fn watermark() -> Watermark {
    Watermark {
        epoch: Epoch(1_700_000_000_000),
        earliest: Seq(7),
        latest: Seq(42),
        latest_ts: UnixNanos(1_700_000_001_000_000_001),
        digest: Digest(99),
    }
}

fn epochs() -> Vec<EpochStart> {
    vec![
        EpochStart { epoch: Epoch(1_600_000_000_000), first_sequence: Seq(1) },
        EpochStart { epoch: Epoch(1_700_000_000_000), first_sequence: Seq(40) },
    ]
}

fn status() -> StreamStatus {
    StreamStatus {
        key: key("metrics.host.cpu-0.1s"),
        watermark: watermark(),
        server_time: UnixMillis(1_700_000_002_000),
        epochs: epochs(),
    }
}

fn cursor() -> StreamStatus {
    StreamStatus {
        key: candles(),
        watermark: Watermark { latest_ts: UnixMillis(1_640_991_720_000).to_nanos(), ..watermark() },
        server_time: UnixMillis(1_700_000_002_000),
        epochs: Vec::new(),
    }
}

fn version_1_cursor() -> StreamStatus {
    let latest_ts = UnixMillis(1_640_991_720_000).to_nanos();
    StreamStatus {
        watermark: Watermark {
            epoch: Epoch::UNSTATED,
            earliest: Seq::NONE,
            latest: Seq(42),
            latest_ts,
            digest: Digest(0),
        },
        server_time: UnixMillis(0),
        ..cursor()
    }
}

fn error(retry_after_ms: u32) -> ErrorResponse {
    ErrorResponse { code: ErrorCode::BUSY, message: "busy: try again".into(), retry_after_ms }
}

fn record() -> JournalRecord {
    JournalRecord {
        partition: 0,
        position: Position(9),
        epoch: Epoch(1_700_000_000_000),
        producer_id: "replay-1".into(),
        producer_sequence: 3,
        content_hash: 0x0123_4567_89ab_cdef,
        batch: encode_message(&Message::Batch(version_1_batch()), ""),
    }
}

fn candles_request() -> BackfillCandlesRequest {
    BackfillCandlesRequest {
        key: candles(),
        from_exclusive: Some(Seq(40)),
        end_ts: Some(UnixMillis(1_640_991_720_000)),
        limit: 500,
        to: None,
        epoch: Epoch::UNSTATED,
    }
}

fn candles_response() -> BackfillCandlesResponse {
    BackfillCandlesResponse {
        key: candles(),
        start: Seq(41),
        candles: rows(),
        has_more: true,
        next: Seq(42),
        epoch: Epoch::UNSTATED,
        earliest: Seq::NONE,
        latest: Seq::NONE,
        digest: Digest(0),
    }
}

/// Every message as version 1 spoke it, by the name of its golden file.
pub(super) fn version_1() -> Vec<(&'static str, Message)> {
    vec![
        ("health_request", Message::HealthRequest),
        ("health_response", Message::HealthResponse(Health { ok: true, message: "ready".into() })),
        ("get_cursor_request", Message::GetCursorRequest(candles())),
        ("get_cursor_response", Message::GetCursorResponse(version_1_cursor())),
        (
            "subscribe_candles_request",
            Message::SubscribeCandlesRequest(SubscribeCandlesRequest {
                key: candles(),
                from_exclusive: Some(Seq(0)),
            }),
        ),
        (
            "subscribe_candles_ack",
            Message::SubscribeCandlesAck(SubscribeCandlesAck {
                accepted: true,
                reason: String::new(),
                key: candles(),
                latest: Seq(42),
            }),
        ),
        ("candle_batch", Message::Batch(version_1_batch())),
        (
            "candle_batch_empty",
            Message::Batch(Batch {
                start: Seq(43),
                ..Batch::unsequenced(candles(), Flags::NONE, Rows::empty(Kind::Candles))
            }),
        ),
        ("backfill_candles_request", Message::BackfillCandlesRequest(candles_request())),
        ("backfill_candles_response", Message::BackfillCandlesResponse(candles_response())),
        ("error_response", Message::Error(error(0))),
    ]
}

/// Every message as version 2 speaks it, by the name of its golden file.
pub(super) fn version_2() -> Vec<(&'static str, Message)> {
    let mut all = version_2_of_version_1();
    all.extend(version_2_streams());
    all.extend(version_2_journal());
    all.extend(version_2_checkpoint());
    all
}

/// Messages of version 1 with the fields that version 2 appended.
fn version_2_of_version_1() -> Vec<(&'static str, Message)> {
    vec![
        ("health_request", Message::HealthRequest),
        ("health_response", Message::HealthResponse(Health { ok: false, message: "starting".into() })),
        ("get_cursor_request", Message::GetCursorRequest(candles())),
        ("get_cursor_response", Message::GetCursorResponse(cursor())),
        (
            "subscribe_candles_request",
            Message::SubscribeCandlesRequest(SubscribeCandlesRequest {
                key: candles(),
                from_exclusive: None,
            }),
        ),
        (
            "subscribe_candles_ack",
            Message::SubscribeCandlesAck(SubscribeCandlesAck {
                accepted: false,
                reason: "unknown stream".into(),
                key: candles(),
                latest: Seq::NONE,
            }),
        ),
        ("candle_batch", Message::Batch(batch("candles.kraken.BTC-USD.1m", Rows::Candles(rows())))),
        ("candle_watermark", Message::Batch(batch("candles.kraken.BTC-USD.1m", Rows::empty(Kind::Candles)))),
        (
            "backfill_candles_request",
            Message::BackfillCandlesRequest(BackfillCandlesRequest {
                to: Some(Seq(90)),
                epoch: Epoch(1_700_000_000_000),
                ..candles_request()
            }),
        ),
        (
            "backfill_candles_response",
            Message::BackfillCandlesResponse(BackfillCandlesResponse {
                epoch: Epoch(1_700_000_000_000),
                earliest: Seq(7),
                latest: Seq(900),
                digest: Digest(u64::MAX),
                ..candles_response()
            }),
        ),
        ("error_response", Message::Error(error(250))),
    ]
}

fn version_2_streams() -> Vec<(&'static str, Message)> {
    let page = PageRequest { prefix: "metrics.".into(), after: "metrics.host.cpu-0.1s".into(), limit: 100 };
    let nested = encode_message(&Message::Batch(batch("metrics.host.cpu-0.1s", metrics())), "");
    let state = StreamState {
        key: key("metrics.host.cpu-0.1s"),
        watermark: watermark(),
        window: nested.clone(),
        forming: Vec::new(),
    };
    vec![
        ("metric_batch", Message::Batch(batch("metrics.host.cpu-0.1s", metrics()))),
        ("metric_watermark", Message::Batch(batch("metrics.host.cpu-0.1s", Rows::empty(Kind::Metrics)))),
        ("warning_batch", Message::Batch(batch("warnings.gapless.journal.1s", warnings()))),
        ("stream_status_request", Message::StreamStatusRequest(key("warnings.gapless.journal.1s"))),
        ("stream_status_response", Message::StreamStatusResponse(status())),
        ("list_streams_request", Message::ListStreamsRequest(page.clone())),
        (
            "list_streams_response",
            Message::ListStreamsResponse(ListStreamsResponse { streams: vec![status()], has_more: true }),
        ),
        (
            "backfill_request",
            Message::BackfillRequest(BackfillRequest {
                key: key("metrics.host.cpu-0.1s"),
                epoch: Epoch(1_700_000_000_000),
                from_exclusive: Seq(40),
                to: Seq(42),
                start_ts: Some(UnixNanos(0)),
                end_ts: Some(UnixNanos(1_700_000_001_000_000_001)),
                limit: 1000,
                max_bytes: 1 << 20,
            }),
        ),
        (
            "backfill_response",
            Message::BackfillResponse(BackfillResponse {
                key: key("metrics.host.cpu-0.1s"),
                asked_from_exclusive: Seq(40),
                asked_to: Seq(0),
                served_from: Seq(41),
                served_to: Seq(42),
                earliest: Seq(7),
                latest: Seq(42),
                epoch: Epoch(1_700_000_000_000),
                has_more: false,
                digest: Digest(5),
                batches: vec![nested],
            }),
        ),
        (
            "watermark_batch",
            Message::WatermarkBatch(WatermarkBatch {
                watermarks: vec![(key("metrics.host.cpu-0.1s"), watermark()), (candles(), watermark())],
                server_time: UnixMillis(1_700_000_002_000),
            }),
        ),
        ("state_request", Message::StateRequest(page)),
        (
            "state_response",
            Message::StateResponse(StateResponse {
                partition: 0,
                epoch: Epoch(1_700_000_000_000),
                position: Position(9),
                streams: vec![state],
                has_more: true,
            }),
        ),
    ]
}

fn version_2_journal() -> Vec<(&'static str, Message)> {
    vec![
        (
            "ingest_batch",
            Message::IngestBatch(IngestBatch {
                producer_id: "replay-1".into(),
                producer_sequence: 3,
                previous_producer_sequence: 1,
                batch: encode_message(&Message::Batch(version_1_batch()), ""),
                ack_may_wait: false,
            }),
        ),
        (
            "ingest_ack",
            Message::IngestAck(IngestAck {
                producer_sequence: 3,
                partition: 0,
                position: Position(9),
                epoch: Epoch(1_700_000_000_000),
                first: Seq(41),
                last: Seq(42),
                durability: Durability::Synced,
                duplicate: true,
            }),
        ),
        (
            "ingest_nack",
            Message::IngestNack(IngestNack {
                producer_sequence: 3,
                error: ErrorResponse { code: ErrorCode::CONFLICT, ..error(20) },
                expected_previous: 1,
            }),
        ),
        (
            "producer_status_request",
            Message::ProducerStatusRequest(ProducerStatusRequest {
                producer_id: "replay-1".into(),
                key: candles(),
            }),
        ),
        (
            "producer_status_response",
            Message::ProducerStatusResponse(ProducerStatusResponse {
                producer_id: "replay-1".into(),
                key: candles(),
                last_producer_sequence: 3,
                latest: Seq(42),
            }),
        ),
        ("journal_record", Message::JournalRecord(record())),
        (
            "journal_read_request",
            Message::JournalReadRequest(JournalReadRequest {
                partition: 0,
                from: Position(9),
                max_bytes: 1 << 20,
                follower_id: "backfill".into(),
                acknowledged: Position(8),
                acknowledged_epoch: Epoch::UNSTATED,
            }),
        ),
        (
            "journal_read_request_in_epoch",
            Message::JournalReadRequest(JournalReadRequest {
                partition: 0,
                from: Position(9),
                max_bytes: 1 << 20,
                follower_id: "backfill".into(),
                acknowledged: Position(8),
                acknowledged_epoch: Epoch(1_700_000_000_000),
            }),
        ),
        (
            "journal_read_response",
            Message::JournalReadResponse(JournalReadResponse {
                partition: 0,
                epoch: Epoch(1_700_000_000_000),
                from: Position(9),
                earliest: Position(2),
                latest: Position(9),
                records: vec![encode_message(&Message::JournalRecord(record()), "")],
            }),
        ),
        (
            "journal_status_request",
            Message::JournalStatusRequest(JournalStatusRequest {
                partition: 0,
                follower_id: "backfill".into(),
                acknowledged: Position(8),
                with_streams: true,
                acknowledged_epoch: Epoch::UNSTATED,
            }),
        ),
        (
            "journal_status_request_in_epoch",
            Message::JournalStatusRequest(JournalStatusRequest {
                partition: 0,
                follower_id: "backfill".into(),
                acknowledged: Position(8),
                with_streams: false,
                acknowledged_epoch: Epoch(1_700_000_000_000),
            }),
        ),
        (
            "journal_status_response",
            Message::JournalStatusResponse(JournalStatusResponse {
                partition: 0,
                epoch: Epoch(1_700_000_000_000),
                earliest: Position(2),
                latest: Position(9),
                epochs: epochs(),
                streams: vec![status()],
                server_time: UnixMillis(1_700_000_002_000),
            }),
        ),
    ]
}
