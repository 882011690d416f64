//! When a file is committed, and what becomes of gaps over a restart.

use super::{DuckSettings, DuckStore};
use crate::{Cursor, CursorStore, Event, Gap, GapCause, TruncateReason};
use gapless_model::{Batch, Candle, Epoch, Flags, Rows, Seq, SeqRange, StreamKey, UnixMillis};
use gapless_store::GapState;
use std::time::Duration;

fn key() -> StreamKey {
    "candles.a.b.1m".parse().unwrap()
}

fn rows(start: u64, count: usize) -> Event {
    let candle = Candle { ts: UnixMillis(1), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
    let batch = Batch::unsequenced(key(), Flags::NONE, Rows::Candles(vec![candle; count]));
    Event::Rows(Batch { epoch: Epoch(7), start: Seq(start), ..batch })
}

fn at(applied: u64) -> Cursor {
    Cursor { epoch: Epoch(7), applied: Seq(applied) }
}

#[test]
fn commits_when_enough_rows_wait_and_before_that_only_when_due() {
    let folder = tempfile::tempdir().unwrap();
    let settings = DuckSettings { commit_rows: 10, commit_every: Duration::from_secs(3600) };
    let mut store = DuckStore::open_with(folder.path().join("a.duckdb"), settings).unwrap();
    store.apply(rows(1, 9), at(9)).unwrap();
    assert_eq!(store.totals().commits(), 0);
    assert!(store.due().is_some());
    store.apply(rows(10, 1), at(10)).unwrap();
    assert_eq!((store.totals().commits(), store.totals().committed().rows), (1, 10));
    assert!(store.due().is_none());
    assert_eq!(store.cursors().unwrap(), [(key(), at(10))]);
}

#[test]
fn a_gap_left_open_by_an_earlier_run_ends_when_its_rows_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.duckdb");
    let mut store = DuckStore::open(&path).unwrap();
    store.apply(rows(1, 5), at(5)).unwrap();
    let range = SeqRange::new(Seq(6), Seq(9));
    let gap =
        Gap { epoch: Epoch(7), range, cause: GapCause::Missed, detected: UnixMillis(1000), healed: None };
    store.apply(Event::GapOpened { key: key(), gap }, at(5)).unwrap();
    store.commit().unwrap();
    drop(store);
    let mut store = DuckStore::open(&path).unwrap();
    store.apply(rows(6, 10), at(15)).unwrap();
    store.commit().unwrap();
    let lines = store.app().reader().gaps().unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].state, lines[0].range), (GapState::Healed, range));
}

fn opened(first: u64, end: u64) -> Gap {
    let range = SeqRange::new(Seq(first), Seq(end));
    Gap { epoch: Epoch(7), range, cause: GapCause::Missed, detected: UnixMillis(1000), healed: None }
}

/// The ledger after these events, which leave the cursor at 5: where each line begins, and its state.
fn ledger(events: Vec<Event>) -> Vec<(u64, GapState)> {
    let folder = tempfile::tempdir().unwrap();
    let mut store = DuckStore::open(folder.path().join("a.duckdb")).unwrap();
    store.apply(rows(1, 5), at(5)).unwrap();
    for event in events {
        store.apply(event, at(5)).unwrap();
    }
    store.commit().unwrap();
    let lines = store.app().reader().gaps().unwrap();
    lines.iter().map(|line| (line.range.start().0, line.state)).collect()
}

#[test]
fn a_gap_that_a_new_history_made_void_is_not_open_any_more() {
    let gap = opened(6, 9);
    let told = [
        Event::GapOpened { key: key(), gap },
        Event::GapVoid { key: key(), gap },
        Event::Rewind { key: key(), from: Epoch(7), to: Epoch(8), keep: Seq(4) },
    ];
    assert_eq!(ledger(told.to_vec()), [(6, GapState::Void)]);
}

#[test]
fn a_gap_ends_where_its_rows_are_given_up_and_its_rest_is_a_line_of_its_own() {
    let (gap, rest) = (opened(6, 20), opened(9, 20));
    let range = SeqRange::new(Seq(6), Seq(9));
    let told = [
        Event::GapOpened { key: key(), gap },
        Event::Truncated { key: key(), epoch: Epoch(7), range, reason: TruncateReason::Trimmed },
        Event::GapOpened { key: key(), gap: rest },
        Event::GapHealed { key: key(), gap: Gap { healed: Some(UnixMillis(2000)), ..rest } },
    ];
    let mut lines = ledger(told.to_vec());
    lines.sort_by_key(|line| line.0);
    let expected = [(6, GapState::Truncated), (6, GapState::Truncated), (9, GapState::Healed)];
    assert_eq!(lines, expected, "the gap, the rows that are lost, the rest");
}

#[test]
fn a_gap_left_open_by_an_earlier_run_ends_with_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.duckdb");
    let mut store = DuckStore::open(&path).unwrap();
    store.apply(rows(1, 5), at(5)).unwrap();
    store.apply(Event::GapOpened { key: key(), gap: opened(6, 9) }, at(5)).unwrap();
    store.commit().unwrap();
    drop(store);
    let mut store = DuckStore::open(&path).unwrap();
    store.apply(Event::Reset { key: key(), from: Epoch(7), to: Epoch(8) }, Cursor::default()).unwrap();
    store.commit().unwrap();
    assert_eq!(store.app().reader().gaps().unwrap()[0].state, GapState::Void);
}
