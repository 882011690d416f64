//! Which batch goes out next, and what a reply means: the pure half of the producer.
//!
//! Inputs are batches, replies and the time; outputs are requests to send and tickets to settle. There
//! is one [`Lane`] per stream, since ingestion deduplicates per producer and stream; the bounds are
//! shared.

use super::lane::{Lane, Part, Phase};
use super::{Numbering, OnForgotten, ProducerSettings, Receipt, Refused};
use crate::backoff::Backoff;
use gapless_model::{Batch, MonoTime, StreamKey};
use gapless_wire::{ErrorCode, ErrorResponse, IngestAck, IngestBatch, IngestNack, ProducerStatusRequest};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

/// Batches that wait for their acknowledgement before that of another one may wait for theirs. Whoever sends one and
/// waits for it, or two in turn, gets it at once.
const OTHERS_IN_FLIGHT: usize = 2;

/// What the driver shall do.
#[derive(Debug)]
pub(crate) enum Output<T> {
    /// Send a batch.
    Send { correlation: String, batch: IngestBatch },
    /// Ask where the producer stands.
    Ask { correlation: String, request: ProducerStatusRequest },
    /// A batch is through, or never will be.
    Settle { ticket: T, bytes: usize, result: Result<Receipt, Refused> },
}

/// What the producer has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProducerCounts {
    /// Batches that were acknowledged; what was put together is one.
    pub acknowledged: u64,
    /// Of those, how many had been there already.
    pub duplicates: u64,
    /// Batches that were sent again.
    pub resent: u64,
    /// Batches that ingestion refused for good.
    pub refused: u64,
    /// Tries that ingestion did not take for now (busy, not ready, no space): their batches are sent again.
    pub nacked: u64,
    /// Of those, because its disk was full.
    pub no_space: u64,
    /// How often ingestion had forgotten what it had acknowledged, and this side went on from there.
    pub resyncs: u64,
}

/// The unacknowledged batches of every stream.
#[derive(Debug)]
pub(crate) struct Window<T> {
    settings: ProducerSettings,
    backoff: Backoff,
    lanes: Vec<Lane<T>>,
    index: HashMap<StreamKey, usize>,
    /// The lanes in which something waits: there may be ten thousand, and few of them.
    busy: BTreeSet<usize>,
    outputs: VecDeque<Output<T>>,
    counts: ProducerCounts,
}

impl<T> Window<T> {
    pub(crate) fn new(settings: ProducerSettings, seed: u64) -> Window<T> {
        let backoff = Backoff::new(settings.backoff_min, settings.backoff_max, seed);
        Window {
            settings,
            backoff,
            lanes: Vec::new(),
            index: HashMap::new(),
            busy: BTreeSet::new(),
            outputs: VecDeque::new(),
            counts: ProducerCounts::default(),
        }
    }

    /// What happened so far.
    pub(crate) fn counts(&self) -> ProducerCounts {
        self.counts
    }

    /// How many batches wait for an acknowledgement.
    pub(crate) fn pending(&self) -> usize {
        self.busy_lanes().map(|lane| lane.queue.len()).sum()
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self) -> Option<Output<T>> {
        let output = self.outputs.pop_front()?;
        if let Output::Send { correlation, batch } = &output
            && let Some((at, ..)) = locate(correlation)
            && let Some(lane) = self.lanes.get_mut(at)
        {
            self.counts.resent += u64::from(lane.goes_out(batch.producer_sequence));
        }
        Some(output)
    }

    /// When to call [`Window::handle_timeout`] at the latest.
    pub(crate) fn poll_timeout(&self) -> Option<(MonoTime, &'static str)> {
        self.busy_lanes().map(deadline).min_by_key(|(at, _)| *at)
    }

    /// Takes a batch that counts for `bytes`.
    pub(crate) fn push(
        &mut self,
        batch: Batch,
        numbering: Numbering,
        bytes: usize,
        ticket: T,
        now: MonoTime,
    ) {
        let Batch { key, flags, rows, .. } = batch;
        let at = match self.index.get(&key) {
            Some(at) => *at,
            None => {
                self.lanes.push(Lane::new(key.clone()));
                self.index.insert(key, self.lanes.len() - 1);
                self.lanes.len() - 1
            }
        };
        let part = Part { ticket, rows: rows.len() as u64, bytes };
        let groups = self.settings.group_after < self.settings.in_flight_per_stream;
        self.lanes[at].push(numbering, flags, rows, part, groups);
        self.busy.insert(at);
        self.advance(at, now);
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: MonoTime) {
        for at in self.busy.clone() {
            let lane = &mut self.lanes[at];
            match lane.phase {
                Phase::Unknown { asked: Some(due) } if due <= now => {
                    lane.phase = Phase::Unknown { asked: None };
                    self.retry_later(at, 0, now);
                }
                Phase::Open if lane.reply_due.is_some_and(|due| due <= now) => self.retry_later(at, 0, now),
                Phase::Unknown { .. } | Phase::Open => {}
            }
            self.advance(at, now);
        }
    }

    /// Ingestion said where the producer stands.
    pub(crate) fn handle_status(&mut self, correlation: &str, last: u64, now: MonoTime) {
        let Some((at, _, _)) = self.locate(correlation) else { return };
        if self.lanes[at].phase != Phase::Open {
            self.lanes[at].open(last);
            self.advance(at, now);
        }
    }

    /// A batch is in the journal.
    pub(crate) fn handle_ack(&mut self, correlation: &str, ack: &IngestAck, now: MonoTime) {
        let Some((at, _, number)) = self.locate(correlation) else { return };
        let lane = &mut self.lanes[at];
        let was_oldest = lane.is_oldest(number);
        let Some(item) = lane.take(number) else { return };
        lane.confirmed = lane.confirmed.max(number);
        lane.failures = 0;
        // One that came before and is still unanswered has waited as long as it has.
        if was_oldest || lane.in_flight == 0 {
            lane.reply_due = (lane.in_flight > 0).then(|| now.after(self.settings.reply_timeout));
        }
        self.counts.acknowledged += 1;
        self.counts.duplicates += u64::from(ack.duplicate);
        let mut first = ack.first;
        for Part { ticket, rows, bytes } in item.parts {
            let receipt = Receipt::new(lane.key.clone(), number, first, rows, ack);
            first = receipt.range.end();
            self.outputs.push_back(Output::Settle { ticket, bytes, result: Ok(receipt) });
        }
        self.advance(at, now);
    }

    /// A batch was not taken.
    pub(crate) fn handle_nack(&mut self, correlation: &str, nack: &IngestNack, now: MonoTime) {
        let Some((at, round, number)) = self.locate(correlation) else { return };
        self.counts.nacked += u64::from(is_passing(nack.error.code));
        self.counts.no_space += u64::from(nack.error.code == ErrorCode::NO_SPACE);
        if self.lanes[at].round != round {
            return;
        }
        match nack.error.code {
            ErrorCode::CONFLICT if nack.expected_previous < number => {
                self.follow_ingestion(at, nack.expected_previous, nack, now);
            }
            code if is_passing(code) => self.retry_later(at, nack.error.retry_after_ms, now),
            _ => self.refuse(at, number, nack, now),
        }
        self.advance(at, now);
    }

    /// An answer that is neither: the question about the producer, or a batch, was refused as a whole.
    pub(crate) fn handle_error(&mut self, correlation: &str, error: &ErrorResponse, now: MonoTime) {
        let Some((at, _, number)) = self.locate(correlation) else { return };
        if number == 0 {
            // Also the answer to an older question, when a newer one was answered before.
            if !matches!(self.lanes[at].phase, Phase::Unknown { asked: Some(_) }) {
                return;
            }
            self.lanes[at].phase = Phase::Unknown { asked: None };
            self.retry_later(at, error.retry_after_ms, now);
            return;
        }
        let nack = IngestNack { producer_sequence: number, error: error.clone(), expected_previous: 0 };
        self.handle_nack(correlation, &nack, now);
    }

    /// Gives up on everything.
    pub(crate) fn fail_all(&mut self, error: &ErrorResponse) {
        for lane in &mut self.lanes {
            lane.go_back(lane.not_before);
            for item in lane.queue.drain(..) {
                let refused = Refused { key: lane.key.clone(), number: item.number, error: error.clone() };
                self.outputs.extend(item.parts.into_iter().map(|part| part.refused(&refused)));
            }
        }
        self.busy.clear();
    }

    fn busy_lanes(&self) -> impl Iterator<Item = &Lane<T>> {
        self.busy.iter().filter_map(|at| self.lanes.get(*at))
    }

    /// Sends what may be sent now.
    fn advance(&mut self, at: usize, now: MonoTime) {
        let lane = &mut self.lanes[at];
        if lane.queue.is_empty() {
            self.busy.remove(&at);
            return;
        }
        if now < lane.not_before {
            return;
        }
        match lane.phase {
            Phase::Unknown { asked: Some(_) } => {}
            Phase::Unknown { asked: None } => {
                lane.phase = Phase::Unknown { asked: Some(now.after(self.settings.reply_timeout)) };
                let request = ProducerStatusRequest {
                    producer_id: self.settings.producer_id.clone(),
                    key: lane.key.clone(),
                };
                self.outputs.push_back(Output::Ask { correlation: correlation(at, lane.round, 0), request });
            }
            Phase::Open => self.send(at, now),
        }
    }

    fn send(&mut self, at: usize, now: MonoTime) {
        let lane = &mut self.lanes[at];
        let limit = self.settings.in_flight_per_stream.max(1);
        let group_after = self.settings.group_after.max(1);
        let mut sent = 0;
        let mut last = lane.queue.len().saturating_sub(lane.in_flight + 1);
        for item in lane.queue.iter_mut().skip(lane.in_flight) {
            // Only the last one can still grow.
            let may_grow = last == 0 && item.may_grow();
            last = last.saturating_sub(1);
            if lane.in_flight + sent >= if may_grow { limit.min(group_after) } else { limit } {
                break;
            }
            let batch = IngestBatch {
                producer_id: self.settings.producer_id.clone(),
                producer_sequence: item.number,
                // Its own number says that there is none before it.
                previous_producer_sequence: if item.previous == 0 { item.number } else { item.previous },
                batch: item.message(&lane.key),
                ack_may_wait: lane.in_flight + sent >= OTHERS_IN_FLIGHT || self.busy.len() > OTHERS_IN_FLIGHT,
            };
            self.outputs
                .push_back(Output::Send { correlation: correlation(at, lane.round, item.number), batch });
            sent += 1;
        }
        lane.in_flight += sent;
        if sent > 0 && lane.reply_due.is_none() {
            lane.reply_due = Some(now.after(self.settings.reply_timeout));
        }
    }

    fn retry_later(&mut self, at: usize, retry_after_ms: u32, now: MonoTime) {
        let lane = &mut self.lanes[at];
        let asked = Duration::from_millis(u64::from(retry_after_ms)).min(self.settings.backoff_max);
        let wait = self.backoff.wait(lane.failures).max(asked);
        lane.failures = lane.failures.saturating_add(1);
        self.go_back(at, now.after(wait));
    }

    /// Ingestion stands elsewhere than this side believed: send again from there.
    fn follow_ingestion(&mut self, at: usize, last: u64, nack: &IngestNack, now: MonoTime) {
        let lane = &mut self.lanes[at];
        if last < lane.confirmed {
            self.counts.resyncs += 1;
            if self.settings.on_forgotten == OnForgotten::Report {
                let number = nack.producer_sequence;
                lane.confirmed = last;
                return self.refuse(at, number, nack, now);
            }
        }
        let lane = &mut self.lanes[at];
        lane.confirmed = last;
        lane.rechain(last);
        // The first going back is free; when that did not help, the next ones back off.
        let wait = if lane.failures == 0 { Duration::ZERO } else { self.backoff.wait(lane.failures) };
        lane.failures = lane.failures.saturating_add(1);
        self.go_back(at, now.after(wait));
    }

    /// Everything of a lane is to be sent again; what was not even polled is not to be sent twice.
    fn go_back(&mut self, at: usize, not_before: MonoTime) {
        let is_old = |output: &Output<T>| match output {
            Output::Send { correlation, .. } => locate(correlation).is_some_and(|(lane, ..)| lane == at),
            Output::Ask { .. } | Output::Settle { .. } => false,
        };
        self.outputs.retain(|output| !is_old(output));
        self.lanes[at].go_back(not_before);
    }

    fn refuse(&mut self, at: usize, number: u64, nack: &IngestNack, now: MonoTime) {
        let lane = &mut self.lanes[at];
        let Some(item) = lane.take(number) else { return };
        let refused = Refused { key: lane.key.clone(), number, error: nack.error.clone() };
        // With a conflict ingestion says where it stands; otherwise it stands where it stood.
        lane.confirmed = lane.confirmed.max(nack.expected_previous);
        lane.rechain(lane.confirmed);
        self.go_back(at, now);
        self.counts.refused += 1;
        self.outputs.extend(item.parts.into_iter().map(|part| part.refused(&refused)));
    }

    fn locate(&self, correlation: &str) -> Option<(usize, u64, u64)> {
        locate(correlation).filter(|(at, ..)| *at < self.lanes.len())
    }
}

/// When something is to be done about a lane in which something waits, and what.
fn deadline<T>(lane: &Lane<T>) -> (MonoTime, &'static str) {
    match lane.phase {
        Phase::Unknown { asked: Some(due) } => (due, "producer status overdue"),
        Phase::Unknown { asked: None } => (lane.not_before, "ask for the producer status"),
        Phase::Open => match lane.reply_due {
            Some(due) => (due, "acknowledgement overdue"),
            None => (lane.not_before, "send again"),
        },
    }
}

impl<T> Part<T> {
    fn refused(self, refused: &Refused) -> Output<T> {
        Output::Settle { ticket: self.ticket, bytes: self.bytes, result: Err(refused.clone()) }
    }
}

/// Trying again later can help.
fn is_passing(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::BUSY | ErrorCode::NOT_READY | ErrorCode::NO_SPACE | ErrorCode::INTERNAL)
}

fn correlation(lane: usize, round: u64, number: u64) -> String {
    format!("{lane}.{round}.{number}")
}

/// The lane, the round and the number in a correlation id.
fn locate(correlation: &str) -> Option<(usize, u64, u64)> {
    let mut parts = correlation.split('.').map(|part| part.parse::<u64>().ok());
    let (at, round, number) = (parts.next()??, parts.next()??, parts.next()??);
    Some((usize::try_from(at).ok()?, round, number))
}
