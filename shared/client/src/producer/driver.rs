//! The thread that owns the producer's socket: moves bytes between it and the [`Window`], decides nothing.

use super::gate::{Gate, Left};
use super::ticket::Promise;
use super::window::{Output, Window};
use super::{Numbering, Receipt, Refused};
use crate::{Error, ProducerCounts};
use crossbeam_channel::{Receiver, TryRecvError};
use gapless_model::{Batch, MonoTime};
use gapless_transport::{Requester, Sent, Source, WakeReceiver, wait_any};
use gapless_wire::{Envelope, ErrorCode, ErrorResponse, Limits, Message, decode, encode_message};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Replies handled per turn before new batches are looked at.
const REPLIES_PER_TURN: usize = 256;
/// Batches taken per turn before replies are looked at.
const BATCHES_PER_TURN: usize = 256;
/// How soon a full queue is tried again when no reply wakes the thread before: a reader that is there takes
/// hundreds of batches in this time, and one that is away costs a hundred looks a second.
const FULL_RETRY: Duration = Duration::from_millis(10);

/// A batch on its way to the driver.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) batch: Batch,
    pub(super) numbering: Numbering,
    /// What it counts for in the gate.
    pub(super) bytes: usize,
    pub(super) promise: Promise,
}

/// The state of the driver's thread.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) window: Window<Promise>,
    pub(super) requester: Requester,
    pub(super) submissions: Receiver<Submission>,
    pub(super) wake: WakeReceiver,
    pub(super) gate: Arc<Gate>,
    pub(super) counts: Arc<Mutex<ProducerCounts>>,
    pub(super) started: Instant,
    /// What found the socket's queue full: it goes before everything else, so that nothing overtakes it.
    pub(super) unsent: Option<(Message, String)>,
    /// What is through, or refused, and not told to the gate yet.
    pub(super) left: Left,
}

impl Driver {
    /// Runs until the producer is dropped. Batches that are still unacknowledged then are given up.
    pub(super) fn run(mut self) {
        if let Err(error) = self.serve() {
            tracing::error!(%error, "producer stopped");
            self.gate.trouble(error.to_string());
        }
        self.give_up();
        self.gate.close();
    }

    fn serve(&mut self) -> Result<(), Error> {
        let (mut replies, mut woken) = (true, true);
        loop {
            if woken {
                self.wake.clear();
            }
            if !self.take_submissions() {
                return Ok(());
            }
            if replies {
                self.take_replies()?;
            }
            let now = self.now();
            if self.window.poll_timeout().is_some_and(|(due, _)| due <= now) {
                self.window.handle_timeout(now);
            }
            let full = self.act()?;
            *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = self.window.counts();
            [replies, woken] = self.wait(full)?;
        }
    }

    /// Whether the producer is still there.
    fn take_submissions(&mut self) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            match self.submissions.try_recv() {
                Ok(Submission { batch, numbering, bytes, promise }) => {
                    let now = self.now();
                    self.window.push(batch, numbering, bytes, promise, now);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn take_replies(&mut self) -> Result<(), Error> {
        for _ in 0..REPLIES_PER_TURN {
            let Some(frame) = self.requester.try_receive()? else { return Ok(()) };
            match decode(&frame, &Limits::reply()) {
                Ok(envelope) => self.take_reply(&envelope),
                Err(error) => tracing::warn!(%error, "ingestion answered something unusable"),
            }
        }
        Ok(())
    }

    fn take_reply(&mut self, Envelope { correlation_id, message, .. }: &Envelope) {
        let now = self.now();
        match message {
            Message::IngestAck(ack) => {
                self.gate.trouble(String::new());
                self.window.handle_ack(correlation_id, ack, now);
            }
            Message::IngestNack(nack) => {
                self.gate.trouble(nack.error.to_string());
                self.window.handle_nack(correlation_id, nack, now);
            }
            Message::ProducerStatusResponse(status) => {
                self.window.handle_status(correlation_id, status.last_producer_sequence, now);
            }
            Message::Error(error) => {
                self.gate.trouble(error.to_string());
                self.window.handle_error(correlation_id, error, now);
            }
            _ => tracing::warn!("ingestion sent an answer that fits no question"),
        }
    }

    /// Does what the window says, until the socket's queue is full; whether it is. What that queue does not
    /// take waits here: to count it as sent would be to lose it until its reply is overdue.
    fn act(&mut self) -> Result<bool, Error> {
        let mut is_full = false;
        while let Some((message, correlation)) = self.next_request() {
            if self.requester.send(encode_message(&message, &correlation))? == Sent::Full {
                self.unsent = Some((message, correlation));
                is_full = true;
                break;
            }
        }
        self.gate.leave(std::mem::take(&mut self.left));
        Ok(is_full)
    }

    /// The next request to send; settles what comes before it.
    fn next_request(&mut self) -> Option<(Message, String)> {
        if let Some(unsent) = self.unsent.take() {
            return Some(unsent);
        }
        loop {
            match self.window.poll_output()? {
                Output::Send { correlation, batch } => {
                    return Some((Message::IngestBatch(batch), correlation));
                }
                Output::Ask { correlation, request } => {
                    return Some((Message::ProducerStatusRequest(request), correlation));
                }
                Output::Settle { ticket, bytes, result } => self.settle(ticket, bytes, result),
            }
        }
    }

    fn settle(&mut self, promise: Promise, bytes: usize, result: Result<Receipt, Refused>) {
        self.left.add(bytes, result.as_ref().err());
        promise.keep(result);
    }

    /// Waits until there is something to do; whether that may be replies, and batches.
    fn wait(&self, full: bool) -> Result<[bool; 2], Error> {
        if !self.submissions.is_empty() {
            return Ok([true, true]);
        }
        let now = self.now();
        let mut timeout = self.window.poll_timeout().map(|(due, _)| due.since(now));
        if full {
            timeout = Some(timeout.unwrap_or(Duration::MAX).min(FULL_RETRY));
        }
        Ok(wait_any([Source::Requester(&self.requester), Source::Wake(&self.wake)], timeout)?)
    }

    fn give_up(&mut self) {
        let pending = self.window.pending();
        if pending > 0 {
            tracing::warn!(pending, "producer closed before these batches were acknowledged");
        }
        let error = ErrorResponse {
            code: ErrorCode::NOT_READY,
            message: "the producer was closed before the batch was acknowledged".into(),
            retry_after_ms: 0,
        };
        self.window.fail_all(&error);
        while let Some(output) = self.window.poll_output() {
            if let Output::Settle { ticket, bytes, result } = output {
                self.settle(ticket, bytes, result);
            }
        }
        self.gate.leave(std::mem::take(&mut self.left));
    }

    fn now(&self) -> MonoTime {
        MonoTime(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
