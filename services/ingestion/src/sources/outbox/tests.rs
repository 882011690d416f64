use super::*;
use crate::sources::fake_journal::{FakeJournal, candles};
use gapless_model::{Candle, Kind, UnixMillis};
use proptest::prelude::*;

fn key() -> StreamKey {
    StreamKey::new(Kind::Candles, "s", "X", "1m").unwrap()
}

fn outbox(journal: &FakeJournal, taken: u64) -> Outbox {
    let progress = Arc::new(Progress::new("test"));
    Outbox::new(journal.intake.clone(), Shutdown::new(), progress, key(), "p".into(), taken)
}

/// Candles whose time is their number, from `first` on.
fn numbered(first: u64, count: usize) -> Rows {
    let candle =
        |n| Candle { ts: UnixMillis(n as i64), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
    Rows::Candles((first..).take(count).map(candle).collect())
}

fn numbers(journal: &FakeJournal) -> Vec<i64> {
    candles(journal.rows(&key())).iter().map(|candle| candle.ts.0).collect()
}

fn no_space() -> Option<Refusal> {
    Some(Refusal::NoSpace { retry_after_ms: 10 })
}

#[test]
fn what_is_pushed_arrives_batch_by_batch() {
    let journal = FakeJournal::new(100);
    let mut outbox = outbox(&journal, 0);
    outbox.push(numbered(1, 5));
    outbox.push(numbered(6, 5));
    outbox.pump(Instant::now()).unwrap();
    journal.work(|| None);
    outbox.pump(Instant::now()).unwrap();
    assert!(outbox.is_empty());
    assert_eq!(outbox.delivered(), 10);
    assert_eq!(numbers(&journal), (1..=10).collect::<Vec<_>>());
    assert_eq!(journal.rows(&key()).iter().map(Rows::len).collect::<Vec<_>>(), [5, 5]);
    assert_eq!((outbox.progress.delivered(), outbox.progress.duplicate()), (10, 0));
}

#[test]
fn a_batch_refused_for_lack_of_space_is_sent_again_with_those_behind_it() {
    let journal = FakeJournal::new(100);
    let mut outbox = outbox(&journal, 0);
    for first in [1, 2, 3, 4] {
        outbox.push(numbered(first, 1));
    }
    let start = Instant::now();
    outbox.pump(start).unwrap();
    let mut answers = [None, no_space()].into_iter();
    journal.work(|| answers.next().flatten());
    outbox.pump(start).unwrap();
    assert_eq!(outbox.delivered(), 1);
    outbox.pump(start + Duration::from_millis(5)).unwrap();
    journal.work(|| None);
    assert_eq!(numbers(&journal), [1], "not before the time that the refusal named");
    outbox.pump(start + Duration::from_millis(10)).unwrap();
    journal.work(|| None);
    outbox.pump(start + Duration::from_millis(10)).unwrap();
    assert_eq!((numbers(&journal), outbox.is_empty()), (vec![1, 2, 3, 4], true));
}

#[test]
fn rows_that_an_earlier_run_delivered_count_as_duplicates() {
    let journal = FakeJournal::new(100);
    let mut first = outbox(&journal, 0);
    first.push(numbered(1, 1));
    first.push(numbered(2, 9));
    first.pump(Instant::now()).unwrap();
    journal.work(|| None);
    let mut second = outbox(&journal, 0);
    second.push(numbered(1, 1));
    second.push(numbered(2, 9));
    second.push(numbered(11, 2));
    second.pump(Instant::now()).unwrap();
    journal.work(|| None);
    second.pump(Instant::now()).unwrap();
    journal.work(|| None);
    second.pump(Instant::now()).unwrap();
    assert!(second.is_empty());
    assert_eq!(numbers(&journal), (1..=12).collect::<Vec<_>>());
    assert_eq!((second.progress.delivered(), second.progress.duplicate()), (2, 10));
}

#[test]
fn rows_that_the_journal_has_up_to_the_middle_of_a_batch_send_the_source_elsewhere() {
    let journal = FakeJournal::new(100);
    let mut first = outbox(&journal, 0);
    first.push(numbered(1, 1));
    first.push(numbered(2, 6));
    first.pump(Instant::now()).unwrap();
    journal.work(|| None);
    let mut second = outbox(&journal, 0);
    second.push(numbered(1, 10));
    second.pump(Instant::now()).unwrap();
    journal.work(|| None);
    assert_eq!(second.pump(Instant::now()), Err(Trouble::Elsewhere { taken: 7 }));
    second.resume(7);
    second.push(numbered(8, 3));
    second.pump(Instant::now()).unwrap();
    journal.work(|| None);
    second.pump(Instant::now()).unwrap();
    assert_eq!(numbers(&journal), (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_forgotten_producer_begins_anew_without_losing_what_waits() {
    let journal = FakeJournal::new(100);
    let mut outbox = outbox(&journal, 0);
    outbox.push(numbered(1, 3));
    outbox.pump(Instant::now()).unwrap();
    journal.work(|| None);
    outbox.pump(Instant::now()).unwrap();
    journal.forget_producers();
    outbox.push(numbered(4, 3));
    outbox.pump(Instant::now()).unwrap();
    journal.work(|| None);
    assert_eq!(outbox.pump(Instant::now()), Err(Trouble::Elsewhere { taken: 0 }));
    outbox.begin_anew("q".into());
    outbox.pump(Instant::now()).unwrap();
    journal.work(|| None);
    outbox.pump(Instant::now()).unwrap();
    assert_eq!((numbers(&journal), outbox.is_empty()), (vec![1, 2, 3, 4, 5, 6], true));
}

#[test]
fn rows_that_will_never_be_taken_are_dropped_by_name_and_the_rest_goes_on() {
    let journal = FakeJournal::new(100);
    let mut outbox = outbox(&journal, 0);
    outbox.push(numbered(1, 1));
    let broken = Candle { ts: UnixMillis(2), open: f64::NAN, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
    outbox.push(Rows::Candles(vec![broken]));
    outbox.push(numbered(3, 2));
    outbox.pump(Instant::now()).unwrap();
    journal.work(|| None);
    let Err(Trouble::Rejected { rows: 1, reason }) = outbox.pump(Instant::now()) else {
        panic!("not rejected")
    };
    assert!(reason.contains("open is NaN"), "{reason}");
    outbox.pump(Instant::now()).unwrap();
    journal.work(|| None);
    outbox.pump(Instant::now()).unwrap();
    assert_eq!((numbers(&journal), outbox.progress.bad()), (vec![1, 3, 4], 1));
}

#[test]
fn a_closing_service_is_told_apart_from_a_busy_one() {
    let journal = FakeJournal::new(1);
    let mut outbox = outbox(&journal, 0);
    outbox.push(numbered(1, 1));
    outbox.push(numbered(2, 1));
    outbox.pump(Instant::now()).unwrap();
    journal.intake.close();
    journal.work(|| Some(Refusal::closing()));
    assert_eq!(outbox.pump(Instant::now()), Err(Trouble::Closing));
}

proptest! {
    /// Whatever the queue's length, the batches' sizes and the refusals: every row once, in order.
    #[test]
    fn every_row_arrives_once_and_in_order(
        sizes in prop::collection::vec(1usize..20, 1..60),
        queue in 1usize..8,
        faults in prop::collection::vec(0u8..4, 0..60),
    ) {
        let journal = FakeJournal::new(queue);
        let mut outbox = outbox(&journal, 0);
        let (mut sizes, mut faults) = (sizes.into_iter(), faults.into_iter());
        let (mut sent, mut now) = (0u64, Instant::now());
        for _ in 0..10_000 {
            if !outbox.is_full() && let Some(size) = sizes.next() {
                outbox.push(numbered(sent + 1, size));
                sent += size as u64;
            }
            outbox.pump(now).unwrap();
            journal.work(|| faults.next().filter(|fault| *fault == 0).and_then(|_| no_space()));
            now += Duration::from_millis(20);
            if outbox.is_empty() && sizes.len() == 0 {
                break;
            }
        }
        prop_assert!(outbox.is_empty());
        prop_assert_eq!(outbox.delivered(), sent);
        prop_assert_eq!(numbers(&journal), (1..=sent as i64).collect::<Vec<_>>());
        prop_assert_eq!(outbox.progress.delivered() + outbox.progress.duplicate(), sent);
    }
}
