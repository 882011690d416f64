//! kill -9: of a client, again and again, and of every service under load.

use crate::client::{assert_file_whole, assert_whole, follow, tail_into};
use gapless_tests::{LATER, Part, Stack, eventually, file_candles, shared_data};
use std::time::{Duration, Instant};

const TOPIC: &str = "candles.replay.btc-perp.1m";

#[test]
fn a_client_killed_twenty_times_has_every_row_once() {
    let Some(file) = shared_data("btc-perp-1m.csv") else { return };
    let expected = file_candles(&file);
    let stack = Stack::start();
    let app = stack.data().join("app.duckdb");
    let into = app.to_str().unwrap();
    let replay = stack.replay(&file, &["--rate", "4000"]);
    let mut random = fastrand::Rng::with_seed(20);
    eventually("the stream exists", LATER, || stack.latest(TOPIC) > 0);
    for _ in 0..20 {
        let mut tail = stack.gapless(&["tail", TOPIC, "--from", "cursor", "--into", into]).spawn();
        let until = Instant::now() + Duration::from_millis(random.u64(30..600));
        eventually("the moment to kill", LATER, || Instant::now() >= until);
        assert!(tail.is_alive(), "the client must be killed, not end: {}", tail.log());
        tail.kill();
    }
    replay.succeeds();
    eventually("all rows are in the archive", LATER, || stack.latest(TOPIC) == expected.len() as u64);
    tail_into(&stack, TOPIC, &app);
    stack.verify(TOPIC, Some(&app));
    assert_file_whole(&app, TOPIC, &expected);
}

#[test]
fn every_service_killed_under_load_comes_back_with_the_same_rows_and_epoch() {
    let Some(file) = shared_data("btc-perp-1m.csv") else { return };
    let expected = file_candles(&file);
    let stack = Stack::start();
    let client = follow(stack.client().subscribe(), TOPIC, expected.len());
    let mut replay = stack.replay(&file, &["--rate", "5000", "--batch", "20"]);
    for (part, at) in [(Part::Backfill, 3000), (Part::LiveEngine, 10_000), (Part::Ingestion, 17_000)] {
        eventually("load", LATER, || stack.latest(TOPIC) >= at);
        assert!(replay.is_running(), "the kill must come under load");
        stack.kill(part);
        stack.start_part(part);
    }
    replay.succeeds();
    let received = client.join().unwrap();
    assert_whole(&received.rows, &expected);
    assert_eq!(received.epochs.len(), 1, "one epoch: {:?}", received.epochs);
    eventually("all rows are in the archive", LATER, || stack.latest(TOPIC) == expected.len() as u64);
    let app = stack.data().join("app.duckdb");
    tail_into(&stack, TOPIC, &app);
    stack.verify(TOPIC, Some(&app));
    assert_file_whole(&app, TOPIC, &expected);
}
