//! When a file is committed, and what becomes of gaps over a restart.

use super::{DuckSettings, DuckStore};
use crate::{Cursor, CursorStore, Event, Gap, GapCause};
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
