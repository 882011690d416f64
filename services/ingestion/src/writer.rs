//! The one thread that gives out positions and sequences.
//!
//! It takes everything that waits, decides on each submission, writes all accepted ones with one write,
//! publishes them and answers, in this order: a record is in the journal before anybody hears of it. What
//! waits while one group is written is the next group, so groups grow with the load and a lone submission
//! never waits for company. When a write fails, the whole group is refused and the sequencer takes its
//! numbers back; answering part of it would need to know which part a full disk took.

mod beat;
mod plan;
mod writable;

use crate::acknowledger::Pending;
use crate::counts::WriterCounts;
use crate::intake::{AckWhen, Entry, Intake, Receipt, Refusal, Reply};
use crate::ledger::Ledger;
use crate::{Error, clock};
use beat::Beat;
use crossbeam_channel::Sender;
use gapless_journal::{Appended, Appender, Journal, JournalError};
use gapless_model::Position;
use gapless_transport::Publisher;
use gapless_wire::{Durability, Encoder, JournalStatusResponse, Message, topic};
use plan::{Decision, Planned};
use std::sync::Arc;
use std::time::{Duration, Instant};
use writable::Writable;

/// Taken from the queue as one group: a few milliseconds of writing.
const GROUP_BYTES: usize = 4 << 20;

/// Published as one message at most, but for a single larger record: what a subscriber loses at once when
/// it is too slow.
const MESSAGE_BYTES: usize = 256 << 10;

/// Messages that wait for a subscriber before it loses some: a quarter of a gigabyte for one that hangs,
/// and it heals what it lost by replay.
pub(crate) const SUBSCRIBER_MESSAGES: u32 = 1000;

/// A full disk is looked at again by every attempt; producers need not hurry.
const NO_SPACE_RETRY_MS: u32 = 1000;

/// After a roll that failed, the sequencer is not snapshotted again before this.
const ROLL_RETRY: Duration = Duration::from_secs(1);

/// There is one partition.
pub(crate) const PARTITION: u32 = 0;

pub(crate) struct Writer {
    pub(crate) intake: Intake,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) journal: Journal,
    pub(crate) appender: Appender,
    pub(crate) publisher: Publisher,
    pub(crate) synced_receipts: Sender<Pending>,
}

impl Writer {
    /// Works until the intake is closed and empty; gives the appender back for closing.
    ///
    /// # Errors
    /// When the journal can no longer be written at all. Everything not acknowledged is refused.
    pub(crate) fn run(self) -> Result<Appender, Error> {
        Shell {
            encoder: Encoder::new(),
            beat: Beat::new(Instant::now()),
            roll_not_before: Instant::now(),
            topic: topic::journal(PARTITION),
            counts: WriterCounts::new(),
            writable: Writable::new(),
            writer: self,
        }
        .run()
    }
}

struct Shell {
    writer: Writer,
    encoder: Encoder,
    beat: Beat,
    roll_not_before: Instant,
    topic: String,
    counts: WriterCounts,
    writable: Writable,
}

impl Shell {
    fn run(mut self) -> Result<Appender, Error> {
        loop {
            let wait = self.beat.due_in(Instant::now());
            match self.writer.intake.queue().drain(GROUP_BYTES, wait) {
                None => return Ok(self.writer.appender),
                Some(group) if group.is_empty() => {}
                Some(group) => self.write(group)?,
            }
            let now = Instant::now();
            if self.beat.due_in(now).is_zero() {
                self.publish_heartbeat()?;
                self.beat.sent(now);
            }
        }
    }

    fn write(&mut self, group: Vec<Entry>) -> Result<(), Error> {
        self.roll_if_due();
        let started = Instant::now();
        let ledger = Arc::clone(&self.writer.ledger);
        let mut sequencer = ledger.lock();
        let mut records = Vec::new();
        let planned: Vec<Planned> = group
            .into_iter()
            .map(|entry| plan::plan(entry, &mut sequencer, &mut self.encoder, &mut records))
            .collect();
        let appended = match self.writer.appender.append(&records) {
            Ok(appended) => appended,
            Err(error) => {
                sequencer.rollback();
                drop(sequencer);
                return self.refuse(planned, error);
            }
        };
        sequencer.commit(appended.last);
        drop(sequencer);
        self.writable.works();
        self.counts.appended(&records, started.elapsed());
        self.publish(records)?;
        for planned in planned {
            self.answer(planned, appended);
        }
        Ok(())
    }

    /// A segment that is full is sealed; the next one opens with the sequencer's state.
    fn roll_if_due(&mut self) {
        let now = clock::now_ms();
        if !self.writer.appender.wants_roll(now) || Instant::now() < self.roll_not_before {
            return;
        }
        let snapshot = self.writer.ledger.lock().snapshot();
        if let Err(error) = self.writer.appender.roll(&snapshot, now) {
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
        Ok(self.writer.publisher.send(&self.topic, frames)?)
    }

    fn publish_heartbeat(&mut self) -> Result<(), Error> {
        let message = Message::JournalStatusResponse(journal_status(&self.writer.journal));
        let frame = self.encoder.message(&message, "").to_vec();
        Ok(self.writer.publisher.send(&self.topic, [frame])?)
    }

    fn answer(&mut self, planned: Planned, appended: Appended) {
        let Planned { decision, ack, via, rows, arrived, reply } = planned;
        let receipt = match decision {
            Decision::Refused(refusal) => {
                via.refused(&refusal, rows);
                return reply.refuse(refusal);
            }
            Decision::Sequenced(receipt) => {
                self.counts.accepted(via, rows, arrived.elapsed());
                receipt
            }
            Decision::Duplicate(receipt) => {
                self.counts.duplicate(rows);
                receipt
            }
        };
        // An old duplicate has no known position: it lies before whatever is the last one now.
        let position = if receipt.position == Position::NONE { appended.last } else { receipt.position };
        if appended.synced || self.writer.journal.synced() >= position {
            return reply.give(Ok(Receipt { durability: Durability::Synced, ..receipt }));
        }
        match ack {
            AckWhen::Written => reply.give(Ok(receipt)),
            AckWhen::Synced => self.answer_when_synced(position, receipt, reply),
        }
    }

    fn answer_when_synced(&mut self, position: Position, receipt: Receipt, reply: Reply) {
        self.writer.journal.request_sync();
        // When the thread is gone the reply is dropped, and says so.
        let _ = self.writer.synced_receipts.send(Pending { position, receipt, reply });
    }

    /// Nothing of the group is in the journal, and nothing in the sequencer.
    fn refuse(&mut self, group: Vec<Planned>, error: JournalError) -> Result<(), Error> {
        let refusal = match &error {
            JournalError::NoSpace { .. } => Refusal::NoSpace { retry_after_ms: NO_SPACE_RETRY_MS },
            other => Refusal::Failed { message: other.to_string(), retry_after_ms: NO_SPACE_RETRY_MS },
        };
        tracing::debug!(%error, batches = group.len(), "a group of batches was refused");
        self.writable.fails(&error);
        for planned in group {
            planned.via.refused(&refusal, planned.rows);
            planned.reply.refuse(refusal.clone());
        }
        match error {
            JournalError::Broken { .. } => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// The journal's state as followers are told.
pub(crate) fn journal_status(journal: &Journal) -> JournalStatusResponse {
    let status = journal.status();
    JournalStatusResponse {
        partition: PARTITION,
        epoch: status.epoch,
        earliest: status.earliest,
        latest: status.latest,
        epochs: status.epochs,
        streams: Vec::new(),
        server_time: clock::now_ms(),
    }
}
