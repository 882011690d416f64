//! Where the answer to a submission goes.

use crate::Refusal;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use gapless_model::{Epoch, Position, Seq};
use gapless_wire::Durability;
use std::time::Duration;

/// The rows are in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Position of their record; [`Position::NONE`] when a duplicate is too old to tell.
    pub position: Position,
    /// The current epoch.
    pub epoch: Epoch,
    /// First sequence that the rows got; [`Seq::NONE`] when a duplicate is too old to tell.
    pub first: Seq,
    /// Last sequence that they got.
    pub last: Seq,
    /// How safe they are.
    pub durability: Durability,
    /// They were there already; nothing was written.
    pub duplicate: bool,
}

impl Receipt {
    /// The same once the rows are synced.
    pub fn synced(self) -> Receipt {
        Receipt { durability: Durability::Synced, ..self }
    }
}

type Answer = Result<Receipt, Refusal>;

/// Where one answer goes. It is given exactly once: a reply that is dropped says [`Refusal::Closing`].
pub struct Reply(Option<Box<dyn FnOnce(Answer) + Send>>);

impl Reply {
    /// Calls `answer` with the outcome, on the thread that knows it: it must not block.
    pub fn call(answer: impl FnOnce(Result<Receipt, Refusal>) + Send + 'static) -> Reply {
        Reply(Some(Box::new(answer)))
    }

    pub(crate) fn give(mut self, answer: Answer) {
        if let Some(call) = self.0.take() {
            call(answer);
        }
    }

    pub(crate) fn refuse(self, refusal: Refusal) {
        self.give(Err(refusal));
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call(Err(Refusal::closing()));
        }
    }
}

/// Waits for one answer.
#[derive(Debug)]
pub struct Ticket(Receiver<Answer>);

impl Ticket {
    pub(super) fn new() -> (Reply, Ticket) {
        let (sender, receiver) = bounded(1);
        // The ticket may be gone by then: nobody wants to know.
        (Reply::call(move |answer| drop(sender.try_send(answer))), Ticket(receiver))
    }

    /// Waits for the outcome, at most `timeout`.
    ///
    /// # Errors
    /// Why the rows were not taken; [`Refusal::TimedOut`] when that is not known yet. Waiting again is fine.
    pub fn wait(&self, timeout: Duration) -> Result<Receipt, Refusal> {
        match self.0.recv_timeout(timeout) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(Refusal::TimedOut),
            Err(RecvTimeoutError::Disconnected) => Err(Refusal::closing()),
        }
    }

    /// The outcome if it is there; for windows of several submissions in flight.
    pub fn try_wait(&self) -> Option<Result<Receipt, Refusal>> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer),
            Err(crossbeam_channel::TryRecvError::Empty) => None,
            Err(crossbeam_channel::TryRecvError::Disconnected) => Some(Err(Refusal::closing())),
        }
    }
}
