//! Whole files at full speed, with clients that start before, during and after.

use crate::client::{assert_file_whole, assert_whole, follow, tail_into};
use gapless_tests::{FileCandle, LATER, Stack, eventually, file_candles, folded_ticks, shared_data};
use std::path::Path;

#[test]
fn bitcoin_candles_reach_clients_that_start_before_during_and_after() {
    let Some(file) = shared_data("btc-perp-1m.csv") else { return };
    let expected = file_candles(&file);
    assert_eq!(expected.len(), 45_031);
    everyone_gets(&file, "candles.replay.btc-perp.1m", &expected, &[]);
}

#[test]
fn candles_without_volume_reach_clients_that_start_before_during_and_after() {
    let Some(file) = shared_data("gbpusd-1m-bid.csv") else { return };
    let expected = file_candles(&file);
    assert_eq!(expected.len(), 30_117);
    everyone_gets(&file, "candles.fx.gbpusd.1m", &expected, &["--source", "fx", "--symbol", "gbpusd"]);
}

#[test]
fn ticks_folded_into_candles_reach_clients_that_start_before_during_and_after() {
    let Some(file) = shared_data("usdjpy-ticks.csv") else { return };
    let expected = folded_ticks(&file, 1);
    let arguments = ["--source", "fx", "--symbol", "usdjpy", "--interval", "1s"];
    everyone_gets(&file, "candles.fx.usdjpy.1s", &expected, &arguments);
}

fn everyone_gets(file: &Path, topic: &str, expected: &[FileCandle], arguments: &[&str]) {
    let stack = Stack::start();
    let before = follow(stack.client().subscribe(), topic, expected.len());
    let replay = stack.replay(file, arguments);
    eventually("some rows are in the archive", LATER, || stack.latest(topic) > 0);
    let during = follow(stack.client().subscribe(), topic, expected.len());
    replay.succeeds();
    eventually("all rows are in the archive", LATER, || stack.latest(topic) == expected.len() as u64);
    let after = stack.data().join("after.duckdb");
    tail_into(&stack, topic, &after);

    assert_whole(&before.join().unwrap().rows, expected);
    assert_whole(&during.join().unwrap().rows, expected);
    stack.verify(topic, Some(&after));
    assert_file_whole(&after, topic, expected);
}
