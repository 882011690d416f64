use super::*;
use gapless_model::{Candle, Flags, Kind, UnixMillis};
use proptest::prelude::*;

const START: MonoTime = MonoTime(0);

fn key(symbol: &str) -> StreamKey {
    StreamKey::new(Kind::Candles, "test", symbol, "5m").unwrap()
}

fn closed(symbol: &str, ts: i64) -> Closed {
    let candle = Candle { ts: UnixMillis(ts), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 1.0 };
    Closed { key: key(symbol), candles: vec![candle], flags: Flags::NONE }
}

fn opened() -> Outbox {
    let mut outbox = Outbox::new(None);
    outbox.open();
    outbox
}

/// The number of a batch and the one before it, 0 for none: a batch that names itself has none before it.
fn numbers(send: &Send) -> (u64, u64) {
    let (number, previous) = (send.producer_sequence, send.previous_producer_sequence);
    assert_ne!(previous, 0, "0 would mean the number below its own");
    (number, if previous == number { 0 } else { previous })
}

#[test]
fn each_stream_has_one_batch_in_flight_that_names_the_one_before() {
    let mut outbox = opened();
    for (symbol, position) in [("A", 3), ("B", 4), ("A", 7)] {
        outbox.push(Position(position), closed(symbol, position as i64));
    }
    let a = outbox.poll_send(START).unwrap();
    let b = outbox.poll_send(START).unwrap();
    assert_eq!((numbers(&a), numbers(&b)), ((3, 0), (4, 0)));
    assert_eq!(outbox.poll_send(START), None);
    assert_eq!(outbox.handle_reply(a.id, Reply::Accepted, START), Outcome::Accepted { rows: 1 });
    assert_eq!(numbers(&outbox.poll_send(START).unwrap()), (7, 3));
    assert_eq!((outbox.len(), outbox.oldest()), (2, Some(Position(3))), "the journal did not show 3 yet");
    outbox.seen(&key("A"), 3);
    assert_eq!((outbox.len(), outbox.oldest()), (2, Some(Position(4))));
}

#[test]
fn nothing_is_sent_while_history_is_read_and_nothing_that_history_holds_after() {
    let mut outbox = Outbox::new(None);
    for position in [3, 7, 9] {
        outbox.push(Position(position), closed("A", position as i64));
    }
    assert_eq!(outbox.poll_send(START), None);
    assert_eq!(outbox.seen(&key("A"), 3), 1);
    assert_eq!(outbox.seen(&key("A"), 7), 1);
    outbox.open();
    assert_eq!(numbers(&outbox.poll_send(START).unwrap()), (9, 7));
    outbox.push(Position(5), closed("A", 5));
    assert_eq!(outbox.len(), 1, "a bar at an older position is in the journal already");
}

#[test]
fn a_batch_without_an_answer_is_sent_again_with_growing_pauses() {
    let mut outbox = opened();
    outbox.push(Position(3), closed("A", 3));
    let first = outbox.poll_send(START).unwrap();
    let (mut now, mut pauses) = (START, Vec::new());
    for _ in 0..5 {
        now = outbox.poll_timeout().unwrap();
        assert_eq!(outbox.handle_timeout(now), 1);
        let again = outbox.poll_timeout().unwrap();
        pauses.push(again.since(now));
        assert_eq!(outbox.poll_send(now), None);
        assert_eq!(outbox.handle_timeout(again), 0);
        assert_eq!(numbers(&outbox.poll_send(again).unwrap()), (3, 0));
    }
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
    assert!(pauses[4] <= RETRY_MAX);
    assert_eq!(outbox.handle_reply(first.id, Reply::Accepted, now), Outcome::Stale);
}

#[test]
fn a_refusal_for_now_waits_as_long_as_it_asks() {
    let mut outbox = opened();
    outbox.push(Position(3), closed("A", 3));
    let send = outbox.poll_send(START).unwrap();
    let after = Duration::from_secs(2);
    assert_eq!(outbox.handle_reply(send.id, Reply::Later { after }, START), Outcome::Again);
    assert_eq!(outbox.poll_timeout(), Some(START.after(after)));
}

#[test]
fn a_refusal_for_good_gives_the_batch_up_and_goes_on() {
    let mut outbox = opened();
    outbox.push(Position(3), closed("A", 3));
    outbox.push(Position(5), closed("A", 5));
    let send = outbox.poll_send(START).unwrap();
    let outcome = outbox.handle_reply(send.id, Reply::Refused { code: 413 }, START);
    assert_eq!(outcome, Outcome::GivenUp { rows: 1, code: 413 });
    assert_eq!(numbers(&outbox.poll_send(START).unwrap()), (5, 0));
}

#[test]
fn a_conflict_with_a_record_on_its_way_waits_for_that_record() {
    let mut outbox = opened();
    outbox.push(Position(3), closed("A", 3));
    outbox.push(Position(5), closed("A", 5));
    let send = outbox.poll_send(START).unwrap();
    let conflict = Reply::Conflict { expected_previous: 3 };
    assert_eq!(outbox.handle_reply(send.id, conflict, START), Outcome::Again);
    assert_eq!((outbox.poll_send(START), outbox.poll_timeout()), (None, None));
    assert_eq!(outbox.seen(&key("A"), 3), 1);
    assert_eq!(numbers(&outbox.poll_send(START).unwrap()), (5, 3));
}

#[test]
fn a_producer_that_ingestion_forgot_goes_on_after_what_it_is_told() {
    let mut outbox = opened();
    outbox.seen(&key("A"), 3);
    outbox.push(Position(5), closed("A", 5));
    let send = outbox.poll_send(START).unwrap();
    assert_eq!(numbers(&send), (5, 3));
    outbox.handle_reply(send.id, Reply::Conflict { expected_previous: 0 }, START);
    let again = outbox.poll_timeout().unwrap();
    outbox.handle_timeout(again);
    assert_eq!(numbers(&outbox.poll_send(again).unwrap()), (5, 0));
}

#[test]
fn the_journal_may_be_faster_than_the_acknowledgement() {
    let mut outbox = opened();
    outbox.push(Position(3), closed("A", 3));
    outbox.push(Position(5), closed("A", 5));
    let send = outbox.poll_send(START).unwrap();
    assert_eq!(outbox.seen(&key("A"), 3), 1);
    let next = outbox.poll_send(START).unwrap();
    assert_eq!(numbers(&next), (5, 3));
    assert_eq!(outbox.handle_reply(send.id, Reply::Accepted, START), Outcome::Stale);
    assert_eq!(outbox.handle_reply(next.id, Reply::Accepted, START), Outcome::Accepted { rows: 1 });
    assert_eq!((outbox.len(), outbox.poll_timeout()), (0, None));
}

#[test]
fn another_epoch_is_sent_all_that_it_does_not_show() {
    let mut outbox = opened();
    for position in [3, 7, 9] {
        outbox.push(Position(position), closed("A", position as i64));
    }
    for _ in 0..2 {
        let send = outbox.poll_send(START).unwrap();
        outbox.handle_reply(send.id, Reply::Accepted, START);
    }
    outbox.seen(&key("A"), 3);
    let late = outbox.poll_send(START).unwrap();
    assert_eq!((numbers(&late), outbox.len()), ((9, 7), 1));
    outbox.send_again();
    assert_eq!(outbox.len(), 2, "7 was acknowledged and never shown");
    assert_eq!(numbers(&outbox.poll_send(START).unwrap()), (7, 3));
    assert_eq!(outbox.handle_reply(late.id, Reply::Accepted, START), Outcome::Stale);
    outbox.seen(&key("A"), 9);
    assert!(outbox.is_empty() && outbox.poll_send(START).is_none());
}

#[test]
fn ids_are_not_used_again_by_the_next_outbox() {
    let mut outbox = opened();
    outbox.push(Position(3), closed("A", 3));
    let first = outbox.poll_send(START).unwrap();
    let mut next = Outbox::new(Some(&outbox));
    next.open();
    next.push(Position(3), closed("A", 3));
    assert!(next.poll_send(START).unwrap().id > first.id);
}

/// Ingestion as the engine sees it: takes batches in order, loses answers, refuses for a while.
#[derive(Default)]
struct Ingestion {
    last: u64,
    taken: Vec<u64>,
    /// Records that the journal has not shown yet.
    unseen: Vec<u64>,
}

impl Ingestion {
    fn take(&mut self, send: &Send) -> Reply {
        if send.producer_sequence <= self.last {
            return Reply::Accepted;
        }
        if numbers(send).1 != self.last {
            return Reply::Conflict { expected_previous: self.last };
        }
        self.last = send.producer_sequence;
        self.taken.push(send.producer_sequence);
        self.unseen.push(send.producer_sequence);
        Reply::Accepted
    }
}

proptest! {
    /// Whatever is lost, refused or restarted on the way, ingestion takes each batch once and in order.
    #[test]
    fn every_batch_is_taken_once_and_in_order(troubles in prop::collection::vec(0u8..6, 0..60), count in 1u64..12) {
        let mut ingestion = Ingestion::default();
        let mut outbox = opened();
        let fill = |outbox: &mut Outbox| {
            for number in 1..=count {
                outbox.push(Position(number * 2), closed("A", number as i64));
            }
        };
        fill(&mut outbox);
        let (mut now, mut troubles) = (START, troubles.into_iter());
        for _ in 0..400 {
            while let Some(send) = outbox.poll_send(now) {
                match troubles.next() {
                    Some(0) => {} // The batch is lost.
                    Some(1) => { ingestion.take(&send); } // The answer is lost.
                    Some(2) => {
                        outbox.handle_reply(send.id, Reply::Later { after: Duration::from_millis(7) }, now);
                    }
                    Some(3) => {
                        // The engine restarts: it reads the journal again and derives the same bars.
                        let mut again = Outbox::new(Some(&outbox));
                        fill(&mut again);
                        for number in &ingestion.taken {
                            again.seen(&key("A"), *number);
                        }
                        ingestion.unseen.clear();
                        again.open();
                        outbox = again;
                    }
                    Some(4) => {
                        ingestion.take(&send);
                        for number in ingestion.unseen.drain(..) {
                            outbox.seen(&key("A"), number);
                        }
                    }
                    Some(_) | None => {
                        let reply = ingestion.take(&send);
                        outbox.handle_reply(send.id, reply, now);
                    }
                }
            }
            now = outbox.poll_timeout().unwrap_or(now.after(Duration::from_secs(1)));
            outbox.handle_timeout(now);
            for number in ingestion.unseen.drain(..) {
                outbox.seen(&key("A"), number);
            }
        }
        let expected: Vec<u64> = (1..=count).map(|number| number * 2).collect();
        prop_assert_eq!(ingestion.taken, expected);
        prop_assert_eq!(outbox.len(), 0);
    }
}
