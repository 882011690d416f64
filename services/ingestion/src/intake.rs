//! The one door: submissions in, receipts or refusals out.
//!
//! Everything that hands in rows does it here, so overload, duplicates and a full disk have one answer
//! for every kind of producer. What can be checked without the sequencer is checked on the caller's
//! thread, and what is refused here never reaches the writer.

mod checked;
mod queue;
mod refusal;
mod reply;
mod via;

pub use checked::Checked;
pub use queue::IntakeLimits;
pub use refusal::Refusal;
pub use reply::{Receipt, Reply, Ticket};
pub use via::Via;

pub(crate) use queue::{Entry, IntakeQueue};

use gapless_model::{Flags, Rows, Seq, StreamKey};
use gapless_transport::TransportError;
use std::sync::Arc;
use std::time::Instant;

/// The most bytes that the rows of one submission take in memory ([`Rows::approx_bytes`]).
///
/// Encoded they grow by a third at most, so any record fits a 16 MiB message with room for its wrapping.
pub const MAX_SUBMISSION_BYTES: usize = 8 << 20;

/// Rows that want to get into the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Whose rows.
    pub key: StreamKey,
    /// Marks, set by the source.
    pub flags: Flags,
    /// 1 to 10,000 rows of the key's kind.
    pub rows: Rows,
    /// Who sends and as which number; `None`: not deduplicated.
    pub producer: Option<ProducerRef>,
    /// When to answer.
    pub ack: AckWhen,
}

/// Who sends, and as its how-manieth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerRef {
    /// 1 to 128 printable ASCII characters without spaces.
    pub id: String,
    /// The producer's number for this batch, per stream, from 1. 0: not deduplicated.
    pub sequence: u64,
    /// The number that it sent before on this stream; 0: `sequence - 1`; `sequence` itself: none.
    pub previous: u64,
}

/// When a receipt is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AckWhen {
    /// As soon as the rows are written: they survive any process.
    #[default]
    Written,
    /// When they are synced: they survive a power loss too.
    Synced,
}

/// How far a producer got on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProducerStatus {
    /// The last number accepted from it; 0: none.
    pub last_sequence: u64,
    /// The newest sequence of the stream; [`Seq::NONE`]: unknown stream.
    pub latest: Seq,
}

/// Who knows how far producers got: the sequencer.
pub(crate) trait Producers: Send + Sync {
    /// How far `id` got on `key`.
    fn status(&self, id: &str, key: &StreamKey) -> ProducerStatus;
}

/// The door to the journal; clones lead to the same queue.
#[derive(Clone)]
pub struct Intake {
    queue: Arc<IntakeQueue>,
    producers: Arc<dyn Producers>,
    via: Via,
    /// Whether the writer is to be woken; its own thread looks at the queue anyway.
    wakes: bool,
}

impl Intake {
    /// A door with a queue of its own.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when the process has no file descriptors left.
    pub(crate) fn new(limits: IntakeLimits, producers: Arc<dyn Producers>) -> Result<Intake, TransportError> {
        Ok(Intake { queue: Arc::new(IntakeQueue::new(limits)?), producers, via: Via::Source, wakes: true })
    }

    /// The same door for the writer's own thread, where the producers' socket is.
    pub(crate) fn at_the_writer(&self) -> Intake {
        Intake { wakes: false, ..self.labelled(Via::Zmq) }
    }

    /// The same door with another name over it, for the metrics.
    pub fn labelled(&self, via: Via) -> Intake {
        Intake { via, ..self.clone() }
    }

    /// Hands in rows without waiting.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when the queue is full, [`Refusal::Invalid`] or [`Refusal::TooLarge`] when the
    /// rows cannot be taken, [`Refusal::Closing`] at shutdown. Other refusals come by the ticket.
    pub fn try_submit(&self, submission: Submission) -> Result<Ticket, Refusal> {
        let (reply, ticket) = Ticket::new();
        self.push(self.entry(submission, reply)?, None)?;
        Ok(ticket)
    }

    /// Hands in rows without waiting; every outcome, also a refusal by the queue, goes to `reply`.
    pub fn try_submit_with(&self, submission: Submission, reply: Reply) {
        // Every refusal was given to the reply already.
        let _ = self.entry(submission, reply).and_then(|entry| self.push(entry, None));
    }

    /// Hands in rows and waits while the queue is full, until `deadline`. For sources, which have nothing
    /// better to do.
    ///
    /// # Errors
    /// As [`Intake::try_submit`]; [`Refusal::Busy`] only after the deadline.
    pub fn submit(&self, submission: Submission, deadline: Instant) -> Result<Ticket, Refusal> {
        let (reply, ticket) = Ticket::new();
        self.push(self.entry(submission, reply)?, Some(deadline))?;
        Ok(ticket)
    }

    /// How far producer `id` got on `key`, as acknowledged.
    pub fn producer_status(&self, id: &str, key: &StreamKey) -> ProducerStatus {
        self.producers.status(id, key)
    }

    /// Refuses everything from now on; what is queued is still worked off.
    pub(crate) fn close(&self) {
        self.queue.close();
    }

    /// The writer's end.
    pub(crate) fn queue(&self) -> &IntakeQueue {
        &self.queue
    }

    fn push(&self, entry: Entry, deadline: Option<Instant>) -> Result<(), Refusal> {
        self.queue.push(entry, deadline).map_err(refuse)?;
        if self.wakes {
            self.queue.wake().0.wake();
        }
        Ok(())
    }

    /// Checks a submission on the caller's thread and puts its bookkeeping beside it.
    fn entry(&self, submission: Submission, reply: Reply) -> Result<Entry, Refusal> {
        let rows = submission.rows.len();
        match Checked::new(submission) {
            Ok(checked) => Ok(Entry { checked, reply, via: self.via, arrived: Instant::now() }),
            Err(refusal) => {
                self.via.refused(&refusal, rows);
                reply.refuse(refusal.clone());
                Err(refusal)
            }
        }
    }
}

fn refuse((refusal, entry): (Refusal, Entry)) -> Refusal {
    entry.via.refused(&refusal, entry.checked.submission().rows.len());
    entry.reply.refuse(refusal.clone());
    refusal
}

#[cfg(test)]
mod tests;
