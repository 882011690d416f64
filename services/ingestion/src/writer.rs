//! The one thread that gives out positions and sequences; producers' socket is its own.
//!
//! It takes everything that waits, decides on each submission, writes all accepted ones with one write,
//! publishes them and answers, in this order: a record is in the journal before anybody hears of it. What
//! waits while one group is written is the next group, so groups grow with the load and a lone submission
//! never waits for company. When a write fails, the whole group is refused and the sequencer takes its
//! numbers back; answering part of it would need to know which part a full disk took.

mod beat;
mod writable;

use crate::acknowledger::Pending;
use crate::core::{self, Answer, Decision, Ledger, PARTITION, Recorded, Recorder};
use crate::counts::WriterCounts;
use crate::ingest_socket::IngestSocket;
use crate::intake::{AckWhen, Entry, Intake, Refusal, Reply, Submission, Via};
use crate::{Error, clock};
use beat::Beat;
use crossbeam_channel::Sender;
use gapless_journal::{Appended, Appender, Journal, JournalError};
use gapless_transport::Publisher;
use gapless_wire::{Message, encode_message, topic};
use std::sync::Arc;
use std::time::{Duration, Instant};
use writable::Writable;

/// Taken from the queue as one group: a few milliseconds of writing.
const GROUP_BYTES: usize = 4 << 20;

/// Published as one message at most, but for a single larger record: what a subscriber loses at once when
/// it is too slow.
const MESSAGE_BYTES: usize = 64 << 10;

/// Messages that wait for a subscriber before it loses some: 64 MiB for one that hangs, more where single records are
/// larger, and it heals what it lost by replay.
pub(crate) const SUBSCRIBER_MESSAGES: u32 = 1000;

/// After a roll that failed, the sequencer is not snapshotted again before this.
const ROLL_RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Writer {
    pub(crate) intake: Intake,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) journal: Journal,
    pub(crate) appender: Appender,
    pub(crate) publisher: Publisher,
    pub(crate) socket: IngestSocket,
    pub(crate) synced_receipts: Sender<Pending>,
}

impl Writer {
    /// Works until the intake is closed and empty; gives the appender back for closing.
    ///
    /// # Errors
    /// When the journal can no longer be written at all, or the socket fails. Everything not acknowledged is refused.
    pub(crate) fn run(self) -> Result<Appender, Error> {
        let Writer { intake, ledger, journal, appender, publisher, socket, synced_receipts } = self;
        let mut shell = Shell {
            intake,
            recorder: Recorder::new(ledger, appender),
            journal,
            publisher,
            socket,
            synced_receipts,
            beat: Beat::new(Instant::now()),
            roll_not_before: Instant::now(),
            topic: topic::journal(PARTITION),
            counts: WriterCounts::new(),
            writable: Writable::new(),
        };
        let result = shell.run();
        if result.is_err() {
            shell.refuse_all();
        }
        // Whoever sends rows now is refused.
        let last = shell.socket.step(Duration::ZERO, Instant::now());
        shell.socket.send_replies(Instant::now());
        result.and(last.map_err(Error::from)).map(|()| shell.recorder.into_appender())
    }
}

struct Shell {
    intake: Intake,
    recorder: Recorder,
    journal: Journal,
    publisher: Publisher,
    socket: IngestSocket,
    synced_receipts: Sender<Pending>,
    beat: Beat,
    roll_not_before: Instant,
    topic: String,
    counts: WriterCounts,
    writable: Writable,
}

impl Shell {
    fn run(&mut self) -> Result<(), Error> {
        loop {
            let now = Instant::now();
            let is_empty = self.intake.queue().depth().0 == 0;
            self.socket.step(if is_empty { self.beat.due_in(now) } else { Duration::ZERO }, now)?;
            match self.intake.queue().drain(GROUP_BYTES) {
                None => return Ok(()),
                Some(group) if group.is_empty() => {}
                Some(group) => self.write(group)?,
            }
            let now = Instant::now();
            self.socket.send_due_replies(now);
            if self.beat.due_in(now).is_zero() {
                self.writable.look(self.journal.halted(), || self.recorder.probe());
                self.publish_heartbeat()?;
                self.beat.sent(now);
            }
        }
    }

    /// Nothing is accepted any more, and what waits is told so.
    fn refuse_all(&self) {
        self.intake.close();
        // A reply that is dropped says why.
        while let Some(group) = self.intake.queue().drain(usize::MAX) {
            drop(group);
        }
    }

    fn write(&mut self, group: Vec<Entry>) -> Result<(), Error> {
        self.roll_if_due();
        let started = Instant::now();
        let mut waiting = Vec::with_capacity(group.len());
        let group = group.into_iter().map(|Entry { checked, reply, via, arrived }| {
            let Submission { ack, rows, .. } = checked.submission();
            waiting.push(Waiting { ack: *ack, rows: rows.len(), via, arrived, reply });
            checked
        });
        let recorded = self.recorder.record(group, clock::now_us());
        let Recorded { decisions, records, appended } = match recorded {
            Ok(recorded) => recorded,
            Err(error) => return self.refuse(waiting, error),
        };
        if !records.is_empty() {
            self.writable.works();
        }
        self.counts.appended(&records, started.elapsed());
        self.publish(records)?;
        for (decision, waiting) in decisions.into_iter().zip(waiting) {
            self.answer(decision, waiting, appended);
        }
        Ok(())
    }

    fn roll_if_due(&mut self) {
        if Instant::now() < self.roll_not_before {
            return;
        }
        if let Err(error) = self.recorder.roll_if_due(clock::now_ms()) {
            tracing::warn!(%error, "the journal segment stays in use: no new one could be begun");
            self.roll_not_before = Instant::now() + ROLL_RETRY;
        }
    }

    fn publish(&mut self, records: Vec<Vec<u8>>) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let mut message = Vec::new();
        let mut bytes = 0;
        for record in records {
            if !message.is_empty() && bytes + record.len() > MESSAGE_BYTES {
                self.publish_message(std::mem::take(&mut message), bytes)?;
                bytes = 0;
            }
            bytes += record.len();
            message.push(record);
        }
        self.publish_message(message, bytes)?;
        self.beat.records_sent(Instant::now());
        Ok(())
    }

    fn publish_message(&mut self, frames: Vec<Vec<u8>>, bytes: usize) -> Result<(), Error> {
        self.counts.published(bytes);
        Ok(self.publisher.send(&self.topic, frames)?)
    }

    fn publish_heartbeat(&mut self) -> Result<(), Error> {
        let status = core::journal_status(&self.journal, clock::now_ms());
        let frame = encode_message(&Message::JournalStatusResponse(status), "");
        Ok(self.publisher.send(&self.topic, [frame])?)
    }

    fn answer(&self, decision: Decision, waiting: Waiting, appended: Appended) {
        let Waiting { ack, via, rows, arrived, reply } = waiting;
        match &decision {
            Decision::Refused(refusal) => via.refused(refusal, rows),
            Decision::Sequenced(_) => self.counts.accepted(via, rows, arrived.elapsed()),
            Decision::Duplicate(_) => self.counts.duplicate(rows),
        }
        match decision.answer(ack, appended, self.journal.synced()) {
            Answer::Now(answer) => reply.give(answer),
            Answer::WhenSynced { position, receipt } => {
                self.journal.request_sync();
                // When the thread is gone the reply is dropped, and says so. It never waits for this one: those who send
                // by the socket are answered when their rows are written.
                let _ = self.synced_receipts.send(Pending { position, receipt, reply });
            }
        }
    }

    /// Nothing of the group is in the journal, and nothing in the sequencer.
    fn refuse(&mut self, group: Vec<Waiting>, error: JournalError) -> Result<(), Error> {
        let refusal = Refusal::unwritten(&error);
        tracing::debug!(%error, batches = group.len(), "a group of batches was refused");
        self.writable.fails(&error);
        for waiting in group {
            waiting.via.refused(&refusal, waiting.rows);
            waiting.reply.refuse(refusal.clone());
        }
        match error {
            JournalError::Broken { .. } => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Who waits for a decision.
struct Waiting {
    ack: AckWhen,
    via: Via,
    rows: usize,
    arrived: Instant,
    reply: Reply,
}
