use super::client::{CANDLES, NDJSON, ROW, Reply, connect, head, post, read, start};
use crate::http::budget::Budget;
use crate::http::limits::HttpLimits;
use crate::http::{HttpError, HttpServer};
use crate::sources::fake_journal::FakeJournal;
use crate::sources::tests::eventually;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn start_with(limits: HttpLimits, journal: &FakeJournal) -> HttpServer {
    HttpServer::start_with(limits, "127.0.0.1:0", &journal.intake).unwrap()
}

#[test]
fn a_stop_finishes_the_request_that_is_being_worked_on_and_takes_no_more() {
    let journal = FakeJournal::new(10);
    let server = HttpServer::start("127.0.0.1:0", &journal.intake).unwrap();
    let address = server.address();
    let mut stream = connect(address);
    write!(stream, "{}{ROW}", head(CANDLES, &[NDJSON], ROW.len())).unwrap();
    eventually("the rows wait in the queue", || journal.intake.queue().depth().0 == 1);
    let stopping = std::thread::spawn(move || server.stop());
    eventually("nobody listens any more", || TcpStream::connect(address).is_err());
    journal.work(|| None);
    assert_eq!(read(stream).status, 200);
    stopping.join().unwrap();
}

#[test]
fn a_stop_does_not_wait_for_a_client_that_says_nothing() {
    let (server, _journal) = start();
    let idle = connect(server.address());
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    drop(idle);
}

#[test]
fn a_client_that_sends_its_head_or_body_too_slowly_is_let_go() {
    let (journal, soon) = (FakeJournal::new(10), Duration::from_millis(100));
    let server =
        start_with(HttpLimits { head_timeout: soon, body_timeout: soon, ..HttpLimits::default() }, &journal);
    let mut stream = connect(server.address());
    write!(stream, "POST {CANDLES} HTTP/1.1\r\nhost: ").unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");

    let mut stream = connect(server.address());
    write!(stream, "{}{{\"ts\":", head(CANDLES, &[NDJSON], 1000)).unwrap();
    read(stream).refused(408, "did not arrive");
}

#[test]
fn a_journal_that_does_not_answer_is_not_waited_for_for_ever() {
    let journal = FakeJournal::new(10);
    let soon = Duration::from_millis(50);
    let server = start_with(HttpLimits { answer_timeout: soon, ..HttpLimits::default() }, &journal);
    post(&server, CANDLES, &[NDJSON], ROW).refused(503, "may still be taken");
}

#[test]
fn what_all_requests_hold_together_is_bounded() {
    let budget = Budget::new(100);
    let (mut first, mut second) = (budget.reservation(), budget.reservation());
    assert!(first.grow(60) && second.grow(40) && !second.grow(1));
    drop(first);
    assert!(second.grow(60));

    let journal = FakeJournal::new(10).spawn(|| None);
    let limits = HttpLimits { memory_bytes: 1000, ..HttpLimits::default() };
    let server = HttpServer::start_with(limits, "127.0.0.1:0", &journal.intake).unwrap();
    post(&server, CANDLES, &[NDJSON], ROW.repeat(100)).refused(429, "too many bytes");
    assert_eq!(post(&server, CANDLES, &[NDJSON], ROW).status, 200, "what was held is given back");
    let packed = zstd::encode_all(ROW.as_bytes(), 1).unwrap();
    post(&server, CANDLES, &[NDJSON, ("content-encoding", "zstd")], packed).refused(429, "being unpacked");
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let journal = FakeJournal::new(10).spawn(|| None);
    let limits = HttpLimits { connections: 1, ..HttpLimits::default() };
    let server = HttpServer::start_with(limits, "127.0.0.1:0", &journal.intake).unwrap();
    let first = connect(server.address());
    let mut second = connect(server.address());
    write!(second, "{}{ROW}", head(CANDLES, &[NDJSON], ROW.len())).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(second.read(&mut [0]).is_err(), "no answer while the first connection is open");
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(read(second).status, 200);
}

#[test]
fn hostile_bytes_leave_the_server_alive() {
    let (server, journal) = start();
    let mut rng = fastrand::Rng::with_seed(5);
    let whole = format!("{}{ROW}", head(CANDLES, &[NDJSON], ROW.len())).into_bytes();
    for round in 0..200 {
        let mut bytes = whole.clone();
        match round % 4 {
            0 => bytes = std::iter::repeat_with(|| rng.u8(..)).take(200).collect(),
            1 => bytes.truncate(rng.usize(..whole.len())),
            2 => (0..5).for_each(|_| bytes[rng.usize(..whole.len())] = rng.u8(..)),
            _ => bytes.splice(20..20, std::iter::repeat_n(b'a', 100_000)).for_each(drop),
        }
        let mut stream = connect(server.address());
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(post(&server, CANDLES, &[NDJSON], ROW).status, 200);
    for key in journal.keys() {
        assert!(journal.rows(&key).iter().all(|rows| rows.validate().is_ok()));
    }
}

#[test]
fn many_clients_at_once_all_get_their_answers() {
    let (server, journal) = start();
    let address = server.address();
    let client = move |n: usize| {
        (0..20)
            .map(|_| {
                let path = format!("/v1/ingest/candles/s/X{n}/1m");
                let mut stream = connect(address);
                write!(stream, "{}{ROW}", head(&path, &[NDJSON], ROW.len())).unwrap();
                read(stream)
            })
            .collect::<Vec<Reply>>()
    };
    let clients: Vec<_> = (0..16).map(|n| std::thread::spawn(move || client(n))).collect();
    for client in clients {
        let replies = client.join().unwrap();
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
        assert_eq!(replies.last().unwrap().body["last_sequence"], 20);
    }
    assert_eq!(journal.keys().len(), 16);
}

#[test]
fn an_address_that_is_taken_or_none_is_told() {
    let (server, journal) = start();
    let taken = server.address().to_string();
    let error = HttpServer::start(&taken, &journal.intake).unwrap_err();
    assert!(matches!(&error, HttpError::Bind { address, .. } if *address == taken), "{error}");
    assert!(HttpServer::start("nowhere", &journal.intake).is_err());
}
