//! The window as a state machine against a small ingestion that loses, refuses and forgets.

use super::window::{Output, Window};
use super::{Numbering, OnForgotten, ProducerSettings};
use gapless_model::{Epoch, MonoTime, Position, Seq, StreamKey};
use gapless_wire::{Durability, ErrorCode, ErrorResponse, IngestAck, IngestNack};
use std::time::Duration;

/// Ingestion's rules for one producer and one stream.
#[derive(Default)]
struct FakeIngestion {
    last: u64,
    accepted: Vec<(u64, Vec<u8>)>,
}

enum Reply {
    Ack(IngestAck),
    Nack(IngestNack),
}

impl FakeIngestion {
    fn take(&mut self, number: u64, previous: u64, bytes: &[u8]) -> Reply {
        if number <= self.last {
            let known = self.accepted.iter().any(|(n, b)| *n == number && b == bytes);
            return if known { Reply::Ack(ack(number, true)) } else { nack(number, 409, self.last) };
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
        self.accepted.push((number, bytes.to_vec()));
        Reply::Ack(ack(number, false))
    }
}

fn ack(number: u64, duplicate: bool) -> IngestAck {
    IngestAck {
        producer_sequence: number,
        partition: 0,
        position: Position(number),
        epoch: Epoch(1),
        first: Seq(number),
        last: Seq(number),
        durability: Durability::Written,
        duplicate,
    }
}

fn nack(number: u64, code: u32, expected_previous: u64) -> Reply {
    let error = ErrorResponse { code: ErrorCode(code), message: "no".into(), retry_after_ms: 0 };
    Reply::Nack(IngestNack { producer_sequence: number, error, expected_previous })
}

fn key() -> StreamKey {
    "candles.a.b.1m".parse().unwrap()
}

fn window() -> Window<usize> {
    Window::new(ProducerSettings::new("tcp://127.0.0.1:1", "p"), 7)
}

/// What the window settled: the ticket and the number, or the code of the refusal.
type Settled = Vec<(usize, Result<u64, u32>)>;

/// Moves messages between both until the window has nothing to do; `spoil` may replace a reply or lose it.
fn run(
    window: &mut Window<usize>,
    ingestion: &mut FakeIngestion,
    now: &mut MonoTime,
    mut spoil: impl FnMut(u64, Reply) -> Option<Reply>,
) -> Settled {
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
                settled.push((ticket, result.map(|r| r.number).map_err(|r| r.error.code.0)));
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
        window.push(&key(), Numbering::Next, vec![ticket as u8, (ticket >> 8) as u8], ticket, now);
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
        let (mut window, mut ingestion, mut now) = (window(), FakeIngestion::default(), MonoTime(0));
        push(&mut window, 150, now);
        let settled =
            run(&mut window, &mut ingestion, &mut now, |_, reply| (random.u8(..10) > 2).then_some(reply));
        assert_eq!(settled.len(), 150, "seed {seed}");
        assert!(settled.iter().all(|(_, result)| result.is_ok()), "seed {seed}");
        let payloads: Vec<Vec<u8>> = ingestion.accepted.iter().map(|(_, bytes)| bytes.clone()).collect();
        let sent: Vec<Vec<u8>> = (0..150usize).map(|n| vec![n as u8, (n >> 8) as u8]).collect();
        assert_eq!(payloads, sent, "seed {seed}");
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
            window.push(&key(), Numbering::Explicit(number), vec![number as u8], number as usize, now);
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
    window.push(&key(), Numbering::Next, vec![9], 9, now);
    let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(settled, [(9, Ok(4))]);
    assert_eq!(window.counts().resyncs, 1);
}

#[test]
fn reports_forgotten_history_when_told_to() {
    let settings = ProducerSettings {
        on_forgotten: OnForgotten::Report,
        ..ProducerSettings::new("tcp://127.0.0.1:1", "p")
    };
    let (mut window, mut ingestion, mut now) =
        (Window::new(settings, 7), FakeIngestion::default(), MonoTime(0));
    push(&mut window, 3, now);
    run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    ingestion = FakeIngestion::default();
    window.push(&key(), Numbering::Next, vec![9], 9, now);
    let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(settled, [(9, Err(409))]);
}

#[test]
fn another_producer_with_the_same_id_is_reported_not_overwritten() {
    let (mut window, mut ingestion, mut now) = (window(), FakeIngestion::default(), MonoTime(0));
    push(&mut window, 1, now);
    run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    ingestion.take(2, 1, b"theirs");
    window.push(&key(), Numbering::Next, b"ours".to_vec(), 5, now);
    let settled = run(&mut window, &mut ingestion, &mut now, |_, reply| Some(reply));
    assert_eq!(settled, [(5, Err(409))]);
    assert_eq!(ingestion.accepted[1].1, b"theirs");
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let (mut window, now) = (window(), MonoTime(0));
    let other: StreamKey = "candles.a.c.1m".parse().unwrap();
    window.push(&key(), Numbering::Next, vec![1], 1, now);
    window.push(&other, Numbering::Next, vec![2], 2, now);
    let mut asked = Vec::new();
    while let Some(output) = window.poll_output() {
        let Output::Ask { correlation, request } = output else { panic!("nothing is sent unasked") };
        asked.push((request.key, correlation));
    }
    assert_eq!(asked.len(), 2);
    window.handle_status(&asked[1].1, 0, now);
    assert!(matches!(window.poll_output(), Some(Output::Send { batch, .. }) if batch.batch == [2]));
}
