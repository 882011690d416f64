//! The producer's socket and its [`Window`], under one lock.
//!
//! Whoever hands a batch over sends it himself: to wake another thread for that would take longer than the sending. A thread
//! in the background takes replies and does what is due, so that trouble is mended while nobody calls. It waits at the
//! socket's descriptor without the lock; a sender that took the signal of a reply away wakes it.

use super::gate::{Gate, Left};
use super::ticket::Promise;
use super::window::{Output, Window};
use super::{Numbering, Receipt, Refused};
use crate::{Error, ProducerCounts};
use gapless_model::{Batch, MonoTime};
use gapless_transport::{Requester, Sent, Source, WakeReceiver, wait_any};
use gapless_wire::{Envelope, ErrorCode, ErrorResponse, Limits, Message, decode, encode_message};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Replies handled before the lock is given to others.
const REPLIES_PER_TURN: usize = 64;
/// How soon a full queue is tried again when no reply wakes the thread before: a reader that is there takes
/// hundreds of batches in this time, and one that is away costs a hundred looks a second.
const FULL_RETRY: Duration = Duration::from_millis(10);

/// A batch to be sent.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) batch: Batch,
    pub(super) numbering: Numbering,
    /// What it counts for in the gate.
    pub(super) bytes: usize,
    pub(super) promise: Promise,
}

/// What callers and the thread in the background work on.
#[derive(Debug)]
pub(super) struct Driver {
    work: Mutex<Work>,
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct Work {
    window: Window<Promise>,
    requester: Requester,
    gate: Arc<Gate>,
    started: Instant,
    /// What found the socket's queue full: it goes before everything else, so that nothing overtakes it.
    unsent: Option<(Message, String)>,
    /// What is through, or refused, and not told to the gate yet.
    left: Left,
    /// When the thread looks again if nothing wakes it.
    looks_at: Option<MonoTime>,
    is_closed: bool,
}

impl Driver {
    pub(super) fn new(window: Window<Promise>, requester: Requester, gate: Arc<Gate>) -> Driver {
        let work = Work {
            window,
            requester,
            gate: gate.clone(),
            started: Instant::now(),
            unsent: None,
            left: Left::default(),
            looks_at: None,
            is_closed: false,
        };
        Driver { work: Mutex::new(work), gate }
    }

    /// Sends a batch, or keeps it for when it may be sent. Whether the thread in the background is to be woken.
    pub(super) fn submit(&self, submission: Submission) -> Result<bool, Error> {
        self.lock().submit(submission)
    }

    pub(super) fn counts(&self) -> ProducerCounts {
        self.lock().window.counts()
    }

    /// The thread in the background, which is to be woken, ends.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Runs in the background until the producer is closed. Batches that are still unacknowledged then are given up.
    pub(super) fn run(&self, wake: &WakeReceiver) {
        if let Err(error) = self.serve(wake) {
            tracing::error!(%error, "producer stopped");
            self.gate.trouble(error.to_string());
        }
        self.lock().give_up();
        self.gate.close();
    }

    fn serve(&self, wake: &WakeReceiver) -> Result<(), Error> {
        let signal = self.lock().requester.reply_signal();
        loop {
            let Some(timeout) = self.lock().turn()? else { return Ok(()) };
            let [_, woken] = wait_any([Source::Replies(signal), Source::Wake(wake)], timeout)?;
            if woken {
                wake.clear();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        // A panic under the lock is a defect; what it left undone is sent again when its reply is overdue.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn submit(&mut self, submission: Submission) -> Result<bool, Error> {
        if self.is_closed {
            return Err(Error::Closed);
        }
        let Submission { batch, numbering, bytes, promise } = submission;
        let now = self.now();
        self.window.push(batch, numbering, bytes, promise, now);
        // It is taken now: what the socket says against it is the background's matter, which looks for itself.
        let Ok(is_full) = self.act() else { return Ok(true) };
        let due = self.window.poll_timeout().map(|(due, _)| due);
        let is_earlier = due.is_some_and(|due| self.looks_at.is_none_or(|at| due < at));
        Ok(is_full || is_earlier || self.requester.hides_reply().unwrap_or(true))
    }

    /// Takes replies and does what is due. How long to wait then for more; `None` once the producer is closed.
    fn turn(&mut self) -> Result<Option<Option<Duration>>, Error> {
        if self.is_closed {
            return Ok(None);
        }
        self.take_replies()?;
        let now = self.now();
        if self.window.poll_timeout().is_some_and(|(due, _)| due <= now) {
            self.window.handle_timeout(now);
        }
        let is_full = self.act()?;
        let due = self.window.poll_timeout().map(|(due, _)| due);
        let retry = is_full.then(|| now.after(FULL_RETRY));
        self.looks_at = [due, retry].into_iter().flatten().min();
        if self.requester.hides_reply()? {
            return Ok(Some(Some(Duration::ZERO)));
        }
        Ok(Some(self.looks_at.map(|at| at.since(now))))
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

    fn give_up(&mut self) {
        self.is_closed = true;
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
