//! A client in the test's own process, and the comparison of what it got with the file.

use gapless::{Batch, Event, From, Rows, StreamReport, Subscription, SubscriptionBuilder};
use gapless_store::AppStore;
use gapless_tests::{FileCandle, LATER, Stack};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a client received: rows with their sequences, and how the stream was at the end.
pub(crate) struct Received {
    pub(crate) rows: Vec<(u64, FileCandle)>,
    pub(crate) epochs: Vec<u64>,
    pub(crate) report: StreamReport,
}

/// Follows `topic` from its start on a thread of its own until `count` rows are there.
pub(crate) fn follow(builder: SubscriptionBuilder, topic: &str, count: usize) -> JoinHandle<Received> {
    let subscription = builder.stream(topic).from(From::Start).start().unwrap();
    std::thread::spawn(move || receive(subscription, count, |_, _| {}))
}

/// The same by a reader that stops once it has `pause_at` rows and knows that these were all, says so, and
/// waits until it is told to go on.
pub(crate) fn follow_with_a_pause(
    builder: SubscriptionBuilder,
    topic: &str,
    count: usize,
    pause_at: usize,
    pause: (Sender<()>, Receiver<()>),
) -> JoinHandle<Received> {
    let subscription = builder.stream(topic).from(From::Start).start().unwrap();
    std::thread::spawn(move || {
        let (mut knows_all, mut pause) = (false, Some(pause));
        let between = |rows, event: &Event| {
            knows_all |= matches!(event, Event::CaughtUp { .. });
            if rows == pause_at
                && knows_all
                && let Some((paused, go_on)) = pause.take()
            {
                paused.send(()).unwrap();
                go_on.recv_timeout(LATER).expect("the test says when to go on");
            }
        };
        receive(subscription, count, between)
    })
}

fn receive(mut subscription: Subscription, count: usize, mut between: impl FnMut(usize, &Event)) -> Received {
    let deadline = Instant::now() + LATER;
    let (mut rows, mut epochs) = (Vec::with_capacity(count), Vec::new());
    while rows.len() < count {
        let late = Instant::now() >= deadline;
        assert!(!late, "{} of {count} rows within {LATER:?}: {:?}", rows.len(), subscription.status());
        let Some(event) = subscription.next_timeout(Duration::from_millis(100)).unwrap() else { continue };
        match &event {
            Event::Rows(batch) => {
                if epochs.last() != Some(&batch.epoch.0) {
                    epochs.push(batch.epoch.0);
                }
                rows.extend(candles(batch));
            }
            Event::Truncated { .. } | Event::Rewind { .. } | Event::Reset { .. } => {
                panic!("nothing was lost for good, and yet: {event:?}");
            }
            _ => {}
        }
        between(rows.len(), &event);
    }
    // That a gap is healed is told after its last row.
    let mut report = subscription.status().remove(0);
    while report.gaps.healed < report.gaps.found && Instant::now() < deadline {
        subscription.next_timeout(Duration::from_millis(100)).unwrap();
        report = subscription.status().remove(0);
    }
    Received { rows, epochs, report }
}

pub(crate) fn candles(batch: &Batch) -> Vec<(u64, FileCandle)> {
    let Rows::Candles(rows) = &batch.rows else { panic!("a stream of candles") };
    let row = |(row, seq): (&gapless::Candle, u64)| {
        (seq, (row.ts.0, row.open, row.high, row.low, row.close, row.volume))
    };
    rows.iter().zip(batch.start.0..).map(row).collect()
}

/// The rows are exactly `expected`, numbered from 1.
#[track_caller]
pub(crate) fn assert_whole(rows: &[(u64, FileCandle)], expected: &[FileCandle]) {
    assert_eq!(rows.len(), expected.len());
    let mut pairs = rows.iter().zip(expected).zip(1..);
    let wrong = pairs.find(|((row, expected), seq)| row.0 != *seq || row.1 != **expected);
    assert_eq!(wrong, None);
}

/// The same of an application's DuckDB file.
#[track_caller]
pub(crate) fn assert_file_whole(path: &Path, topic: &str, expected: &[FileCandle]) {
    let store = AppStore::open(path).unwrap();
    let key = topic.parse().unwrap();
    let bounds = store.reader().bounds(&key).unwrap();
    let mut rows = Vec::new();
    let scanned = store.reader().scan(&key, bounds, |batch| {
        rows.extend(candles(&batch));
        Ok::<(), gapless_store::StoreError>(())
    });
    scanned.unwrap();
    assert_whole(&rows, expected);
}

/// `gapless tail TOPIC --into FILE` until it has caught up.
#[track_caller]
pub(crate) fn tail_into(stack: &Stack, topic: &str, path: &Path) {
    stack.run(&["tail", topic, "--from", "start", "--into", path.to_str().unwrap(), "--until-caught-up"]);
}
