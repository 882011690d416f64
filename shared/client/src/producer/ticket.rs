//! What becomes of one batch, told once by whoever took ingestion's answer to whoever asks.
//!
//! A lock and a condition variable for each batch rather than a channel: most tickets are dropped unread, and this is
//! one piece of memory and no call to the system for those.

use super::{Receipt, Refused};
use crate::Error;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One batch's way into the journal.
#[derive(Debug)]
pub struct Ticket(Arc<Slot>);

/// The other side of a [`Ticket`]; when it is dropped before the batch is settled, the ticket says that the producer
/// is closed.
#[derive(Debug)]
pub(super) struct Promise(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Result<Receipt, Refused>>,
    /// Nothing will be told any more.
    is_over: bool,
    waiting: usize,
}

/// The two sides for one batch.
pub(super) fn promised() -> (Promise, Ticket) {
    let slot = Arc::new(Slot::default());
    (Promise(Arc::clone(&slot)), Ticket(slot))
}

impl Ticket {
    /// Waits until the batch is in the journal, at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] while it is not: wait again. [`Error::Batch`] when it never will be.
    pub fn wait(&self, timeout: Duration) -> Result<Receipt, Error> {
        let end = Instant::now().checked_add(timeout);
        let mut state = self.0.lock();
        loop {
            if let Some(outcome) = state.outcome.take() {
                return Ok(outcome?);
            }
            if state.is_over {
                return Err(Error::Closed);
            }
            // Without a representable end the wait is as good as endless; an hour at a time is enough.
            let left =
                end.map_or(Duration::from_secs(3600), |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(Error::TimedOut { pending: 1, waited: timeout, trouble: String::new() });
            }
            state.waiting += 1;
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    /// The outcome if it is known by now; it is told once.
    ///
    /// # Errors
    /// [`Error::Batch`] when the batch was refused.
    pub fn poll(&self) -> Result<Option<Receipt>, Error> {
        self.0.lock().outcome.take().transpose().map_err(Error::from)
    }
}

impl Promise {
    pub(super) fn keep(self, outcome: Result<Receipt, Refused>) {
        self.0.lock().outcome = Some(outcome);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_over = true;
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.0.changed.notify_all();
        }
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
