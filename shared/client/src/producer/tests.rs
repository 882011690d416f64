//! The window as a state machine against a small ingestion that loses, refuses and forgets.

mod grouping;

use super::ticket::promised;
use super::window::{Output, Window};
use super::{Numbering, OnForgotten, ProducerSettings, Receipt, Refused};
use crate::Error;
use gapless_model::{
    Batch, Candle, Epoch, Flags, MetricRows, MonoTime, Position, Rows, Seq, SeqRange, StreamKey, UnixMillis,
    UnixNanos,
};
use gapless_wire::{Durability, ErrorCode, ErrorResponse, IngestAck, IngestNack, Limits, decode_batch};
use std::time::Duration;

/// Ingestion's rules for one producer and one stream.
#[derive(Default)]
struct FakeIngestion {
    last: u64,
    accepted: Vec<(u64, Vec<u64>)>,
}

/// A batch of one row for each value.
fn batch_of(key: &StreamKey, values: &[u64]) -> Batch {
    let candle = |value: &u64| {
        let price = *value as f64;
        Candle { ts: UnixMillis(1), open: price, high: price, low: price, close: price, volume: 0.0 }
    };
    Batch::unsequenced(key.clone(), Flags::NONE, Rows::Candles(values.iter().map(candle).collect()))
}

fn values(bytes: &[u8]) -> Vec<u64> {
    let Rows::Candles(candles) = decode_batch(bytes, &Limits::ingest()).unwrap().rows else {
        panic!("these are candles")
    };
    candles.iter().map(|candle| candle.open as u64).collect()
}

enum Reply {
    Ack(IngestAck),
    Nack(IngestNack),
}

impl FakeIngestion {
    fn take(&mut self, number: u64, previous: u64, bytes: &[u8]) -> Reply {
        let rows = values(bytes);
        if number <= self.last {
            let known = self.accepted.iter().any(|(n, known)| *n == number && *known == rows);
            return if known { Reply::Ack(self.ack(number, true)) } else { nack(number, 409, self.last) };
        }
        let expected = match previous {
            0 => number - 1,
            itself if itself == number => 0,
            previous => previous,
        };
        if expected != self.last {
            return nack(number, 409, self.last);
        }
        self.last = number;
        self.accepted.push((number, rows));
        Reply::Ack(self.ack(number, false))
    }

    fn ack(&self, number: u64, duplicate: bool) -> IngestAck {
        let count = |(_, rows): &(u64, Vec<u64>)| rows.len() as u64;
        let before: u64 = self.accepted.iter().filter(|(n, _)| *n < number).map(count).sum();
        let rows = self.accepted.iter().find(|(n, _)| *n == number).map_or(0, count);
        IngestAck {
            producer_sequence: number,
            partition: 0,
            position: Position(number),
            epoch: Epoch(1),
            first: Seq(before + 1),
            last: Seq(before + rows),
            durability: Durability::Written,
            duplicate,
        }
    }

    /// The values of all rows that are there.
    fn rows(&self) -> Vec<u64> {
        self.accepted.iter().flat_map(|(_, rows)| rows.iter().copied()).collect()
    }
}

fn nack(number: u64, code: u32, expected_previous: u64) -> Reply {
    let error = ErrorResponse { code: ErrorCode(code), message: "no".into(), retry_after_ms: 0 };
    Reply::Nack(IngestNack { producer_sequence: number, error, expected_previous })
}

fn key() -> StreamKey {
    "candles.a.b.1m".parse().unwrap()
}

/// One that puts nothing together.
fn window() -> Window<usize> {
    grouping_window(usize::MAX)
}

fn grouping_window(group_after: usize) -> Window<usize> {
    Window::new(ProducerSettings { group_after, ..ProducerSettings::new("tcp://127.0.0.1:1", "p") }, 7)
}

/// Hands over one row.
fn push_row(window: &mut Window<usize>, numbering: Numbering, value: u64, ticket: usize, now: MonoTime) {
    window.push(batch_of(&key(), &[value]), numbering, 1, ticket, now);
}

/// What the window settled: the ticket and the number, or the code of the refusal.
type Settled = Vec<(usize, Result<u64, u32>)>;

fn numbers(settled: Vec<(usize, Result<Receipt, u32>)>) -> Settled {
    settled.into_iter().map(|(ticket, result)| (ticket, result.map(|receipt| receipt.number))).collect()
}

/// Moves messages between both until the window has nothing to do; `spoil` may replace a reply or lose it.
fn run(
    window: &mut Window<usize>,
    ingestion: &mut FakeIngestion,
    now: &mut MonoTime,
    spoil: impl FnMut(u64, Reply) -> Option<Reply>,
) -> Settled {
    numbers(receipts(window, ingestion, now, spoil))
}

fn receipts(
    window: &mut Window<usize>,
    ingestion: &mut FakeIngestion,
    now: &mut MonoTime,
    mut spoil: impl FnMut(u64, Reply) -> Option<Reply>,
) -> Vec<(usize, Result<Receipt, u32>)> {
    let mut settled = Vec::new();
    for _ in 0..100_000 {
        let Some(output) = window.poll_output() else {
            let Some((due, _)) = window.poll_timeout() else { return settled };
            *now = due.max(*now);
            window.handle_timeout(*now);
            continue;
        };
        match output {
            Output::Ask { correlation, .. } => window.handle_status(&correlation, ingestion.last, *now),
            Output::Settle { ticket, result, .. } => {
                settled.push((ticket, result.map_err(|r| r.error.code.0)));
            }
            Output::Send { correlation, batch } => {
                let number = batch.producer_sequence;
                let reply = ingestion.take(number, batch.previous_producer_sequence, &batch.batch);
                match spoil(number, reply) {
                    Some(Reply::Ack(ack)) => window.handle_ack(&correlation, &ack, *now),
                    Some(Reply::Nack(nack)) => window.handle_nack(&correlation, &nack, *now),
                    None => {}
                }
            }
        }
    }
    panic!("the window never came to rest");
}

fn push(window: &mut Window<usize>, count: usize, now: MonoTime) {
    for ticket in 0..count {
        push_row(window, Numbering::Next, ticket as u64, ticket, now);
    }
}

fn in_order(ingestion: &FakeIngestion) -> bool {
    ingestion.accepted.windows(2).all(|pair| pair[0].0 < pair[1].0)
}

#[test]
fn sends_every_batch_once_and_in_order_when_nothing_goes_wrong() {
    let (mut window, mut ingestion, mut now) = (window(), FakeIngestion::default(), MonoTime(0));
    push(&mut window, 200, now);
    let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(settled, (0..200).map(|n| (n, Ok(n as u64 + 1))).collect::<Settled>());
    assert_eq!(window.counts().resent, 0);
}

#[test]
fn loses_and_doubles_nothing_when_replies_are_lost_and_ingestion_is_busy() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let groups = seed % 2 == 1;
        let mut window = grouping_window(if groups { 2 } else { usize::MAX });
        let (mut ingestion, mut now) = (FakeIngestion::default(), MonoTime(0));
        let mut settled = Vec::new();
        for begin in [0, 50, 100] {
            // The first rows go out, or wait for an answer that is lost; the others find them under way.
            push_row(&mut window, Numbering::Next, begin, begin as usize, now);
            let mut lose = |_, reply| (random.u8(..10) > 2).then_some(reply);
            settled.extend(run(&mut window, &mut ingestion, &mut now, &mut lose));
            for value in begin + 1..begin + 50 {
                push_row(&mut window, Numbering::Next, value, value as usize, now);
            }
            settled.extend(run(&mut window, &mut ingestion, &mut now, &mut lose));
        }
        assert_eq!(settled.len(), 150, "seed {seed}");
        assert_eq!(ingestion.accepted.len(), if groups { 12 } else { 150 }, "seed {seed}");
        assert!(settled.iter().all(|(_, result)| result.is_ok()), "seed {seed}");
        assert_eq!(ingestion.rows(), (0..150).collect::<Vec<u64>>(), "seed {seed}");
        assert!(in_order(&ingestion));
    }
}

#[test]
fn goes_back_to_the_first_unacknowledged_batch_after_busy_and_keeps_its_numbers() {
    let (mut window, mut now) = (window(), MonoTime(0));
    let mut ingestion = FakeIngestion::default();
    push(&mut window, 3, now);
    let mut busy = 1;
    let mut sent = Vec::new();
    while window.pending() > 0 {
        match window.poll_output() {
            Some(Output::Ask { correlation, .. }) => window.handle_status(&correlation, 0, now),
            Some(Output::Send { correlation, batch }) => {
                sent.push(batch.producer_sequence);
                if busy > 0 {
                    busy -= 1;
                    let Reply::Nack(nack) = nack(batch.producer_sequence, 429, 0) else { unreachable!() };
                    window.handle_nack(&correlation, &nack, now);
                } else {
                    match ingestion.take(
                        batch.producer_sequence,
                        batch.previous_producer_sequence,
                        &batch.batch,
                    ) {
                        Reply::Ack(ack) => window.handle_ack(&correlation, &ack, now),
                        Reply::Nack(nack) => window.handle_nack(&correlation, &nack, now),
                    }
                }
            }
            Some(Output::Settle { .. }) => {}
            None => {
                now = window.poll_timeout().unwrap().0;
                window.handle_timeout(now);
            }
        }
    }
    assert_eq!(ingestion.accepted.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(sent, [1, 1, 2, 3], "what was not polled before the refusal goes out once");
    let counts = window.counts();
    assert_eq!((counts.nacked, counts.no_space, counts.refused), (1, 0, 0));
    assert_eq!(counts.resent, 1, "the other two went out once");
}

#[test]
fn waits_before_it_tries_a_busy_ingestion_again() {
    let (mut window, now) = (window(), MonoTime(0));
    push(&mut window, 1, now);
    let Some(Output::Ask { correlation, .. }) = window.poll_output() else { panic!("it asks first") };
    window.handle_status(&correlation, 0, now);
    let Some(Output::Send { correlation, .. }) = window.poll_output() else { panic!("then it sends") };
    let Reply::Nack(nack) = nack(1, 429, 0) else { unreachable!() };
    window.handle_nack(&correlation, &nack, now);
    assert!(window.poll_output().is_none());
    let (due, why) = window.poll_timeout().unwrap();
    assert!(due >= now.after(Duration::from_millis(25)), "{why}");
}

#[test]
fn goes_on_where_an_earlier_run_of_the_same_producer_stopped() {
    let (mut window, mut now) = (window(), MonoTime(0));
    let mut ingestion = FakeIngestion { last: 41, accepted: Vec::new() };
    push(&mut window, 2, now);
    let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(settled, [(0, Ok(42)), (1, Ok(43))]);
}

#[test]
fn a_batch_sent_again_by_a_later_run_under_its_number_is_a_duplicate() {
    let (mut now, mut ingestion) = (MonoTime(0), FakeIngestion::default());
    for run_number in 0..2 {
        let mut window = window();
        for number in [10, 25, 31] {
            push_row(&mut window, Numbering::Explicit(number), number, number as usize, now);
        }
        let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
        assert!(settled.iter().all(|(_, result)| result.is_ok()), "{settled:?}");
        assert_eq!(window.counts().duplicates, run_number * 3);
    }
    assert_eq!(ingestion.accepted.len(), 3);
}

#[test]
fn a_refused_batch_is_reported_and_the_next_ones_go_through() {
    let (mut window, mut ingestion, mut now) = (window(), FakeIngestion::default(), MonoTime(0));
    push(&mut window, 4, now);
    let mut inner = FakeIngestion::default();
    std::mem::swap(&mut inner, &mut ingestion);
    let mut settled = Vec::new();
    while window.pending() > 0 {
        match window.poll_output() {
            Some(Output::Ask { correlation, .. }) => window.handle_status(&correlation, 0, now),
            Some(Output::Send { correlation, batch }) => {
                let number = batch.producer_sequence;
                let reply = if number == 2 {
                    nack(2, 400, 0)
                } else {
                    inner.take(number, batch.previous_producer_sequence, &batch.batch)
                };
                match reply {
                    Reply::Ack(ack) => window.handle_ack(&correlation, &ack, now),
                    Reply::Nack(nack) => window.handle_nack(&correlation, &nack, now),
                }
            }
            Some(Output::Settle { ticket, result, .. }) => settled.push((ticket, result.is_ok())),
            None => {
                now = window.poll_timeout().unwrap().0;
                window.handle_timeout(now);
            }
        }
    }
    while let Some(Output::Settle { ticket, result, .. }) = window.poll_output() {
        settled.push((ticket, result.is_ok()));
    }
    settled.sort_unstable();
    assert_eq!(settled, [(0, true), (1, false), (2, true), (3, true)]);
    assert_eq!(inner.accepted.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 3, 4]);
}

#[test]
fn goes_on_and_counts_it_when_ingestion_has_forgotten_what_it_acknowledged() {
    let (mut window, mut ingestion, mut now) = (window(), FakeIngestion::default(), MonoTime(0));
    push(&mut window, 3, now);
    run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    ingestion = FakeIngestion::default();
    push_row(&mut window, Numbering::Next, 9, 9, now);
    let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(settled, [(9, Ok(4))]);
    assert_eq!(window.counts().resyncs, 1);
}

#[test]
fn reports_forgotten_history_when_told_to() {
    let settings = ProducerSettings {
        on_forgotten: OnForgotten::Report,
        group_after: usize::MAX,
        ..ProducerSettings::new("tcp://127.0.0.1:1", "p")
    };
    let (mut window, mut ingestion, mut now) =
        (Window::new(settings, 7), FakeIngestion::default(), MonoTime(0));
    push(&mut window, 3, now);
    run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    ingestion = FakeIngestion::default();
    push_row(&mut window, Numbering::Next, 9, 9, now);
    let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(settled, [(9, Err(409))]);
}

#[test]
fn another_producer_with_the_same_id_is_reported_not_overwritten() {
    let (mut window, mut ingestion, mut now) = (window(), FakeIngestion::default(), MonoTime(0));
    push(&mut window, 1, now);
    run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    let theirs = gapless_wire::encode_message(&gapless_wire::Message::Batch(batch_of(&key(), &[77])), "");
    ingestion.take(2, 1, &theirs);
    push_row(&mut window, Numbering::Next, 5, 5, now);
    let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(settled, [(5, Err(409))]);
    assert_eq!(ingestion.accepted[1].1, [77]);
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let (mut window, now) = (window(), MonoTime(0));
    let other: StreamKey = "candles.a.c.1m".parse().unwrap();
    push_row(&mut window, Numbering::Next, 1, 1, now);
    window.push(batch_of(&other, &[2]), Numbering::Next, 1, 2, now);
    let mut asked = Vec::new();
    while let Some(output) = window.poll_output() {
        let Output::Ask { correlation, request } = output else { panic!("nothing is sent unasked") };
        asked.push((request.key, correlation));
    }
    assert_eq!(asked.len(), 2);
    window.handle_status(&asked[1].1, 0, now);
    assert!(matches!(window.poll_output(), Some(Output::Send { batch, .. }) if values(&batch.batch) == [2]));
}

#[test]
fn a_ticket_is_told_while_it_is_waited_for_and_when_nobody_will_tell_it() {
    let (promise, ticket) = promised();
    let waiting = std::thread::spawn(move || ticket.wait(Duration::from_secs(60)));
    let refused = Refused {
        key: key(),
        number: 7,
        error: ErrorResponse { code: ErrorCode(400), message: "no".into(), retry_after_ms: 0 },
    };
    promise.keep(Err(refused));
    assert!(matches!(waiting.join().unwrap(), Err(Error::Batch(refused)) if refused.number == 7));

    let (promise, ticket) = promised();
    let waiting = std::thread::spawn(move || ticket.wait(Duration::from_secs(60)));
    drop(promise);
    assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
}
