//! Gets the rows of one stream into the journal, each exactly once, whatever the intake answers.
//!
//! Batches go out numbered by their last row, each naming the number before it, several in flight. They
//! stay here until they are acknowledged. When one is refused (queue full, disk full), those behind it
//! are refused too, because their chain is broken; so everything from the first unacknowledged batch on
//! is sent again, in order. That is go-back-n: simple, and its waste is bounded by the window. Sending
//! only what was refused was rejected, because it needs the journal to accept rows out of order.
//!
//! The complication is a beginning: the journal takes a first batch only under the number 1. So the
//! first row of a new producer travels alone.

use crate::sources::progress::Progress;
use crate::{AckWhen, Intake, ProducerRef, Refusal, Submission, Ticket};
use gapless_model::{Flags, Rows, StreamKey};
use gapless_service_kit::Shutdown;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Batches in flight: half of what the journal remembers of each producer, so that a duplicate among
/// them is always recognised by its number and content.
pub(crate) const WINDOW: usize = 32;
/// How often the same conflict may come back before it is believed: more than a race can cause.
const MAX_CONFLICTS: u32 = 5;
/// How long a wait may be before the stop request is looked at again.
const WAIT_SLICE: Duration = Duration::from_millis(50);

/// The rows of one stream on their way into the journal.
pub(crate) struct Outbox {
    intake: Intake,
    shutdown: Shutdown,
    progress: Arc<Progress>,
    key: StreamKey,
    flags: Flags,
    producer_id: String,
    window: VecDeque<Pending>,
    limit: usize,
    /// The number of the last row that is known to be in the journal.
    delivered: u64,
    /// The number of the last row that was handed in here.
    pushed: u64,
    not_before: Option<Instant>,
    conflicts: u32,
}

/// A batch that is not acknowledged.
struct Pending {
    /// The number of its last row.
    last: u64,
    rows: Rows,
    /// Its answer to come, when it was sent.
    ticket: Option<Ticket>,
}

/// What an outbox cannot mend by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The service shuts down; what is not acknowledged was not taken.
    Closing,
    /// The journal has this producer's rows up to `taken`, and no batch here ends there: go on after it
    /// with [`Outbox::resume`].
    Elsewhere {
        /// The number of the last row that the journal has.
        taken: u64,
    },
    /// The rows that were due will never be taken; they were dropped.
    Rejected {
        /// How many they are.
        rows: u64,
        /// What is wrong with them.
        reason: String,
    },
}

impl Outbox {
    /// An outbox for `key`. Rows are numbered after `taken`, the last number that the journal has from
    /// this producer.
    pub(crate) fn new(
        intake: Intake,
        shutdown: Shutdown,
        progress: Arc<Progress>,
        key: StreamKey,
        producer_id: String,
        taken: u64,
    ) -> Outbox {
        Outbox {
            intake,
            shutdown,
            progress,
            key,
            flags: Flags::NONE,
            producer_id,
            window: VecDeque::new(),
            limit: WINDOW,
            delivered: taken,
            pushed: taken,
            not_before: None,
            conflicts: 0,
        }
    }

    /// Marks every batch with `flags`.
    pub(crate) fn with_flags(self, flags: Flags) -> Outbox {
        Outbox { flags, ..self }
    }

    /// Holds up to `limit` batches instead of [`WINDOW`], for sources that cannot wait.
    pub(crate) fn with_limit(self, limit: usize) -> Outbox {
        Outbox { limit, ..self }
    }

    /// Its stream.
    pub(crate) fn key(&self) -> &StreamKey {
        &self.key
    }

    /// Whether everything was acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.window.is_empty()
    }

    /// Whether another batch should wait.
    pub(crate) fn is_full(&self) -> bool {
        self.window.len() >= self.limit
    }

    /// The number of the last row that is known to be in the journal.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Appends the next rows. They leave with [`Outbox::pump`].
    pub(crate) fn push(&mut self, rows: Rows) {
        if !rows.is_empty() {
            self.pushed += rows.len() as u64;
            self.window.push_back(Pending { last: self.pushed, rows, ticket: None });
        }
    }

    /// Forgets what is here and numbers the next rows after `taken`.
    pub(crate) fn resume(&mut self, taken: u64) {
        self.window.clear();
        self.delivered = taken;
        self.pushed = taken;
    }

    /// Sends what is here under another name, numbered from 1: for sources whose numbers mean nothing
    /// beyond themselves, when the journal has forgotten them.
    pub(crate) fn begin_anew(&mut self, producer_id: String) {
        let pending = std::mem::take(&mut self.window);
        self.producer_id = producer_id;
        self.conflicts = 0;
        self.resume(0);
        for batch in pending {
            self.push(batch.rows);
        }
    }

    /// Takes the answers that are there and sends what can be sent, without waiting.
    pub(crate) fn pump(&mut self, now: Instant) -> Result<(), Trouble> {
        while let Some(answer) = self.window.front().and_then(|front| front.ticket.as_ref()?.try_wait()) {
            self.settle(answer, now)?;
        }
        self.send(now)
    }

    /// Waits at most `timeout` (and not much longer than the stop request) for the oldest batch, then pumps.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Result<(), Trouble> {
        let timeout = timeout.min(WAIT_SLICE);
        let answer = match self.window.front().map(|front| &front.ticket) {
            Some(Some(ticket)) => Some(ticket.wait(timeout)),
            Some(None) | None => {
                self.shutdown.wait(timeout);
                None
            }
        };
        match answer {
            None | Some(Err(Refusal::TimedOut)) => {}
            Some(answer) => self.settle(answer, Instant::now())?,
        }
        self.pump(Instant::now())
    }

    /// The source stops: sends what is left and waits for the answers, at most about `at_most`.
    pub(crate) fn finish(&mut self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while !self.is_empty() && Instant::now() < deadline {
            let waited = match self.window.front().and_then(|front| front.ticket.as_ref()) {
                Some(_) => self.wait(WAIT_SLICE),
                None => {
                    std::thread::park_timeout(Duration::from_millis(5));
                    self.pump(Instant::now())
                }
            };
            if waited.is_err() {
                break;
            }
        }
        let left: usize = self.window.iter().map(|pending| pending.rows.len()).sum();
        if left > 0 {
            tracing::warn!(stream = %self.key, rows = left, "source stops with rows that the journal did not take");
        }
    }

    fn send(&mut self, now: Instant) -> Result<(), Trouble> {
        if self.not_before.is_some_and(|at| now < at) {
            return Ok(());
        }
        let mut previous = self.delivered;
        let mut refused = None;
        for (at, pending) in self.window.iter_mut().enumerate().take(WINDOW) {
            if pending.ticket.is_none() {
                let submission = Submission {
                    key: self.key.clone(),
                    flags: self.flags,
                    rows: pending.rows.clone(),
                    producer: Some(ProducerRef {
                        id: self.producer_id.clone(),
                        sequence: pending.last,
                        // Its own number says that there is none before it.
                        previous: if previous == 0 { pending.last } else { previous },
                    }),
                    ack: AckWhen::Written,
                };
                match self.intake.try_submit(submission) {
                    Ok(ticket) => pending.ticket = Some(ticket),
                    Err(refusal) => {
                        refused = Some((at, refusal));
                        break;
                    }
                }
            }
            previous = pending.last;
        }
        match refused {
            None => Ok(()),
            // The queue is full, or closed: those in flight before it are not touched by that.
            Some((_, Refusal::Busy { retry_after_ms })) => {
                self.not_before = Some(now + Duration::from_millis(retry_after_ms.into()));
                Ok(())
            }
            Some((0, refusal)) => self.settle(Err(refusal), now),
            // What is wrong with a batch further back is told when its turn has come.
            Some((_, _)) => Ok(()),
        }
    }

    /// Draws the consequences of the answer to the oldest batch.
    fn settle(&mut self, answer: Result<crate::Receipt, Refusal>, now: Instant) -> Result<(), Trouble> {
        let refusal = match answer {
            Ok(receipt) => {
                self.conflicts = 0;
                self.retire(1, receipt.duplicate);
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        if let Refusal::Conflict { expected_previous, message } = &refusal {
            return self.realign(*expected_previous, message);
        }
        self.recall();
        match &refusal {
            Refusal::Closing { .. } => Err(Trouble::Closing),
            Refusal::Invalid(_) | Refusal::TooLarge { .. } | Refusal::TooManyStreams => {
                let rows = self.window.pop_front().map_or(0, |dropped| dropped.rows.len() as u64);
                self.progress.add_bad(rows);
                Err(Trouble::Rejected { rows, reason: refusal.to_string() })
            }
            Refusal::Busy { .. }
            | Refusal::NoSpace { .. }
            | Refusal::Failed { .. }
            | Refusal::Halted { .. }
            | Refusal::Conflict { .. }
            | Refusal::TimedOut => {
                tracing::warn!(stream = %self.key, %refusal, "source waits");
                let wait = Duration::from_millis(u64::from(refusal.retry_after_ms()).max(1));
                self.not_before = Some(now + wait);
                Ok(())
            }
        }
    }

    /// Goes on after the row `taken`, if a batch here ends there.
    fn realign(&mut self, taken: u64, message: &str) -> Result<(), Trouble> {
        self.conflicts += 1;
        let ends_here = self.window.iter().position(|pending| pending.last == taken);
        match ends_here {
            // Those behind it named its number as the one before: their answers stand.
            Some(at) => self.retire(at + 1, true),
            // A batch that was rejected or refused has broken the chain; it is whole again now.
            None if taken == self.delivered && self.conflicts <= MAX_CONFLICTS => self.recall(),
            None => {
                tracing::debug!(stream = %self.key, taken, message, "source has to go elsewhere");
                self.recall();
                return Err(Trouble::Elsewhere { taken });
            }
        }
        Ok(())
    }

    /// The oldest `batches` are in the journal.
    fn retire(&mut self, batches: usize, duplicate: bool) {
        for done in self.window.drain(..batches) {
            let rows = done.rows.len() as u64;
            self.delivered = done.last;
            if duplicate { self.progress.add_duplicate(rows) } else { self.progress.add_delivered(rows) }
        }
    }

    /// Everything has to be sent again.
    fn recall(&mut self) {
        for pending in &mut self.window {
            pending.ticket = None;
        }
    }
}

#[cfg(test)]
mod tests;
