//! What retention removes, and what it says.

use super::*;
use std::time::Duration;

#[test]
fn retention_by_rows_says_what_is_left_and_drops_whole_partitions() {
    let mut bench = Bench::new();
    let (key, other) = (key(CANDLES), self::key("candles.sim.OTHER.1m"));
    for at in 0..12 {
        bench.append(vec![published(&key, 7, 1 + at * 30, 30), published(&other, 7, 1 + at * 3, 3)]);
    }
    bench.seal();
    assert_eq!(bench.tables().len(), 3);
    let policy =
        |of: &StreamKey| Retention { max_rows: Some(if *of == key { 150 } else { 0 }), max_age: None };
    let done = bench.archive.retain(UnixMillis(0), &policy).unwrap().unwrap();
    assert_eq!(done.streams, 2);
    for _ in 0..2 {
        let page = bench.page(&key, 1, 1000);
        assert_eq!(page.served, range(211, 360));
        assert_eq!(page.batches[0].earliest, Seq(211));
        let mark = bench.status(&other).watermark;
        assert_eq!((mark.earliest, mark.latest), (Seq(37), Seq(36)), "it keeps its sequence");
        assert_eq!(bench.tables(), ["hot_candles_3", "part_candles_2"]);
        assert!(bench.archive.reader().unwrap().check(&key).unwrap().iter().all(RangeCheck::is_sound));
        bench = bench.reopen();
    }
    assert_eq!(bench.archive.retain(UnixMillis(0), &policy).unwrap(), Some(Retained::default()));
    bench.append(vec![published(&other, 7, 37, 1)]);
    assert_eq!(bench.page(&other, 1, 1000).served, range(37, 37));
}

#[test]
fn retention_by_age_goes_by_the_time_of_publication() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    let hour = 3_600_000_000i64;
    let aged =
        |start: u64, hours: i64| Batch { ts_publish_us: hours * hour, ..published(&key, 7, start, 60) };
    for (start, hours) in [(1, 1), (61, 2), (121, 3), (181, 4), (241, 5)] {
        bench.append(vec![aged(start, hours)]);
    }
    bench.seal();
    let keep = |hours: u64| {
        move |_: &StreamKey| Retention { max_rows: None, max_age: Some(Duration::from_secs(hours * 3600)) }
    };
    let now = UnixMillis(6 * 3_600_000);
    let mut first = |hours: u64| {
        bench.archive.retain(now, &keep(hours)).unwrap();
        bench.archive.reader().unwrap().status(&key).unwrap().watermark.earliest
    };
    assert_eq!(first(10), Seq(1));
    assert_eq!(first(4), Seq(1), "its partition holds younger rows");
    assert_eq!(first(3), Seq(121));
    assert_eq!(first(1), Seq(241), "in the hot table rows go one by one");
    assert_eq!(first(0), Seq(301));
    assert_eq!(bench.reopen().status(&key).watermark.latest, Seq(300));
}
