use super::client::{CANDLES, METRICS, NDJSON, ROW, post, start};
use crate::AckWhen;
use crate::http::HttpServer;
use crate::sources::fake_journal::{FakeJournal, candles};
use crate::sources::tests::eventually;
use flate2::Compression;
use flate2::write::GzEncoder;
use gapless_model::{Batch, Candle, Flags, Rows, StreamKey, UnixMillis};
use gapless_wire::{Message, encode_message};
use std::io::Write;

fn key() -> StreamKey {
    "candles.s.X.1m".parse().unwrap()
}

fn candle() -> Candle {
    Candle { ts: UnixMillis(1_700_000_000_000), open: 1.0, high: 2.0, low: 1.0, close: 2.0, volume: 0.0 }
}

fn flatbuffers(key: StreamKey) -> Vec<u8> {
    let batch = Batch::unsequenced(key, Flags::SIMULATED, Rows::Candles(vec![candle()]));
    encode_message(&Message::Batch(batch), "")
}

#[test]
fn every_content_type_gives_the_same_rows_and_tells_their_place() {
    let (server, journal) = start();
    let json = format!("[{}]", ROW.trim());
    let csv = "ts,open,high,low,close\n1700000000,1,2,1,2\n";
    let bodies: [(&str, Vec<u8>); 6] = [
        ("application/x-ndjson", ROW.into()),
        ("application/json; charset=utf-8", json.into()),
        ("Text/CSV", csv.into()),
        ("application/vnd.gapless.batch+flatbuffers", flatbuffers(key())),
        ("application/octet-stream", flatbuffers(key())),
        ("application/json", ROW.into()),
    ];
    for (n, (content_type, body)) in (1u64..).zip(bodies) {
        let reply = post(&server, CANDLES, &[("content-type", content_type)], body);
        assert_eq!(reply.status, 200, "{content_type}: {reply:?}");
        let expected = serde_json::json!({
            "stream": "candles.s.X.1m", "epoch": 1, "first_sequence": n, "last_sequence": n, "rows": 1,
            "position": n, "durability": "written", "duplicate": false,
        });
        assert_eq!(reply.body, expected);
    }
    assert_eq!(candles(journal.rows(&key())), [candle(); 6]);
    assert_eq!(journal.flags(&key()).iter().filter(|flags| flags.contains(Flags::SIMULATED)).count(), 2);
}

#[test]
fn packed_bodies_are_unpacked() {
    let (server, journal) = start();
    let body = ROW.repeat(5_000);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body.as_bytes()).unwrap();
    for (encoding, packed) in [
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(body.as_bytes(), 3).unwrap()),
        ("identity", body.into()),
    ] {
        let reply = post(&server, CANDLES, &[NDJSON, ("content-encoding", encoding)], packed);
        assert_eq!((reply.status, reply.body["rows"].as_u64()), (200, Some(5_000)), "{encoding}: {reply:?}");
    }
    assert_eq!(candles(journal.rows(&key())).len(), 15_000);
}

#[test]
fn a_retry_under_the_same_key_is_taken_once_and_other_rows_under_it_are_a_conflict() {
    let (server, journal) = start();
    let keyed = [NDJSON, ("Idempotency-Key", "\"2f9a\"")];
    assert_eq!(post(&server, CANDLES, &keyed, ROW).body["duplicate"], false);
    let again = post(&server, CANDLES, &[NDJSON, ("idempotency-key", "2f9a")], ROW);
    assert_eq!(
        (again.status, &again.body["duplicate"], &again.body["first_sequence"]),
        (200, &true.into(), &1.into())
    );
    let other = post(&server, CANDLES, &keyed, ROW.repeat(2));
    other.refused(409, "");
    assert_eq!(other.body["expected_previous"], 1);
    assert_eq!(candles(journal.rows(&key())).len(), 1);
}

#[test]
fn a_numbered_producer_is_told_where_to_go_on() {
    let (server, journal) = start();
    let send = |sequence: &str, previous: Option<&str>| {
        let mut headers =
            vec![NDJSON, ("gapless-producer-id", "feed-7"), ("gapless-producer-sequence", sequence)];
        headers.extend(previous.map(|previous| ("gapless-producer-previous", previous)));
        post(&server, CANDLES, &headers, ROW)
    };
    let skipped = send("5", None);
    skipped.refused(409, "");
    assert_eq!(skipped.body["expected_previous"], 0);
    assert_eq!(send("5", Some("0")).status, 200, "numbers may begin anywhere");
    assert_eq!(send("6", None).status, 200);
    assert_eq!(send("6", None).body["duplicate"], true);
    assert_eq!(send("9", Some("6")).status, 200);
    assert_eq!(send("11", None).body["expected_previous"], 9);
    assert_eq!(candles(journal.rows(&key())).len(), 3);
}

#[test]
fn the_query_says_when_to_answer_and_whether_rows_are_simulated() {
    let journal = FakeJournal::new(100);
    let server = HttpServer::start("127.0.0.1:0", &journal.intake).unwrap();
    let address = server.address();
    for (query, ack, flags) in [
        ("", AckWhen::Written, Flags::NONE),
        ("?durability=synced", AckWhen::Synced, Flags::NONE),
        ("?simulated=true&durability=written", AckWhen::Written, Flags::SIMULATED),
    ] {
        let path = format!("{METRICS}{query}");
        let mut stream = super::client::connect(address);
        let body = "{\"ts\":1700000000,\"a\":1}";
        write!(stream, "{}{body}", super::client::head(&path, &[NDJSON], body.len())).unwrap();
        eventually("the rows wait in the queue", || journal.intake.queue().depth().0 == 1);
        let entry = journal.intake.queue().drain(1).unwrap().pop().unwrap();
        let submission = entry.checked.submission();
        assert_eq!((submission.ack, submission.flags), (ack, flags), "{query}");
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let (server, _journal) = start();
    let mut stream = super::client::connect(server.address());
    let request = format!(
        "POST {CANDLES} HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ROW}",
        ROW.len()
    );
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
}
