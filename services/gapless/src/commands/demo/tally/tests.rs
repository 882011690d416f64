//! The witness must see what goes wrong.

use super::Tally;
use gapless::{Batch, Candle, Digest, Epoch, Flags, Rows, Seq, StreamKey, UnixMillis, UnixNanos, Watermark};

fn key() -> StreamKey {
    "candles.a.b.1m".parse().unwrap()
}

fn rows(from: u64, to: u64) -> Rows {
    let candle = |seq: u64| Candle {
        ts: UnixMillis(seq as i64),
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: seq as f64,
    };
    Rows::Candles((from..=to).map(candle).collect())
}

fn batch(from: u64, to: u64) -> Batch {
    let digest = Digest::of(Seq(1), &rows(1, to));
    let batch = Batch::unsequenced(key(), Flags::NONE, rows(from, to));
    Batch { epoch: Epoch(1), start: Seq(from), digest, ..batch }
}

fn mark(latest: u64) -> Watermark {
    Watermark {
        epoch: Epoch(1),
        earliest: Seq(1),
        latest: Seq(latest),
        latest_ts: UnixNanos(0),
        digest: Digest::of(Seq(1), &rows(1, latest)),
    }
}

fn tally(ranges: &[(u64, u64)]) -> Tally {
    let mut tally = Tally::default();
    ranges.iter().for_each(|(from, to)| tally.rows(&batch(*from, *to)));
    tally
}

#[test]
fn whole_streams_match_their_digest() {
    let tally = tally(&[(1, 3), (4, 4), (5, 10)]);
    let line = tally.line(&key()).unwrap();
    assert_eq!((line.delivered(), line.holes, line.duplicated, line.wrong), (10, 0, 0, 0));
    assert_eq!(line.matches(&mark(10)), Some(true));
    assert!(tally.has_all(&[(key(), mark(10))].into()));
    assert!(!tally.has_all(&[(key(), mark(11))].into()));
}

#[test]
fn a_hole_is_seen() {
    let tally = tally(&[(1, 3), (6, 10)]);
    let line = tally.line(&key()).unwrap();
    assert_eq!((line.delivered(), line.holes), (8, 2));
    assert!(line.wrong > 0);
    assert_eq!(line.matches(&mark(10)), Some(false));
}

#[test]
fn rows_that_come_twice_are_seen() {
    let tally = tally(&[(1, 5), (4, 6)]);
    let line = tally.line(&key()).unwrap();
    assert_eq!((line.delivered(), line.duplicated), (6, 2));
    assert_eq!(line.matches(&mark(6)), Some(false));
}

#[test]
fn a_changed_value_is_seen() {
    let mut changed = batch(1, 5);
    if let Rows::Candles(rows) = &mut changed.rows {
        rows[2].close = 1.5;
        rows[2].high = 1.5;
    }
    let mut tally = Tally::default();
    tally.rows(&changed);
    assert_eq!(tally.line(&key()).unwrap().wrong, 1);
}
