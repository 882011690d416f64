//! A summary is clean only when nothing is wrong.

use super::Summary;
use crate::commands::demo::tally::Tally;
use gapless::{Batch, Candle, Digest, Epoch, Flags, Rows, Seq, StreamKey, UnixMillis, UnixNanos, Watermark};
use std::collections::BTreeMap;
use std::time::Duration;

fn summary(published: u64, delivered: &[(u64, u64)]) -> Summary {
    let key: StreamKey = "candles.a.b.1m".parse().unwrap();
    let candle = Candle { ts: UnixMillis(1), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
    let rows = |count: u64| Rows::Candles(vec![candle; count as usize]);
    let mut tally = Tally::default();
    for (from, to) in delivered {
        let batch = Batch::unsequenced(key.clone(), Flags::NONE, rows(to - from + 1));
        tally.rows(&Batch { epoch: Epoch(1), start: Seq(*from), ..batch });
    }
    let mark = Watermark {
        epoch: Epoch(1),
        earliest: Seq(1),
        latest: Seq(published),
        latest_ts: UnixNanos(0),
        digest: Digest::of(Seq(1), &rows(published)),
    };
    Summary::new(&tally, &[], &BTreeMap::from([(key, mark)]), Duration::from_secs(1))
}

#[test]
fn is_clean_when_every_row_came_once() {
    let summary = summary(10, &[(1, 4), (5, 10)]);
    assert!(summary.is_clean(), "{summary:?}");
    assert_eq!((summary.published, summary.delivered), (10, 10));
}

#[test]
fn rows_that_are_missing_anywhere_are_lost() {
    for delivered in [&[(1, 9)][..], &[(2, 10)], &[(1, 4), (6, 10)]] {
        let summary = summary(10, delivered);
        assert_eq!(summary.lost, 1, "{delivered:?}");
        assert!(!summary.is_clean());
    }
}

#[test]
fn a_stack_that_published_nothing_is_not_clean() {
    assert!(!summary(0, &[]).is_clean());
}
