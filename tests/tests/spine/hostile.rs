//! Bytes that no honest peer sends, to every socket: a clear error or silence, and everything else goes on.

use gapless_model::{Epoch, Position, Seq, StreamKey, UnixNanos};
use gapless_tests::{LATER, Part, Stack, eventually, http, http_get};
use gapless_transport::{Context, Requester, RequesterSettings};
use gapless_wire::{Limits, Message};
use std::io::Write;
use std::time::Duration;

/// Memory that a service may have after everything hostile: far above its idle use, far below what
/// believing a hostile length would cost.
const MEMORY_LIMIT_KIB: u64 = 600 << 10;

#[test]
fn hostile_bytes_are_refused_while_rows_flow() {
    let stack = Stack::start();
    stack.send_candles("candles.calm.a.1m", 500);
    let context = Context::new();
    let mut random = fastrand::Rng::with_seed(7);
    for address in stack.sockets() {
        raw_tcp(&address, &mut random);
        let settings = RequesterSettings { send_limit: 0, ..RequesterSettings::default() };
        let mut socket = Requester::connect(&context, address.as_str(), settings).unwrap();
        for request in hostile_requests(&mut random) {
            let _ = socket.send(request).unwrap();
        }
        while socket.receive(Duration::from_millis(200)).unwrap().is_some() {}
    }
    stack.send_candles("candles.calm.a.1m", 500);
    eventually("rows still flow", LATER, || stack.latest("candles.calm.a.1m") == 1000);
    stack.verify("candles.calm.a.1m", None);
    for part in [Part::Ingestion, Part::LiveEngine, Part::Backfill] {
        stack.with(part, |service| {
            assert!(service.is_alive(), "{part:?}: {}", service.log());
            let used = resident_kib(service.pid());
            assert!(used < MEMORY_LIMIT_KIB, "{part:?} uses {used} KiB");
            let health = http_get(&format!("{}/healthz", service.address("admin"))).unwrap();
            assert_eq!(health.status, 200);
        });
    }
}

#[test]
fn nonsense_gets_an_error_that_names_the_reason() {
    let stack = Stack::start();
    let context = Context::new();
    let endpoints = stack.endpoints();
    for address in [endpoints.backfill, endpoints.journal, endpoints.state, endpoints.ingest] {
        let settings = RequesterSettings::default();
        let mut socket = Requester::connect(&context, address.as_str(), settings).unwrap();
        let _ = socket.send(b"nonsense".to_vec()).unwrap();
        let reply = socket.receive(Duration::from_secs(10)).unwrap();
        let reply = reply.unwrap_or_else(|| panic!("{address} is silent"));
        let reply = gapless_wire::decode(&reply, &Limits::reply()).unwrap().message;
        let Message::Error(error) = reply else { panic!("{address} answered {reply:?}") };
        assert_eq!(error.code, gapless_wire::ErrorCode::MALFORMED);
        assert!(!error.message.is_empty());
    }
}

#[test]
fn hostile_bodies_over_http_are_refused_row_by_row() {
    let stack = Stack::start();
    let url = format!("{}/v1/ingest/candles/a/b/1m", stack.http());
    let post = |kind: &str, body: &[u8]| http("POST", &url, &[("Content-Type", kind)], body).unwrap();
    let good = "{\"ts\":1,\"open\":1,\"high\":1,\"low\":1,\"close\":1}";
    let wrong_row = post("application/x-ndjson", format!("{good}\n{{\"ts\":2,\"open\":\"x\"}}\n").as_bytes());
    assert_eq!(wrong_row.status, 400, "{}", wrong_row.body);
    assert_eq!(wrong_row.json()["row"], 2, "{}", wrong_row.body);
    assert_eq!(post("application/x-ndjson", &[0xff; 1000]).status, 400);
    assert_eq!(post("text/csv", b"a,b\n1,2\n").status, 400);
    assert_eq!(post("application/octet-stream", &[7; 64]).status, 400);
    assert_eq!(post("image/png", b"x").status, 415);
    assert_eq!(http("POST", &url.replace("candles", "nonsense"), &[], b"").unwrap().status, 404);
    assert_eq!(post("application/x-ndjson", &vec![b' '; 17 << 20]).status, 413);
    assert_eq!(stack.latest("candles.a.b.1m"), 0, "nothing was half applied");
    stack.send_candles("candles.a.b.1m", 3);
    eventually("good rows are taken", LATER, || stack.latest("candles.a.b.1m") == 3);
}

fn raw_tcp(address: &str, random: &mut fastrand::Rng) {
    let host = address.trim_start_matches("tcp://");
    for length in [0, 1, 64, 5000, 200_000] {
        let Ok(mut stream) = std::net::TcpStream::connect(host) else { continue };
        let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        // The service may hang up at the first wrong byte.
        let _ = stream.write_all(&bytes);
    }
    // A ZMTP greeting and then a frame that claims to be enormous.
    let Ok(mut stream) = std::net::TcpStream::connect(host) else { return };
    let mut greeting = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    greeting.extend_from_slice(b"NULL");
    greeting.resize(64, 0);
    greeting.extend_from_slice(&[2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let _ = stream.write_all(&greeting);
}

/// Random bytes, truncations and bit flips of good messages, and good messages with absurd values.
fn hostile_requests(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let noise = |random: &mut fastrand::Rng| (0..random.usize(0..400)).map(|_| random.u8(..)).collect();
    let mut requests: Vec<Vec<u8>> = (0..200).map(|_| noise(random)).collect();
    requests.push(vec![0x41; 1 << 20]);
    for good in absurd_requests() {
        for cut in (0..good.len()).step_by(7) {
            requests.push(good[..cut].to_vec());
        }
        for _ in 0..50 {
            let mut bent = good.clone();
            let at = random.usize(..bent.len());
            bent[at] ^= 1 << random.u8(..8);
            requests.push(bent);
        }
        requests.push(good);
    }
    requests
}

fn absurd_requests() -> Vec<Vec<u8>> {
    let key: StreamKey = "candles.calm.a.1m".parse().unwrap();
    let page = gapless_wire::PageRequest { prefix: "c".repeat(200), after: "z".into(), limit: u32::MAX };
    let range = gapless_wire::BackfillRequest {
        key,
        epoch: Epoch(u64::MAX),
        from_exclusive: Seq(u64::MAX),
        to: Seq(u64::MAX),
        start_ts: Some(UnixNanos(i64::MIN)),
        end_ts: Some(UnixNanos(i64::MAX)),
        limit: u32::MAX,
        max_bytes: u32::MAX,
    };
    let everything = gapless_wire::BackfillRequest {
        epoch: Epoch(0),
        from_exclusive: Seq(0),
        start_ts: None,
        end_ts: None,
        ..range.clone()
    };
    let messages = [
        Message::BackfillRequest(range),
        Message::BackfillRequest(everything),
        Message::JournalReadRequest(gapless_wire::JournalReadRequest {
            partition: u32::MAX,
            from: Position(u64::MAX),
            max_bytes: u32::MAX,
            follower_id: String::new(),
            acknowledged: Position(u64::MAX),
            acknowledged_epoch: Epoch(u64::MAX),
        }),
        Message::ListStreamsRequest(page.clone()),
        Message::StateRequest(page),
        Message::IngestBatch(gapless_wire::IngestBatch {
            producer_id: "hostile".into(),
            producer_sequence: u64::MAX,
            previous_producer_sequence: u64::MAX - 1,
            batch: vec![1, 2, 3],
            ack_may_wait: true,
        }),
    ];
    messages.iter().map(|message| gapless_wire::encode_message(message, "hostile")).collect()
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
