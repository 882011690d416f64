//! Rows that came live and are not those that were sent: they count as not received.

use super::rig::{EPOCH, range, status};
use crate::{Begin, Chunk, Claim, Coordinator, Event, GapCause, Input, Output, Settings, Source};
use gapless_model::{Digest, Epoch, MonoTime, Seq, SeqRange};
use proptest::prelude::*;
use std::time::Duration;

/// Values of consecutive rows, and the running digest at their end if the sender states one.
#[derive(Debug, Clone)]
struct Payload {
    start: Seq,
    values: Vec<u64>,
    running: Option<Digest>,
}

fn digest(start: Seq, values: &[u64]) -> Digest {
    let rows =
        values.iter().zip(start.0..).map(|(value, seq)| Digest(seq.wrapping_mul(*value ^ 0x9e37_79b9)));
    rows.fold(Digest::default(), |sum, row| sum + row)
}

fn claim(payload: &Payload, wanted: SeqRange) -> Claim {
    let at = |seq: Seq| (seq.0 - payload.start.0) as usize;
    let rows = digest(wanted.start(), &payload.values[at(wanted.start())..at(wanted.end())]);
    let to_end = digest(wanted.start(), &payload.values[at(wanted.start())..]);
    Claim { before: payload.running.map(|running| running - to_end), rows }
}

/// The value that the row of this number really has.
fn value(seq: u64) -> u64 {
    seq * 1_000_003
}

fn chunk(first: u64, last: u64) -> Chunk<Payload> {
    let running = digest(Seq(1), &(1..=last).map(value).collect::<Vec<_>>());
    let values = (first..=last).map(value).collect();
    let payload = Payload { start: Seq(first), values, running: Some(running) };
    Chunk { epoch: Epoch(EPOCH), range: range(first, last), bytes: 10, payload }
}

/// With another value in one row, or with another running digest.
fn damaged(first: u64, last: u64, at: usize) -> Chunk<Payload> {
    let mut chunk = chunk(first, last);
    let rows = chunk.payload.values.len();
    match chunk.payload.values.get_mut(at % (rows + 1)) {
        Some(value) => *value ^= 1 << (at % 60),
        None => chunk.payload.running = Some(Digest(at as u64)),
    }
    chunk
}

/// A follower that has rows up to `applied`, its replay side and all that it handed over.
struct Bench {
    coordinator: Coordinator<Payload>,
    latest: u64,
    now: MonoTime,
    rows: Vec<u64>,
    live: u64,
    damaged: Vec<SeqRange>,
    /// Whether what is replayed states running digests.
    states: bool,
}

impl Bench {
    fn new(applied: u64, states: bool) -> Bench {
        let begin = Begin::Cursor { epoch: Epoch(EPOCH), applied: Seq(applied) };
        let coordinator = Coordinator::new(Settings::default(), begin, 7, MonoTime(0)).comparing(claim);
        let rows = (1..=applied).map(value).collect();
        let mut bench = Bench {
            coordinator,
            latest: applied,
            now: MonoTime(0),
            rows,
            live: 0,
            damaged: Vec::new(),
            states,
        };
        bench.work();
        bench
    }

    fn hear(&mut self, chunk: Chunk<Payload>) {
        self.latest = self.latest.max(chunk.range.last().0);
        self.input(Input::Live(chunk));
    }

    fn input(&mut self, input: Input<Payload>) {
        self.coordinator.handle_input(input, self.now);
        self.work();
    }

    fn work(&mut self) {
        while let Some(output) = self.coordinator.poll_output() {
            let status = status(&[(EPOCH, 1)], 1, self.latest);
            match output {
                Output::RequestStatus { request } => {
                    self.coordinator.handle_input(Input::Status { request, status }, self.now);
                }
                Output::RequestReplay { request, range, .. } => {
                    let mut served = chunk(range.start().0, range.last().0);
                    served.payload.running = served.payload.running.filter(|_| self.states);
                    let chunks = vec![served];
                    let answer = Input::Replayed { request, status, served: range, chunks, has_more: false };
                    self.coordinator.handle_input(answer, self.now);
                }
                Output::Deliver { chunk, wanted, source } => {
                    let at = (wanted.start().0 - chunk.range.start().0) as usize;
                    self.rows.extend(&chunk.payload.values[at..at + wanted.len() as usize]);
                    self.live += if source == Source::Live { wanted.len() } else { 0 };
                }
                Output::Event(Event::GapOpened(gap)) if gap.cause == GapCause::Damaged => {
                    self.damaged.push(gap.range);
                }
                Output::Event(_) | Output::Abandon { .. } => {}
            }
        }
    }

    /// Everything there is was handed over, as it is.
    fn has_all(&mut self) -> bool {
        for _ in 0..100 {
            let Some((at, _)) = self.coordinator.poll_timeout().filter(|_| self.coordinator.lag() > 0) else {
                break;
            };
            self.now = self.now.max(at).after(Duration::from_millis(1));
            self.coordinator.handle_timeout(self.now);
            self.work();
        }
        self.rows == (1..=self.latest).map(value).collect::<Vec<_>>()
    }
}

#[test]
fn another_value_is_not_handed_over_and_is_said_to_be_damage() {
    let mut bench = Bench::new(0, true);
    bench.hear(chunk(1, 10));
    bench.hear(damaged(11, 15, 2));
    bench.hear(chunk(16, 20));
    assert!(bench.has_all());
    assert_eq!((bench.damaged.clone(), bench.live), (vec![range(11, 15)], 15));
    assert_eq!(bench.coordinator.counts().chunks_damaged, 1);
}

#[test]
fn a_sender_that_states_no_digest_is_believed_as_before() {
    let mut bench = Bench::new(10, true);
    for (first, last) in [(11, 15), (16, 20)] {
        let mut chunk = chunk(first, last);
        chunk.payload.running = None;
        bench.hear(chunk);
    }
    assert!(bench.has_all());
    assert_eq!((bench.damaged.len(), bench.live), (0, 10));
}

#[test]
fn the_first_rows_after_a_cursor_have_nothing_to_be_compared_with_and_the_next_ones_have() {
    let mut bench = Bench::new(10, false);
    bench.hear(chunk(11, 15));
    bench.hear(damaged(16, 20, 3));
    assert!(bench.has_all());
    assert_eq!(bench.damaged, [range(16, 20)]);
}

proptest! {
    #[test]
    fn whatever_is_damaged_lost_repeated_or_overlaps_every_row_comes_once_as_it_was_sent(
        batches in prop::collection::vec((1u64..6, 0u64..12, 0u8..10, any::<usize>()), 0..60),
        states: bool,
    ) {
        let mut bench = Bench::new(0, states);
        let mut latest = 0u64;
        for (rows, back, what, at) in batches {
            let first = (latest + 1).saturating_sub(back).max(1);
            latest = latest.max(first + rows - 1);
            match what {
                0 => bench.latest = bench.latest.max(latest),
                1..3 => bench.hear(damaged(first, first + rows - 1, at)),
                _ => bench.hear(chunk(first, first + rows - 1)),
            }
        }
        let next = Seq(bench.latest + 1);
        bench.input(Input::Heartbeat { epoch: Epoch(EPOCH), earliest: Seq(1), next });
        prop_assert!(bench.has_all(), "{:?}", bench.rows);
        prop_assert!(super::rig::gaps_add_up(&bench.coordinator));
    }
}
