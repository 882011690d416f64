//! How soon a killed live engine serves again, however long its history is.
//!
//! `GAPLESS_RESTART_ROWS` and `GAPLESS_RESTART_TAIL` set the rows in the journal and those after the newest
//! checkpoint; each row after it is a record of its own, which is the slowest way that they can come.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gapless::{Batch, Candle, Client, Flags, Producer, Rows, StreamKey, UnixMillis};
use gapless_checkpoint::{Checkpoint, CheckpointFolder, Header};
use gapless_disk::RealDisk;
use gapless_tests::{LATER, Part, Running, Settings, Stack, eventually_some};
use gapless_transport::{Context, Requester, RequesterSettings, Subscriber, SubscriberSettings};
use gapless_wire::{Limits, Message, PageRequest, decode, encode_message};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STREAMS: u64 = 8;
/// Rows in a batch of the long history.
const BATCH: u64 = 1000;
/// How long one question may take until it is asked again: the resolution of what is measured.
const ATTEMPT: Duration = Duration::from_millis(5);

fn rows_of(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|rows| rows.replace('_', "").parse().ok()).unwrap_or(default)
}

fn batch(stream: u64, from: u64, count: u64) -> Batch {
    let key: StreamKey = format!("candles.bench.s{stream}.1s").parse().unwrap();
    let row = |n: u64| {
        let price = (n % 1000) as f64;
        let ts = UnixMillis(n as i64 * 1000);
        Candle { ts, open: price, high: price + 1.0, low: price, close: price + 0.5, volume: 1.0 }
    };
    Batch::unsequenced(key, Flags::SIMULATED, Rows::Candles((from..from + count).map(row).collect()))
}

/// Sends rows, in turn to each stream, `size` at a time.
fn send(producer: &Producer, sent: &mut u64, rows: u64, size: u64) {
    let begin = Instant::now();
    let (mut left, mut turn) = (rows, 0);
    while left > 0 {
        let count = size.min(left);
        producer.send(batch(turn % STREAMS, *sent, count), LATER).unwrap();
        (left, turn, *sent) = (left - count, turn + 1, *sent + count);
    }
    producer.flush(Duration::from_secs(120)).unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{rows} rows, {size} a record: journaled in {seconds:.1} s, {:.0} rows/s",
        rows as f64 / seconds
    );
}

fn latest(client: &Client) -> u64 {
    client.journal().unwrap().status(false).unwrap().latest.0
}

/// A checkpoint of everything that the journal has now.
fn checkpoint(client: &Client, dir: &Path) {
    let wanted = latest(client);
    let fetched = eventually_some("a checkpoint of all records", LATER, || {
        client.checkpoint().ok().filter(|found| found.position.0 >= wanted)
    });
    let (epoch, position, streams) = (fetched.epoch, fetched.position, fetched.streams);
    let header = Header { partition: fetched.partition, epoch, position, streams };
    let folder = CheckpointFolder::open(Arc::new(RealDisk), dir).unwrap();
    folder.write(&Checkpoint::new(header, fetched.parts).unwrap()).unwrap();
    println!("checkpoint at record {position} of {streams} streams");
}

/// What a restart took until the engine answered with a state that is current, and until it told of every
/// row on its live feed.
struct Took {
    state: Duration,
    live: Duration,
}

fn restart(stack: &Stack, dir: &Path, records: u64, rows: u64) -> (Took, Running) {
    let context = Context::new();
    let mut live = Subscriber::connect(&context, &stack.live(), SubscriberSettings::default()).unwrap();
    live.subscribe("watermarks").unwrap();
    let command = stack.command(Part::LiveEngine).arg("--checkpoint-dir").arg(dir);
    let begin = Instant::now();
    let engine = command.spawn();
    let state = stack.endpoints().state;
    let settings = RequesterSettings::default();
    let mut requester = Requester::connect(&context, &state, settings).unwrap();
    let request = PageRequest { prefix: String::new(), after: String::new(), limit: 1 };
    let request = encode_message(&Message::StateRequest(request), "");
    let position = loop {
        let _ = requester.send(request.as_slice()).unwrap();
        match requester
            .receive(ATTEMPT)
            .unwrap()
            .map(|frame| decode(&frame, &Limits::reply()).unwrap().message)
        {
            Some(Message::StateResponse(state)) => break state.position.0,
            Some(_) => {}
            None => requester.renew().unwrap(),
        }
        assert!(begin.elapsed() < LATER * 4, "no state: {}", engine.log());
    };
    let at_state = begin.elapsed();
    assert!(position >= records, "the first answer is current: {position} of {records}");
    loop {
        let told = live.receive(LATER).unwrap().expect("watermarks in time");
        let Message::WatermarkBatch(told) = decode(&told[1], &Limits::live()).unwrap().message else {
            continue;
        };
        if told.watermarks.iter().map(|(_, end)| end.latest.0).sum::<u64>() == rows {
            break;
        }
    }
    (Took { state: at_state, live: begin.elapsed() }, engine)
}

#[test]
#[ignore = "builds a journal of ten million rows: run it by name"]
fn a_killed_engine_serves_again_within_a_second() {
    let (rows, tail) =
        (rows_of("GAPLESS_RESTART_ROWS", 10_000_000), rows_of("GAPLESS_RESTART_TAIL", 100_000));
    let stack = Stack::stopped(Settings::default());
    [Part::Ingestion, Part::LiveEngine].into_iter().for_each(|part| stack.start_part(part));
    let client = stack.client().with_patience(LATER);
    let producer = client.producer("bench").unwrap();
    let mut sent = 0;
    send(&producer, &mut sent, rows - tail, BATCH);
    let dir = stack.data().join("checkpoints");
    checkpoint(&client, &dir);
    stack.kill(Part::LiveEngine);
    send(&producer, &mut sent, tail, 1);
    let records = latest(&client);
    let mut worst = Duration::ZERO;
    for round in 0..5 {
        let (took, mut engine) = restart(&stack, &dir, records, rows);
        println!("restart {round}: state after {:?}, live after {:?}", took.state, took.live);
        worst = worst.max(took.state);
        if round == 4 {
            println!("{}", engine.log());
        }
        engine.kill();
    }
    let nothing = stack.data().join("nothing");
    let (took, mut engine) = restart(&stack, &nothing, records, rows);
    println!(
        "without a checkpoint: state after {:?}, live after {:?}\n{}",
        took.state,
        took.live,
        engine.log()
    );
    engine.kill();
    assert!(worst < Duration::from_secs(1), "it took {worst:?}");
}
