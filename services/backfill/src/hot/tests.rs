use super::*;
use gapless_model::{Candle, Flags, Rows, UnixMillis};
use proptest::prelude::*;

const LIMITS: HotLimits = HotLimits { stream_rows: 10, stream_bytes: 1 << 20, total_bytes: 1 << 20 };

fn key(symbol: &str) -> StreamKey {
    format!("candles.sim.{symbol}.1m").parse().unwrap()
}

fn batch(symbol: &str, epoch: u64, start: u64, rows: u64) -> Batch {
    let candle = |seq: u64| Candle {
        ts: UnixMillis(seq as i64 * 1000),
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: seq as f64,
    };
    let rows = Rows::Candles((start..start + rows).map(candle).collect());
    let digest = Digest(start);
    Batch {
        start: Seq(start),
        epoch: Epoch(epoch),
        digest,
        ..Batch::unsequenced(key(symbol), Flags::NONE, rows)
    }
}

fn bytes(len: usize) -> Arc<[u8]> {
    vec![0; len].into()
}

fn range(from: u64, to: u64) -> SeqRange {
    SeqRange::new(Seq(from), Seq(to + 1))
}

fn ranges(batches: &[HotBatch]) -> Vec<SeqRange> {
    batches.iter().map(|batch| batch.range).collect()
}

#[test]
fn the_newest_rows_are_served_and_older_ones_are_not_claimed() {
    let mut hot = Hot::new(LIMITS);
    for at in 0..6u64 {
        hot.insert(Position(at + 1), &batch("A", 7, 1 + at * 3, 3), bytes(100));
        hot.committed(Position(at + 1));
    }
    assert_eq!(hot.tail(&key("A")).unwrap().rows, range(10, 18));
    assert_eq!(
        ranges(&hot.read(&key("A"), range(10, 100), usize::MAX)),
        [range(10, 12), range(13, 15), range(16, 18)]
    );
    assert_eq!(ranges(&hot.read(&key("A"), range(14, 15), usize::MAX)), [range(13, 15)]);
    assert_eq!(hot.read(&key("A"), range(9, 18), usize::MAX), [], "its first row is gone");
    assert_eq!(hot.read(&key("A"), range(19, 20), usize::MAX), [], "it is not there yet");
    assert_eq!(hot.read(&key("B"), range(1, 20), usize::MAX), []);
    assert_eq!(ranges(&hot.read(&key("A"), range(10, 18), 1)), [range(10, 12)], "one is always served");
    assert_eq!(ranges(&hot.read(&key("A"), range(10, 18), 300)), [range(10, 12), range(13, 15)]);
    let small = 3 * size_of::<gapless_model::Candle>();
    assert!(2 * small < 300 && 3 * small > 300, "what small batches take once they are put together");
    assert_eq!(hot.rows(), 9);
}

#[test]
fn what_is_not_committed_stays() {
    let mut hot = Hot::new(HotLimits { total_bytes: 1000, ..LIMITS });
    for at in 0..20u64 {
        hot.insert(Position(at + 1), &batch("A", 7, 1 + at, 1), bytes(100));
    }
    assert_eq!(hot.tail(&key("A")).unwrap().rows, range(1, 20));
    hot.committed(Position(12));
    assert_eq!(hot.tail(&key("A")).unwrap().rows, range(13, 20));
    hot.committed(Position(20));
    assert!(hot.bytes() <= 1000);
}

#[test]
fn the_oldest_batches_of_all_streams_go_first() {
    let mut hot = Hot::new(HotLimits { total_bytes: 3 * (100 + OVERHEAD_BYTES), ..LIMITS });
    for (at, symbol) in ["A", "B", "A", "C"].into_iter().enumerate() {
        let start = if at == 2 { 2 } else { 1 };
        hot.insert(Position(at as u64 + 1), &batch(symbol, 7, start, 1), bytes(100));
        hot.committed(Position(at as u64 + 1));
    }
    assert_eq!(hot.tail(&key("A")).unwrap().rows, range(2, 2));
    hot.insert(Position(5), &batch("C", 7, 2, 1), bytes(100));
    hot.committed(Position(5));
    assert_eq!(hot.tail(&key("B")), None);
    let symbols: Vec<String> = hot.tails("", "").map(|tail| tail.key.symbol().to_string()).collect();
    assert_eq!(symbols, ["A", "C"]);
}

#[test]
fn a_hole_begins_the_stream_anew() {
    let mut hot = Hot::new(LIMITS);
    hot.insert(Position(1), &batch("A", 7, 1, 3), bytes(1));
    hot.insert(Position(2), &batch("A", 7, 2, 2), bytes(1));
    hot.insert(Position(9), &batch("A", 7, 8, 2), bytes(1));
    assert_eq!(hot.tail(&key("A")).unwrap().rows, range(8, 9));
    assert_eq!(hot.rows(), 2);
}

#[test]
fn epochs_that_begin_are_remembered() {
    let mut hot = Hot::new(LIMITS);
    for (at, epoch) in [7, 7, 9].into_iter().enumerate() {
        hot.insert(Position(at as u64 + 1), &batch("A", epoch, at as u64 + 1, 1), bytes(1));
    }
    let epochs: Vec<(u64, u64)> = hot
        .tail(&key("A"))
        .unwrap()
        .epochs
        .iter()
        .map(|start| (start.epoch.0, start.first_sequence.0))
        .collect();
    assert_eq!(epochs, [(7, 1), (9, 3)]);
    hot.clear(Position(2));
    assert_eq!((hot.bytes(), hot.rows(), hot.tail(&key("A"))), (0, 0, None));
}

#[test]
fn a_quiet_stream_does_not_keep_the_places_of_a_busy_one() {
    let mut hot = Hot::new(LIMITS);
    hot.insert(Position(1), &batch("QUIET", 7, 1, 1), bytes(1));
    for at in 1..10_000u64 {
        hot.insert(Position(at + 1), &batch("BUSY", 7, at, 1), bytes(1));
        hot.committed(Position(at + 1));
    }
    assert!(hot.arrivals.len() <= STALE_PLACES + 2 * hot.batches + 1, "{}", hot.arrivals.len());
    assert_eq!(hot.tail(&key("QUIET")).unwrap().rows, range(1, 1));
}

#[test]
fn a_row_is_found_by_its_time() {
    let mut hot = Hot::new(LIMITS);
    hot.insert(Position(1), &batch("A", 7, 1, 3), bytes(1));
    hot.insert(Position(2), &batch("A", 7, 4, 3), bytes(1));
    let at = |seq: i64| UnixNanos(seq * 1_000_000_000);
    let first = |from: u64, ts| hot.first_since(&key("A"), Seq(from), ts).map(|batch| batch.range);
    assert_eq!(first(1, at(2)), Some(range(1, 3)));
    assert_eq!(first(1, at(4)), Some(range(4, 6)));
    assert_eq!(first(4, at(1)), Some(range(4, 6)));
    assert_eq!(first(1, at(7)), None);
}

proptest! {
    #[test]
    fn counts_add_up_and_limits_hold(steps in prop::collection::vec((0..4usize, 1..8u64, 1..400usize, any::<bool>()), 1..200)) {
        let limits = HotLimits { stream_rows: 40, stream_bytes: 3000, total_bytes: 6000 };
        let mut hot = Hot::new(limits.clone());
        let mut next = [1u64; 4];
        for (at, (stream, rows, size, commit)) in steps.into_iter().enumerate() {
            let symbol = ["A", "B", "C", "D"][stream];
            hot.insert(Position(at as u64 + 1), &batch(symbol, 7, next[stream], rows), bytes(size));
            next[stream] += rows;
            if commit {
                hot.committed(Position(at as u64 + 1));
                prop_assert!(hot.bytes() <= limits.total_bytes);
            }
            let batches = || hot.streams.values().flat_map(|stream| &stream.batches);
            prop_assert_eq!(hot.bytes(), batches().map(cost).sum::<usize>());
            prop_assert_eq!(hot.rows(), batches().map(|batch| batch.range.len()).sum::<u64>());
            prop_assert_eq!(hot.batches, batches().count());
            prop_assert_eq!(hot.topics.len(), hot.streams.len());
            for stream in hot.streams.values() {
                prop_assert_eq!(stream.tail.rows.len(), stream.rows);
                prop_assert!(!stream.batches.is_empty());
                prop_assert!(stream.batches.iter().zip(stream.batches.iter().skip(1)).all(|(a, b)| a.range.end() == b.range.start()));
            }
        }
    }
}
