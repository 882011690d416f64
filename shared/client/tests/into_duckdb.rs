//! Rows, cursors and ledger in a DuckDB file.
#![cfg(feature = "duckdb")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use gapless::{DuckStore, Event, From, Seq};
use gapless_store::AppStore;
use std::ops::ControlFlow;
use support::{PATIENCE, Upstream, key, rows};

fn stored(path: &std::path::Path) -> u64 {
    let store = AppStore::open(path).unwrap();
    store.digest(&key(), rows(1, 1_000_000)).unwrap().rows
}

#[test]
fn fills_a_file_and_goes_on_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.duckdb");
    let mut upstream = Upstream::start(12_345);
    for (total, new) in [(12_345, 12_345), (12_345, 0), (12_400, 55)] {
        let builder =
            upstream.client().subscribe().prefix("candles.").from(From::Start).until_caught_up(PATIENCE);
        let mut told = 0;
        let filled = builder
            .into_duckdb(&path, |_| {
                told += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!((filled.rows, filled.duplicates), (new, 0));
        assert_eq!(stored(&path), total);
        if total == 12_345 && new == 0 {
            upstream.publish(55, true);
        }
    }
}

#[test]
fn the_file_holds_exactly_what_its_cursor_says_after_being_dropped_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.duckdb");
    let mut upstream = Upstream::start(30_000);
    for stop_after in 1..=4 {
        let mut calls = 0;
        let builder = upstream.client().subscribe().stream(key()).until_caught_up(PATIENCE);
        builder
            .into_duckdb(&path, |_| {
                calls += 1;
                if calls == stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        let store = AppStore::open(&path).unwrap();
        let applied = store.cursor(&key()).map_or(0, |cursor| cursor.applied.0);
        assert_eq!(store.digest(&key(), rows(1, 30_000)).unwrap().rows, applied);
    }
    let builder = upstream.client().subscribe().stream(key()).until_caught_up(PATIENCE);
    builder.into_duckdb(&path, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(stored(&path), 30_000);
    upstream.heartbeat();
}

#[test]
fn gaps_leave_a_line_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.duckdb");
    let mut upstream = Upstream::start(10);
    let store = DuckStore::open(&path).unwrap();
    let mut sub = upstream.client().subscribe().stream(key()).store(store).start().unwrap();
    upstream.events_to(&mut sub, 10);
    upstream.publish(5, true);
    upstream.events_until(
        &mut sub,
        |event| matches!(event, Event::GapHealed { gap, .. } if gap.range.contains(Seq(11))),
    );
    upstream.events_until(&mut sub, |event| matches!(event, Event::CaughtUp { .. } | Event::Health { .. }));
    sub.commit().unwrap();
    drop(sub);
    let store = AppStore::open(&path).unwrap();
    let line = store.reader().gaps().unwrap().into_iter().find(|line| line.range.contains(Seq(11))).unwrap();
    assert_eq!(line.healed_by, "replay");
    assert!(line.healed.is_some());
}
