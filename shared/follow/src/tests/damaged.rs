//! Live bytes that were changed on their way. Whatever still decodes must not be handed over with other values.

use super::fake_streams::World;
use super::*;
use crate::core::{Doing, StreamMachine};
use crate::{Select, StreamBegin, StreamEvent};
use gapless_model::{MonoTime, SeqRange};
use gapless_protocol::{Begin, Event, GapCause};
use gapless_transport::Frame;
use gapless_wire::{Limits, Message, decode, encode_message};

/// A follower, the replay side that it asks and what it has handed over; no sockets.
struct Bench {
    machine: StreamMachine,
    world: World,
    key: StreamKey,
    now: MonoTime,
    rows: Vec<Candle>,
    gaps: Vec<(SeqRange, GapCause)>,
}

impl Bench {
    /// One that has all ten rows there are.
    fn with_ten_rows() -> Bench {
        let key = key("A");
        let mut world = World::default();
        world.latest.insert(key.clone(), 10);
        let select = Select::Topics(vec![key.clone()]);
        let begin = Box::new(|_: &StreamKey| StreamBegin::Log(Begin::Earliest));
        let machine = StreamMachine::new(select, begin, hasty(), 4, 10, 1);
        let mut bench = Bench { machine, world, key, now: MonoTime(1), rows: Vec::new(), gaps: Vec::new() };
        bench.machine.start(bench.now);
        bench.until(10);
        bench
    }

    fn message(&self, from: u64, to: u64) -> Vec<u8> {
        encode_message(&Message::Batch(batch(&self.key, self.world.epoch(), from, to)), "")
    }

    /// Rows that exist from now on, and the live message that came of them.
    fn hear(&mut self, latest: u64, bytes: Vec<u8>) {
        let known = self.world.latest.entry(self.key.clone()).or_default();
        *known = latest.max(*known);
        let frames = [Frame::from(self.key.topic().into_bytes()), Frame::from(bytes)];
        self.machine.handle_live(&frames, self.now);
        self.work();
    }

    fn work(&mut self) {
        while let Some(doing) = self.machine.poll_output() {
            match doing {
                Doing::Send { bytes, .. } => {
                    let asked = decode(&bytes, &Limits::request()).unwrap();
                    if let Some(reply) = self.world.answer(&asked.message, &asked.correlation_id) {
                        self.machine.handle_reply(&reply, self.now);
                    }
                }
                Doing::Tell(StreamEvent::Batch { batch, .. }) => {
                    let Rows::Candles(rows) = batch.rows else { panic!() };
                    self.rows.extend(rows);
                }
                Doing::Tell(StreamEvent::Event { event: Event::GapOpened(gap), .. }) => {
                    self.gaps.push((gap.range, gap.cause));
                }
                Doing::Tell(_) | Doing::Subscribe(_) | Doing::Renew => {}
            }
        }
    }

    /// Lets time pass until `latest` was handed over, and looks at every row.
    fn until(&mut self, latest: u64) {
        for _ in 0..1000 {
            self.work();
            if self.rows.len() as u64 >= latest {
                break;
            }
            self.now = self.machine.poll_timeout().unwrap().max(self.now);
            self.machine.handle_timeout(100, self.now);
        }
        let expected: Vec<Candle> = (1..=latest).map(row).collect();
        assert_eq!(self.rows, expected);
    }

    fn damage(&self) -> Vec<SeqRange> {
        let damaged = self.gaps.iter().filter(|(_, cause)| *cause == GapCause::Damaged);
        damaged.map(|(range, _)| *range).collect()
    }
}

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange::new(Seq(first), Seq(last + 1))
}

/// A batch with another price, as it decodes.
fn with_another_price(bench: &Bench, from: u64, to: u64) -> Vec<u8> {
    let mut wrong = batch(&bench.key, bench.world.epoch(), from, to);
    let Rows::Candles(rows) = &mut wrong.rows else { panic!() };
    rows.last_mut().unwrap().close += 0.25;
    encode_message(&Message::Batch(wrong), "")
}

#[test]
fn a_price_that_was_changed_on_its_way_is_replayed_and_said() {
    let mut bench = Bench::with_ten_rows();
    bench.hear(13, with_another_price(&bench, 11, 13));
    bench.until(13);
    assert_eq!(bench.damage(), [range(11, 13)]);
    bench.hear(15, bench.message(14, 15));
    bench.until(15);
    assert_eq!(bench.damage().len(), 1, "what follows is whole");
}

#[test]
fn a_batch_that_came_before_in_part_is_compared_too() {
    let mut bench = Bench::with_ten_rows();
    bench.hear(13, bench.message(8, 13));
    assert_eq!(bench.rows.len(), 13, "whole: nothing is asked for");
    bench.hear(16, with_another_price(&bench, 12, 16));
    bench.until(16);
    assert_eq!(bench.damage(), [range(14, 16)]);
}

#[test]
fn a_batch_that_waits_behind_a_gap_is_compared_when_its_turn_comes() {
    let mut bench = Bench::with_ten_rows();
    bench.world.troubles.push_back(super::fake_streams::Trouble::Busy);
    bench.hear(14, with_another_price(&bench, 13, 14));
    bench.hear(20, bench.message(19, 20));
    bench.hear(16, bench.message(15, 16));
    bench.until(20);
    assert_eq!(bench.damage(), [range(13, 14)]);
}

#[test]
fn the_whole_batch_that_comes_after_a_damaged_one_heals_it() {
    let mut bench = Bench::with_ten_rows();
    bench.world.troubles.push_back(super::fake_streams::Trouble::Busy);
    bench.hear(13, with_another_price(&bench, 11, 13));
    bench.hear(13, bench.message(11, 13));
    assert_eq!(bench.rows.len(), 13);
    bench.until(13);
}

#[test]
fn the_first_batch_of_a_new_epoch_is_compared_with_what_is_shared() {
    let mut bench = Bench::with_ten_rows();
    let epoch = Epoch(EPOCH.0 + 5);
    bench.world.epochs.push(gapless_model::EpochStart { epoch, first_sequence: Seq(11) });
    bench.hear(12, with_another_price(&bench, 11, 12));
    bench.until(12);
    bench.hear(13, with_another_price(&bench, 13, 13));
    bench.until(13);
    assert_eq!(bench.damage(), [range(13, 13)]);
}

#[test]
fn whichever_byte_is_flipped_no_other_value_is_handed_over() {
    let whole = Bench::with_ten_rows().message(11, 13);
    for at in 0..whole.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut bench = Bench::with_ten_rows();
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            bench.hear(13, bytes);
            bench.hear(15, bench.message(14, 15));
            bench.until(15);
        }
    }
}
