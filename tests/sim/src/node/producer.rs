//! A producer that retries everything: what was not acknowledged, and now and then what was.
//!
//! Its memory survives, as that of a source that can be read again. It sends the batches of a stream one
//! after the other and numbers them from 1; after a conflict it goes on from where ingestion says it is.

use super::{Arrived, Io, Out};
use crate::net::{Desk, Socket};
use gapless_model::{
    Batch, Candle, Flags, Kind, MetricRows, MonoTime, Rows, Severity, StreamKey, UnixMillis, UnixNanos,
    Warning,
};
use gapless_wire::{Durability, IngestBatch, Limits, Message, decode, encode_message};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How much a producer wants to know before it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// That its rows are written.
    Written,
    /// That they are synced.
    Synced,
}

#[derive(Debug)]
struct Sending {
    number: u64,
    rows: Rows,
}

#[derive(Debug)]
struct Lane {
    key: StreamKey,
    queue: VecDeque<Sending>,
    /// The last number that ingestion took, as far as known here.
    last: u64,
    next_number: u64,
    /// What was acknowledged last, to be sent again.
    done: Option<(u64, u64, Rows)>,
    in_flight: Option<u64>,
    retry_at: Option<MonoTime>,
    rows: u64,
}

/// The process.
#[derive(Debug)]
pub struct ProducerNode {
    id: String,
    lanes: Vec<Lane>,
    flights: BTreeMap<u64, (usize, u64, bool)>,
    last_flight: u64,
    /// How many batches were acknowledged.
    pub acknowledged: u64,
}

impl ProducerNode {
    /// A producer of these streams.
    pub fn new(number: u8, care: Care, keys: &[StreamKey]) -> ProducerNode {
        let care = match care {
            Care::Written => "quick",
            Care::Synced => "careful",
        };
        let lane = |key: &StreamKey| Lane {
            key: key.clone(),
            queue: VecDeque::new(),
            last: 0,
            next_number: 1,
            done: None,
            in_flight: None,
            retry_at: None,
            rows: 0,
        };
        ProducerNode {
            id: format!("{care}-{number}"),
            lanes: keys.iter().map(lane).collect(),
            flights: BTreeMap::new(),
            last_flight: 0,
            acknowledged: 0,
        }
    }

    /// Has new rows for one of its streams.
    pub fn submit(&mut self, lane: usize, rows: u8, io: &mut Io<'_>) {
        let at = lane % self.lanes.len();
        let salt = self.id.bytes().map(u64::from).sum::<u64>();
        let lane = &mut self.lanes[at];
        let rows = make_rows(&lane.key, lane.rows, u64::from(rows.max(1)), salt);
        lane.rows += rows.len() as u64;
        lane.queue.push_back(Sending { number: lane.next_number, rows });
        lane.next_number += 1;
        self.send_head(at, io);
    }

    /// Sends what was acknowledged last once more, as one that lost the acknowledgement.
    pub fn repeat(&mut self, lane: usize, io: &mut Io<'_>) {
        let at = lane % self.lanes.len();
        if let Some((number, previous, rows)) = self.lanes[at].done.clone() {
            io.note("sends an acknowledged batch again", number, 0);
            self.send(at, number, previous, rows, true, io);
        }
    }

    /// An answer came.
    pub fn handle(&mut self, arrived: Arrived, io: &mut Io<'_>) {
        let Arrived::Reply(_, bytes) = arrived else { return };
        let Ok(envelope) = decode(&bytes, &Limits::reply()) else { return };
        let Some((at, number, is_repeat)) =
            envelope.correlation_id.parse().ok().and_then(|flight| self.flights.remove(&flight))
        else {
            return;
        };
        match envelope.message {
            Message::IngestAck(ack) => {
                let synced = ack.durability == Durability::Synced;
                io.truth.acknowledged((&self.id, number), ack.position, ack.epoch, synced);
                io.note(
                    if ack.duplicate { "has sent a duplicate" } else { "is acknowledged" },
                    number,
                    ack.position.0,
                );
                if !is_repeat {
                    self.settle(at, number, io);
                }
            }
            Message::IngestNack(nack) if !is_repeat => {
                io.note("is refused", u64::from(nack.error.code.0), nack.expected_previous);
                let lane = &mut self.lanes[at];
                if lane.in_flight == Some(number) {
                    lane.in_flight = None;
                    if nack.error.code == gapless_wire::ErrorCode::CONFLICT {
                        lane.last = nack.expected_previous;
                    }
                    let wait = Duration::from_millis(u64::from(nack.error.retry_after_ms.max(20)));
                    lane.retry_at = Some(io.now.after(wait));
                }
            }
            _ => {}
        }
    }

    /// Sends again what was not answered.
    pub fn handle_timeout(&mut self, io: &mut Io<'_>) {
        for at in 0..self.lanes.len() {
            let lane = &mut self.lanes[at];
            if lane.retry_at.is_some_and(|retry_at| retry_at <= io.now) {
                (lane.retry_at, lane.in_flight) = (None, None);
                self.send_head(at, io);
            }
        }
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        self.lanes.iter().filter_map(|lane| lane.retry_at).min()
    }

    /// Batches that were not acknowledged yet.
    pub fn pending(&self) -> usize {
        self.lanes.iter().map(|lane| lane.queue.len()).sum()
    }

    fn settle(&mut self, at: usize, number: u64, io: &mut Io<'_>) {
        let lane = &mut self.lanes[at];
        if lane.queue.front().is_none_or(|head| head.number != number) {
            return;
        }
        if let Some(head) = lane.queue.pop_front() {
            lane.done = Some((number, if lane.last == 0 { number } else { lane.last }, head.rows));
        }
        lane.last = lane.last.max(number);
        (lane.in_flight, lane.retry_at) = (None, None);
        self.acknowledged += 1;
        self.send_head(at, io);
    }

    fn send_head(&mut self, at: usize, io: &mut Io<'_>) {
        let lane = &mut self.lanes[at];
        if lane.in_flight.is_some() || lane.retry_at.is_some() {
            return;
        }
        let Some(head) = lane.queue.front() else { return };
        let (number, rows) = (head.number, head.rows.clone());
        lane.in_flight = Some(number);
        lane.retry_at = Some(io.now.after(PATIENCE));
        // Its own number says that there is none before it.
        let previous = if lane.last == 0 { number } else { lane.last };
        self.send(at, number, previous, rows, false, io);
    }

    fn send(&mut self, at: usize, number: u64, previous: u64, rows: Rows, is_repeat: bool, io: &mut Io<'_>) {
        self.last_flight += 1;
        self.flights.insert(self.last_flight, (at, number, is_repeat));
        let batch = Batch::unsequenced(self.lanes[at].key.clone(), Flags::SIMULATED, rows);
        let message = Message::IngestBatch(IngestBatch {
            producer_id: self.id.clone(),
            producer_sequence: number,
            previous_producer_sequence: previous,
            batch: encode_message(&Message::Batch(batch), ""),
            ack_may_wait: false,
        });
        let bytes = encode_message(&message, &self.last_flight.to_string());
        io.out(Out::Ask(Socket::Send, Desk::Ingest, bytes));
    }
}

/// Rows that say which they are: `first` and on, of the producer `salt`.
fn make_rows(key: &StreamKey, first: u64, count: u64, salt: u64) -> Rows {
    let numbers = first..first + count;
    let seconds = |number: u64| number as i64;
    match key.kind() {
        Kind::Candles => Rows::Candles(
            numbers
                .map(|number| {
                    let price = number as f64 + salt as f64 / 65_536.0;
                    Candle {
                        ts: UnixMillis(seconds(number) * 1000),
                        open: price,
                        high: price + 2.0,
                        low: price - 1.0,
                        close: price + 1.0,
                        volume: 1.0,
                    }
                })
                .collect(),
        ),
        Kind::Metrics => Rows::Metrics(MetricRows {
            columns: Arc::from(["number".to_owned(), "salt".to_owned()]),
            ts: numbers.clone().map(|number| UnixNanos(seconds(number) * 1_000_000_000)).collect(),
            values: numbers.flat_map(|number| [number as f64, salt as f64]).collect(),
        }),
        Kind::Warnings => Rows::Warnings(
            numbers
                .map(|number| Warning {
                    ts: UnixNanos(seconds(number) * 1_000_000_000),
                    severity: Severity::Info,
                    code: "row".into(),
                    subject: salt.to_string(),
                    message: number.to_string(),
                })
                .collect(),
        ),
    }
}
