use super::client::{CANDLES, METRICS, NDJSON, ROW, connect, head, post, read, start};
use crate::Refusal;
use crate::http::{HttpServer, MAX_BODY_BYTES};
use crate::sources::fake_journal::FakeJournal;
use flate2::Compression;
use flate2::write::GzEncoder;
use gapless_model::{Batch, Flags, MAX_ROWS_PER_BATCH, Rows};
use gapless_wire::{Message, encode_message};
use std::io::Write;

#[test]
fn a_wrong_row_is_named_and_nothing_of_the_body_is_taken() {
    let (server, journal) = start();
    let body = format!("{ROW}\n{}", ROW.replace("\"high\":2", "\"high\":0"));
    let reply = post(&server, CANDLES, &[NDJSON], body);
    reply.refused(400, "high 0 is below another price");
    assert_eq!(reply.body["row"], 3);
    let csv = [("content-type", "text/csv")];
    assert_eq!(post(&server, METRICS, &csv, "ts,a\n1,2\nnoon,3\n").body["row"], 3);
    let json = [("content-type", "application/json")];
    assert_eq!(post(&server, METRICS, &json, "[{\"ts\":1,\"a\":1},{\"ts\":2,\"b\":1}]").body["row"], 2);
    post(&server, METRICS, &json, "[]").refused(400, "no rows");
    post(&server, METRICS, &[NDJSON], "").refused(400, "no rows");
    assert!(journal.keys().is_empty());
}

#[test]
fn a_broken_or_foreign_flatbuffer_is_refused() {
    let (server, _journal) = start();
    let binary = [("content-type", "application/vnd.gapless.batch+flatbuffers")];
    post(&server, CANDLES, &binary, b"\x10\0\0\0nonsense").refused(400, "");
    post(&server, CANDLES, &binary, encode_message(&Message::HealthRequest, "")).refused(400, "");
    let foreign = Batch::unsequenced("candles.s.Y.1m".parse().unwrap(), Flags::NONE, Rows::Candles(vec![]));
    post(&server, CANDLES, &binary, encode_message(&Message::Batch(foreign), ""))
        .refused(400, "but the path names candles.s.X.1m");
    let empty = Batch::unsequenced("candles.s.X.1m".parse().unwrap(), Flags::NONE, Rows::Candles(vec![]));
    post(&server, CANDLES, &binary, encode_message(&Message::Batch(empty), "")).refused(400, "no rows");
}

#[test]
fn paths_and_methods_that_are_not_there_say_what_is() {
    let (server, _journal) = start();
    post(&server, "/", &[NDJSON], ROW).refused(404, "/v1/ingest/{kind}/{source_id}/{symbol}/{interval}");
    post(&server, "/v1/ingest/candles/s/X", &[NDJSON], ROW).refused(404, "/v1/ingest");
    post(&server, "/v1/ingest/trades/s/X/1m", &[NDJSON], ROW)
        .refused(404, "use candles, metrics or warnings");
    post(&server, "/v1/ingest/candles/s/X/fast", &[NDJSON], ROW).refused(400, "interval");
    post(&server, "/v1/ingest/candles/s/a.b/1m", &[NDJSON], ROW).refused(400, "symbol");
    post(&server, "/v1/ingest/candles/s/%ff/1m", &[NDJSON], ROW).refused(400, "");
    let mut stream = connect(server.address());
    write!(stream, "GET {CANDLES} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").unwrap();
    let reply = read(stream);
    reply.refused(405, "POST");
    assert!(reply.head.contains("allow: post"), "{}", reply.head);
}

#[test]
fn unknown_types_and_encodings_name_those_that_are_known() {
    let (server, _journal) = start();
    post(&server, CANDLES, &[], ROW).refused(415, "application/x-ndjson, application/json, text/csv");
    post(&server, CANDLES, &[("content-type", "text/xml")], ROW).refused(415, "\"text/xml\" is not known");
    post(&server, CANDLES, &[NDJSON, ("content-encoding", "br")], ROW).refused(415, "gzip, zstd");
}

#[test]
fn headers_and_queries_that_make_no_sense_are_refused() {
    let (server, _journal) = start();
    let id = ("gapless-producer-id", "p");
    let sequence = |n| ("gapless-producer-sequence", n);
    for (headers, message) in [
        (vec![id], "needs gapless-producer-sequence"),
        (vec![sequence("1")], "needs gapless-producer-id"),
        (vec![id, sequence("0")], "counts from 1"),
        (vec![id, sequence("-1")], "whole number"),
        (vec![id, sequence("18446744073709551616")], "whole number"),
        (vec![id, sequence("3"), ("gapless-producer-previous", "3")], "not below"),
        (vec![id, sequence("1"), ("idempotency-key", "k")], "exclude each other"),
        (vec![id, id, sequence("1")], "there twice"),
        (vec![("gapless-producer-id", "two words"), sequence("1")], "1 to 128 printable"),
        (vec![("gapless-producer-id", "idem:k"), sequence("1")], "must not begin with"),
        (vec![("idempotency-key", "")], "1 to 123 printable"),
    ] {
        post(&server, CANDLES, &[&[NDJSON], headers.as_slice()].concat(), ROW).refused(400, message);
    }
    let long = "k".repeat(124);
    post(&server, CANDLES, &[NDJSON, ("idempotency-key", &long)], ROW).refused(400, "1 to 123 printable");
    post(&server, &format!("{CANDLES}?durabilty=synced"), &[NDJSON], ROW).refused(400, "durabilty");
}

#[test]
fn too_many_rows_and_too_many_bytes_are_told_to_come_in_parts() {
    let (server, _journal) = start();
    post(&server, METRICS, &[NDJSON], "{\"ts\":1,\"a\":1}\n".repeat(MAX_ROWS_PER_BATCH + 1))
        .refused(413, "send several");
    let mut stream = connect(server.address());
    stream.write_all(head(CANDLES, &[NDJSON], MAX_BODY_BYTES + 1).as_bytes()).unwrap();
    read(stream).refused(413, "send it in parts");

    let mut stream = connect(server.address());
    let chunked =
        "connection: close\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    write!(stream, "POST {CANDLES} HTTP/1.1\r\nhost: t\r\n{chunked}").unwrap();
    let chunk = [format!("{:x}\r\n", 1 << 20).into_bytes(), vec![b'\n'; 1 << 20], b"\r\n".to_vec()].concat();
    // The server answers and closes while the rest is still being sent.
    let _ = (0..17).try_for_each(|_| stream.write_all(&chunk));
    read(stream).refused(413, "send it in parts");
}

#[test]
fn a_bomb_is_refused_when_it_has_grown_too_large() {
    let (server, _journal) = start();
    let newlines = vec![b'\n'; 64 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&newlines).unwrap();
    for (encoding, bomb) in
        [("gzip", gzip.finish().unwrap()), ("zstd", zstd::encode_all(newlines.as_slice(), 19).unwrap())]
    {
        assert!(bomb.len() < 100_000);
        post(&server, CANDLES, &[NDJSON, ("content-encoding", encoding)], bomb).refused(413, "unpacked body");
    }
    for encoding in ["gzip", "zstd"] {
        post(&server, CANDLES, &[NDJSON, ("content-encoding", encoding)], "not packed")
            .refused(400, encoding);
    }
    let cut = zstd::encode_all(ROW.as_bytes(), 1).unwrap();
    post(&server, CANDLES, &[NDJSON, ("content-encoding", "zstd")], &cut[..cut.len() - 3])
        .refused(400, "zstd");
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let journal = FakeJournal::new(0);
    let server = HttpServer::start("127.0.0.1:0", &journal.intake).unwrap();
    let reply = post(&server, CANDLES, &[NDJSON], ROW);
    reply.refused(429, "queue is full");
    assert!(reply.head.contains("retry-after: 1"), "{}", reply.head);
    assert!(reply.body["retry_after_ms"].as_u64().is_some_and(|wait| wait > 0));
}

#[test]
fn a_full_disk_a_broken_journal_and_a_stopping_service_are_told_apart() {
    for (refusal, status, message) in [
        (Refusal::NoSpace { retry_after_ms: 2_500 }, 507, "disk is full"),
        (Refusal::Failed { message: "gone".into(), retry_after_ms: 2_500 }, 500, "gone"),
        (Refusal::Halted { message: "older copy".into(), retry_after_ms: 2_500 }, 503, "older copy"),
        (Refusal::Closing { retry_after_ms: 2_500 }, 503, "shutting down"),
    ] {
        let journal = FakeJournal::new(10).spawn(move || Some(refusal.clone()));
        let server = HttpServer::start("127.0.0.1:0", &journal.intake).unwrap();
        let reply = post(&server, CANDLES, &[NDJSON], ROW);
        reply.refused(status, message);
        assert!(reply.head.contains("retry-after: 3"), "{}", reply.head);
    }
}
