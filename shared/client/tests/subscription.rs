//! Subscriptions over real sockets, against an upstream that loses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use gapless::{Acknowledge, Cursor, Epoch, Error, Event, From, Health, MemoryStore, Seq, UnixNanos};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake};
use std::time::{Duration, Instant};
use support::{PATIENCE, Upstream, key, sequences};

fn one_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}

#[test]
fn hands_over_history_and_then_what_comes_live() {
    let mut upstream = Upstream::start(100);
    let mut sub = upstream.client().subscribe().stream(key()).from(From::Start).start().unwrap();
    let mut events = upstream.events_to(&mut sub, 100);
    upstream.publish(50, false);
    events.extend(upstream.events_to(&mut sub, 150));
    assert_eq!(sequences(&events), one_to(150));
    let report = &sub.status()[0];
    assert_eq!((report.applied, report.epoch, report.rows), (Seq(150), Epoch(7), 150));
    assert!(report.caught_up);
}

#[test]
fn heals_a_gap_and_tells_about_it() {
    let mut upstream = Upstream::start(10);
    let mut sub = upstream.client().subscribe().prefix("candles.").from(From::Start).start().unwrap();
    let mut events = upstream.events_to(&mut sub, 10);
    // A batch that arrives proves that the live feed is connected, so that the next one is missed.
    upstream.publish(1, false);
    events.extend(upstream.events_to(&mut sub, 11));
    upstream.publish(5, true);
    upstream.publish(5, false);
    events.extend(
        upstream.events_until(&mut sub, |event| event.rows().is_some_and(|b| b.range().last() == Seq(21))),
    );
    assert_eq!(sequences(&events), one_to(21));
    let healed = |event: &Event| matches!(event, Event::GapHealed { gap, .. } if gap.range.contains(Seq(12)));
    if !events.iter().any(healed) {
        events.extend(upstream.events_until(&mut sub, healed));
    }
    let report = &sub.status()[0];
    assert!(report.gaps.found > 0 && report.gaps.found == report.gaps.healed, "{report:?}");
    assert_eq!(report.gaps.truncated, 0);
}

#[test]
fn heals_a_lost_tail_from_the_next_watermark() {
    let mut upstream = Upstream::start(10);
    let mut sub = upstream.client().subscribe().stream(key()).from(From::Start).start().unwrap();
    let mut events = upstream.events_to(&mut sub, 10);
    upstream.publish(7, true);
    events.extend(upstream.events_to(&mut sub, 17));
    assert_eq!(sequences(&events), one_to(17));
}

#[test]
fn begins_where_it_is_told() {
    for (from, first) in [
        (From::Sequence(Seq(40)), 40),
        (From::Time(UnixNanos(61 * 60_000 * 1_000_000)), 61),
        (From::Cursor, 1),
        (From::Start, 1),
    ] {
        let mut upstream = Upstream::start(100);
        let mut sub = upstream.client().subscribe().stream(key()).from(from).start().unwrap();
        let events = upstream.events_to(&mut sub, 100);
        assert_eq!(sequences(&events), (first..=100).collect::<Vec<u64>>(), "{from:?}");
    }
}

#[test]
fn begins_after_the_latest_row_when_told() {
    let mut upstream = Upstream::start(100);
    let mut sub = upstream.client().subscribe().stream(key()).from(From::Latest).start().unwrap();
    upstream.events_until(&mut sub, |event| matches!(event, Event::CaughtUp { at: Seq(100), .. }));
    upstream.publish(3, false);
    let events = upstream.events_to(&mut sub, 103);
    assert_eq!(sequences(&events), [101, 102, 103]);
}

#[test]
fn resumes_after_the_last_acknowledged_row() {
    let mut upstream = Upstream::start(100);
    let store = MemoryStore::new();
    let mut sub = upstream.client().subscribe().stream(key()).store(store.clone()).start().unwrap();
    upstream.events_to(&mut sub, 100);
    assert_eq!(store.cursor(&key()), None, "handed over is not acknowledged");
    let _ = sub.next_timeout(Duration::ZERO).unwrap();
    assert_eq!(store.cursor(&key()), Some(Cursor { epoch: Epoch(7), applied: Seq(100) }));
    drop(sub);
    upstream.publish(5, true);
    let mut sub = upstream.client().subscribe().stream(key()).store(store).start().unwrap();
    let events = upstream.events_to(&mut sub, 105);
    assert_eq!(sequences(&events), [101, 102, 103, 104, 105]);
}

#[test]
fn what_was_not_acknowledged_comes_again() {
    let mut upstream = Upstream::start(10);
    let store = MemoryStore::new();
    for _ in 0..2 {
        let builder = upstream.client().subscribe().stream(key()).store(store.clone());
        let mut sub = builder.acknowledge(Acknowledge::Explicit).start().unwrap();
        let events = upstream.events_to(&mut sub, 10);
        assert_eq!(sequences(&events), one_to(10));
    }
    let builder = upstream.client().subscribe().stream(key()).store(store.clone());
    let mut sub = builder.acknowledge(Acknowledge::Explicit).start().unwrap();
    for event in upstream.events_to(&mut sub, 10) {
        sub.ack(event).unwrap();
    }
    assert_eq!(store.cursor(&key()).unwrap().applied, Seq(10));
}

#[test]
fn a_trimmed_range_is_announced_and_the_state_follows() {
    let mut upstream = Upstream::start(100);
    upstream.log.lock().unwrap().earliest = 51;
    let mut sub = upstream.client().subscribe().stream(key()).from(From::Sequence(Seq(1))).start().unwrap();
    let events = upstream.events_to(&mut sub, 100);
    let truncated = events.iter().find_map(|event| match event {
        Event::Truncated { range, .. } => Some(*range),
        _ => None,
    });
    assert_eq!(truncated, Some(support::rows(1, 50)));
    assert_eq!(sequences(&events), (51..=100).collect::<Vec<u64>>());
    let found = |event: &Event| matches!(event, Event::State(state) if state.watermark.latest == Seq(100) && state.window.is_some());
    if !events.iter().any(found) {
        upstream.events_until(&mut sub, found);
    }
    assert_eq!(sub.status()[0].gaps.rows_truncated, 50);
}

#[test]
fn rows_of_lost_history_are_taken_back_explicitly() {
    let mut upstream = Upstream::start(100);
    let store = MemoryStore::new();
    let mut sub = upstream.client().subscribe().stream(key()).store(store.clone()).start().unwrap();
    upstream.events_to(&mut sub, 100);
    {
        let mut log = upstream.log.lock().unwrap();
        (log.epoch, log.epoch_start, log.latest) = (9, 91, 95);
    }
    let events = upstream.events_to(&mut sub, 95);
    let rewind = events
        .iter()
        .position(|event| matches!(event, Event::Rewind { from: Epoch(7), to: Epoch(9), keep: Seq(90), .. }));
    assert!(rewind.is_some(), "{events:?}");
    assert_eq!(sequences(&events), [91, 92, 93, 94, 95]);
    let _ = sub.next_timeout(Duration::ZERO).unwrap();
    assert_eq!(store.cursor(&key()), Some(Cursor { epoch: Epoch(9), applied: Seq(95) }));
}

#[test]
fn ends_when_it_has_caught_up_if_that_was_asked_for() {
    let upstream = Upstream::start(25_000);
    let builder = upstream.client().subscribe().prefix("").from(From::Start).until_caught_up(PATIENCE);
    let events: Vec<Event> = builder.start().unwrap().map(Result::unwrap).collect();
    assert_eq!(sequences(&events), one_to(25_000));
}

#[test]
fn an_unknown_stream_cannot_be_caught_up_with() {
    let upstream = Upstream::start(1);
    let builder = upstream.client().subscribe().stream("candles.no.such.1m").until_caught_up(PATIENCE);
    let error = builder.start().unwrap_err();
    assert!(matches!(&error, Error::Usage(text) if text.contains("candles.no.such.1m")), "{error}");
}

#[test]
fn says_which_service_does_not_answer() {
    let client = gapless::Client::new(gapless::Endpoints {
        backfill: "tcp://127.0.0.1:9".into(),
        ..Default::default()
    });
    let error = client.with_patience(Duration::from_millis(100)).streams("").unwrap_err();
    assert!(matches!(error, Error::Unavailable { service: gapless::Service::Backfill, .. }), "{error}");
}

#[test]
fn can_be_stopped_from_another_thread() {
    let upstream = Upstream::start(0);
    let mut sub = upstream.client().subscribe().stream(key()).start().unwrap();
    let stopper = sub.stopper();
    let waiting = std::thread::spawn(move || {
        while sub.next_timeout(PATIENCE).unwrap().is_some() {}
        sub.has_ended()
    });
    stopper.stop();
    assert!(waiting.join().unwrap());
}

#[test]
fn is_an_asynchronous_stream_on_any_runtime() {
    let upstream = Upstream::start(3_000);
    let builder =
        upstream.client().subscribe().prefix("candles.").from(From::Start).until_caught_up(PATIENCE);
    let mut stream = builder.start_async().unwrap();
    let mut events = Vec::new();
    while let Some(event) = block_on(poll_fn(|cx| futures_core::Stream::poll_next(Pin::new(&mut stream), cx)))
    {
        events.push(event.unwrap());
    }
    assert_eq!(sequences(&events), one_to(3_000));
    assert!(stream.status()[0].caught_up);
}

#[test]
fn the_health_of_a_stream_can_be_seen() {
    let mut upstream = Upstream::start(5);
    let mut sub = upstream.client().subscribe().stream(key()).from(From::Start).start().unwrap();
    upstream.events_to(&mut sub, 5);
    let mut upstream = upstream;
    upstream.until(|| {
        let _ = sub.next_timeout(Duration::from_millis(20)).unwrap();
        let healthy = |health| matches!(health, Health::Receiving | Health::Subscribed);
        healthy(sub.status()[0].health).then_some(())
    });
    assert!(sub.status()[0].age.is_some_and(|age| age < PATIENCE));
}

/// The smallest runtime: polls on this thread, parks in between.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    let end = Instant::now() + PATIENCE;
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        assert!(Instant::now() < end, "never ready");
        std::thread::park_timeout(PATIENCE);
    }
}
