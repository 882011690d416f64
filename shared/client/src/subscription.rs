//! Following streams, one event after the other.

use crate::feed::{Feed, Next, Stopper};
use crate::ledger::Ledger;
use crate::report::{Board, StreamReport};
use crate::store::Cursor;
use crate::{Error, Event, SubscriptionBuilder};
use gapless_model::StreamKey;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Events of the streams that were asked for, in order per stream, without gaps and without end.
///
/// An iterator; [`Subscription::next_timeout`] waits less long. Dropping it commits what was
/// acknowledged. The event that the application worked on last is not acknowledged
/// by that: it comes again after the next start from the cursor.
#[derive(Debug)]
pub struct Subscription {
    feed: Feed,
    ledger: SharedLedger,
    board: Board,
    ended: bool,
}

impl Subscription {
    /// Describes a subscription on the services of this machine.
    pub fn builder() -> SubscriptionBuilder {
        SubscriptionBuilder::default()
    }

    pub(crate) fn new(feed: Feed, ledger: Ledger, board: Board) -> Subscription {
        Subscription { feed, ledger: SharedLedger::new(ledger), board, ended: false }
    }

    /// The next event, waiting for it at most `timeout`; `None` when there was none.
    /// [`Subscription::has_ended`] tells whether there will be one.
    ///
    /// # Errors
    /// [`Error::Store`] when the store failed: the subscription has ended then.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Event>, Error> {
        self.next_until(Instant::now().checked_add(timeout))
    }

    /// Whether no event will come any more: it was stopped, or it has caught up and that was its end.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Says that the application is done with an event: its rows are where they belong. Needed only with
    /// [`crate::Acknowledge::Explicit`], in the order of the events.
    ///
    /// # Errors
    /// [`Error::AckOrder`] when events before it were not acknowledged; [`Error::Store`].
    pub fn ack(&self, event: Event) -> Result<(), Error> {
        self.ledger.lock().ack(event)
    }

    /// A handle that acknowledges while the subscription is being iterated, also on another thread.
    pub fn acks(&self) -> Acks {
        Acks { ledger: self.ledger.clone() }
    }

    /// Commits everything acknowledged so far, without waiting for the store's own time.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn commit(&self) -> Result<(), Error> {
        self.ledger.lock().commit()
    }

    /// Up to where a stream is acknowledged; `None` before its first row.
    pub fn cursor(&self, key: &StreamKey) -> Option<Cursor> {
        self.ledger.lock().cursor(key)
    }

    /// How every stream is.
    pub fn status(&self) -> Vec<StreamReport> {
        self.board.reports()
    }

    /// Ends it from another thread.
    pub fn stopper(&self) -> Stopper {
        self.feed.stopper()
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Result<Option<Event>, Error> {
        let result = self.wait(deadline);
        if result.is_err() {
            self.ended = true;
        }
        result
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Result<Option<Event>, Error> {
        if self.ended {
            return Ok(None);
        }
        self.ledger.lock().done_with_current()?;
        loop {
            let due = self.ledger.lock().due();
            match self.feed.next(earlier(deadline, due)) {
                Next::Event(event) => {
                    let mut ledger = self.ledger.lock();
                    ledger.commit_if_due(Instant::now())?;
                    ledger.hand_over(&event)?;
                    return Ok(Some(event));
                }
                Next::TimedOut => {
                    let now = Instant::now();
                    self.ledger.lock().commit_if_due(now)?;
                    if deadline.is_some_and(|deadline| deadline <= now) {
                        return Ok(None);
                    }
                }
                Next::Ended => {
                    self.ended = true;
                    self.ledger.lock().commit()?;
                    return Ok(None);
                }
            }
        }
    }
}

impl Iterator for Subscription {
    type Item = Result<Event, Error>;

    /// The next event, however long it takes; `None` when the subscription has ended.
    fn next(&mut self) -> Option<Result<Event, Error>> {
        self.next_until(None).transpose()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Err(error) = self.ledger.lock().commit() {
            tracing::warn!(%error, "the last acknowledged events were not stored: they come again");
        }
    }
}

/// Acknowledges events of a subscription; see [`Subscription::acks`].
#[derive(Debug, Clone)]
pub struct Acks {
    ledger: SharedLedger,
}

impl Acks {
    pub(crate) fn new(ledger: SharedLedger) -> Acks {
        Acks { ledger }
    }

    /// As [`Subscription::ack`].
    ///
    /// # Errors
    /// As [`Subscription::ack`].
    pub fn ack(&self, event: Event) -> Result<(), Error> {
        self.ledger.lock().ack(event)
    }

    /// As [`Subscription::commit`].
    ///
    /// # Errors
    /// As [`Subscription::commit`].
    pub fn commit(&self) -> Result<(), Error> {
        self.ledger.lock().commit()
    }
}

/// A ledger that several handles use.
#[derive(Clone)]
pub(crate) struct SharedLedger(Arc<Mutex<Ledger>>);

impl SharedLedger {
    pub(crate) fn new(ledger: Ledger) -> SharedLedger {
        SharedLedger(Arc::new(Mutex::new(ledger)))
    }

    /// The books are whole after each statement, so a panic elsewhere does not spoil them.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for SharedLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedLedger")
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
