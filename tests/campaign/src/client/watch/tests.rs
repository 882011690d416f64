use super::*;
use gapless::{Batch, Flags, Rows};

fn rows(start: u64, count: usize) -> Event {
    let key: StreamKey = "candles.crash.a.1s".parse().unwrap();
    let candle = gapless::Candle {
        ts: gapless::UnixMillis(0),
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: 0.0,
    };
    let batch = Batch::unsequenced(key, Flags::NONE, Rows::Candles(vec![candle; count]));
    Event::Rows(Batch { start: Seq(start), epoch: Epoch(1), ..batch })
}

fn seen(events: &[Event]) -> Seen {
    let watch = Watch::new();
    events.iter().for_each(|event| watch.lock().take(event));
    watch.lock().clone()
}

#[test]
fn rows_that_follow_on_each_other_are_right() {
    let seen = seen(&[rows(1, 3), rows(4, 2)]);
    assert_eq!((seen.rows, seen.skipped, seen.repeated, seen.problems.len()), (5, 0, 0, 0));
}

#[test]
fn a_hole_and_a_repetition_are_counted_and_told() {
    let hole = seen(&[rows(1, 3), rows(6, 2)]);
    assert_eq!((hole.skipped, hole.repeated, hole.problems.len()), (2, 0, 1));
    let again = seen(&[rows(1, 3), rows(2, 2)]);
    assert_eq!((again.skipped, again.repeated, again.problems.len()), (0, 2, 1));
}

#[test]
fn giving_rows_up_is_told() {
    let key: StreamKey = "candles.crash.a.1s".parse().unwrap();
    let reset = Event::Reset { key, from: Epoch(1), to: Epoch(2) };
    assert_eq!(seen(&[reset]).problems.len(), 1);
}
