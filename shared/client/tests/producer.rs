//! The producer over real sockets, against an ingestion that goes away, loses and refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use gapless::{
    Batch, Client, Durability, Endpoints, Epoch, Error, ErrorCode, ErrorResponse, Flags, Numbering, Position,
    ProducerSettings, Rows, Seq,
};
use gapless_transport::Context;
use gapless_wire::{IngestAck, IngestNack, Limits, Message, ProducerStatusResponse, decode_batch};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{PATIENCE, Server, candle, key};

/// Accepts, in order, and answers only when `answers` says so.
#[derive(Default)]
struct Ingestion {
    last: u64,
    rows: Vec<u64>,
    asked: u64,
}

fn ingestion(
    context: &Context,
    endpoint: &str,
    known: &Arc<Mutex<Ingestion>>,
    mut answers: impl FnMut(u64) -> Option<u32> + Send + 'static,
) -> Server {
    let known = known.clone();
    Server::start_at(context, endpoint, move |message| {
        let mut known = known.lock().unwrap();
        known.asked += 1;
        match message {
            Message::ProducerStatusRequest(asked) => {
                Some(Message::ProducerStatusResponse(ProducerStatusResponse {
                    producer_id: asked.producer_id,
                    key: asked.key,
                    last_producer_sequence: known.last,
                    latest: Seq(known.rows.len() as u64),
                }))
            }
            Message::IngestBatch(sent) => {
                let number = sent.producer_sequence;
                let nack = |code| IngestNack {
                    producer_sequence: number,
                    error: ErrorResponse { code: ErrorCode(code), message: "no".into(), retry_after_ms: 1 },
                    expected_previous: known.last,
                };
                let code = answers(known.asked);
                match code {
                    Some(0) => {}
                    Some(code) => return Some(Message::IngestNack(nack(code))),
                    None => return None,
                }
                let duplicate = number <= known.last;
                let before = known.rows.len() as u64;
                let previous = match sent.previous_producer_sequence {
                    0 => number - 1,
                    itself if itself == number => 0,
                    previous => previous,
                };
                if !duplicate && previous != known.last {
                    return Some(Message::IngestNack(nack(409)));
                }
                if !duplicate {
                    let batch = decode_batch(&sent.batch, &Limits::ingest()).unwrap();
                    let Rows::Candles(candles) = batch.rows else { panic!("these are candles") };
                    known.rows.extend(candles.iter().map(|c| c.open as u64));
                    known.last = number;
                }
                Some(Message::IngestAck(IngestAck {
                    producer_sequence: number,
                    partition: 0,
                    position: Position(number),
                    epoch: Epoch(7),
                    first: Seq(before + 1),
                    last: Seq(known.rows.len() as u64),
                    durability: Durability::Written,
                    duplicate,
                }))
            }
            other => panic!("{other:?}"),
        }
    })
}

fn row(value: u64) -> Batch {
    Batch::unsequenced(key(), Flags::NONE, Rows::Candles(vec![candle(value)]))
}

fn client(endpoint: &str) -> Client {
    Client::new(Endpoints { ingest: endpoint.into(), ..Endpoints::default() })
}

fn quick(endpoint: &str) -> ProducerSettings {
    ProducerSettings {
        reply_timeout: Duration::from_millis(50),
        backoff_min: Duration::from_millis(1),
        backoff_max: Duration::from_millis(10),
        group_after: usize::MAX,
        ..ProducerSettings::new(endpoint, "p")
    }
}

#[test]
fn sends_and_tells_where_the_rows_are() {
    let known = Arc::new(Mutex::new(Ingestion::default()));
    let server = ingestion(&Context::new(), "tcp://127.0.0.1:*", &known, |_| Some(0));
    let producer = client(&server.endpoint).producer("p").unwrap();
    let tickets: Vec<_> = (1..=300).map(|n| producer.send(row(n), PATIENCE).unwrap()).collect();
    producer.flush(PATIENCE).unwrap();
    let firsts: Vec<Seq> =
        tickets.iter().map(|ticket| ticket.wait(PATIENCE).unwrap().range.start()).collect();
    assert_eq!(firsts, (1..=300).map(Seq).collect::<Vec<Seq>>());
    assert_eq!(known.lock().unwrap().rows, (1..=300).collect::<Vec<u64>>());
}

#[test]
fn lost_and_busy_replies_lose_and_double_nothing() {
    let known = Arc::new(Mutex::new(Ingestion::default()));
    let mut random = fastrand::Rng::with_seed(11);
    let server = ingestion(&Context::new(), "tcp://127.0.0.1:*", &known, move |_| match random.u8(..20) {
        0 => None,
        1 => Some(429),
        _ => Some(0),
    });
    let producer = client(&server.endpoint).producer_with(quick(&server.endpoint)).unwrap();
    for n in 1..=500 {
        producer.send(row(n), PATIENCE).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    assert_eq!(known.lock().unwrap().rows, (1..=500).collect::<Vec<u64>>());
    assert!(producer.counts().resent > 0);
}

#[test]
fn waits_for_an_ingestion_that_starts_later_and_goes_on_after_its_restart() {
    let context = Context::new();
    let known = Arc::new(Mutex::new(Ingestion::default()));
    let server = ingestion(&context, "tcp://127.0.0.1:*", &known, |_| Some(0));
    let endpoint = server.endpoint.clone();
    drop(server);
    let producer = client(&endpoint).producer_with(quick(&endpoint)).unwrap();
    producer.send(row(1), PATIENCE).unwrap();
    let server = ingestion(&context, &endpoint, &known, |_| Some(0));
    producer.flush(PATIENCE).unwrap();
    drop(server);
    producer.send(row(2), PATIENCE).unwrap();
    let _server = ingestion(&context, &endpoint, &known, |_| Some(0));
    producer.flush(PATIENCE).unwrap();
    assert_eq!(known.lock().unwrap().rows, [1, 2]);
}

#[test]
fn never_waits_longer_than_asked_when_nobody_takes_anything() {
    let settings = ProducerSettings { max_batches: 3, ..quick("tcp://127.0.0.1:9") };
    let producer = client("tcp://127.0.0.1:9").producer_with(settings).unwrap();
    for n in 1..=3 {
        producer.send(row(n), Duration::ZERO).unwrap();
    }
    let begun = std::time::Instant::now();
    let full = producer.send(row(4), Duration::from_millis(100)).unwrap_err();
    assert!(matches!(full, Error::TimedOut { pending: 3, .. }), "{full}");
    let pending = producer.flush(Duration::from_millis(100)).unwrap_err();
    assert!(matches!(pending, Error::TimedOut { pending: 3, .. }), "{pending}");
    assert!(begun.elapsed() < PATIENCE / 4);
}

#[test]
fn a_later_run_goes_on_with_the_numbers_of_the_earlier_one() {
    let known = Arc::new(Mutex::new(Ingestion::default()));
    let server = ingestion(&Context::new(), "tcp://127.0.0.1:*", &known, |_| Some(0));
    for value in [1, 2] {
        let producer = client(&server.endpoint).producer("p").unwrap();
        producer.send(row(value), PATIENCE).unwrap();
        producer.close(PATIENCE).unwrap();
    }
    assert_eq!(known.lock().unwrap().rows, [1, 2]);
    assert_eq!(client(&server.endpoint).producer_status("p", &key()).unwrap().last_producer_sequence, 2);
}

#[test]
fn the_same_numbers_again_are_duplicates() {
    let known = Arc::new(Mutex::new(Ingestion::default()));
    let server = ingestion(&Context::new(), "tcp://127.0.0.1:*", &known, |_| Some(0));
    for _ in 0..2 {
        let producer = client(&server.endpoint).producer("p").unwrap();
        for number in [1, 2, 3] {
            producer.send_as(Numbering::Explicit(number), row(number), PATIENCE).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
    }
    assert_eq!(known.lock().unwrap().rows, [1, 2, 3]);
}

#[test]
fn a_refusal_comes_out_at_the_flush() {
    let known = Arc::new(Mutex::new(Ingestion::default()));
    let server = ingestion(&Context::new(), "tcp://127.0.0.1:*", &known, |_| Some(400));
    let producer = client(&server.endpoint).producer("p").unwrap();
    producer.send(row(1), PATIENCE).unwrap();
    let refused = producer.flush(PATIENCE).unwrap_err();
    assert!(
        matches!(&refused, Error::Batch(refused) if refused.error.code == ErrorCode::MALFORMED),
        "{refused}"
    );
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn rows_that_are_not_valid_are_not_even_sent() {
    let producer = client("tcp://127.0.0.1:9").producer("p").unwrap();
    let mut bad = candle(1);
    bad.high = f64::NAN;
    let batch = Batch::unsequenced(key(), Flags::NONE, Rows::Candles(vec![bad]));
    let error = producer.send(batch, PATIENCE).unwrap_err();
    assert!(matches!(&error, Error::Usage(text) if text.contains("high")), "{error}");
}
