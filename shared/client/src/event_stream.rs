//! Following streams asynchronously, on any runtime.
//!
//! A thread waits for events and keeps the next few ready; polling takes one, and leaves a waker when
//! there is none. What the thread does with the follower's events is nothing; acknowledgement and
//! cursor live on the polling side, so an event that waits in between counts as not handed over.

use crate::feed::{Feed, Next, Stopper};
use crate::ledger::Ledger;
use crate::report::{Board, StreamReport};
use crate::subscription::{Acks, SharedLedger};
use crate::{Error, Event};
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events kept ready: enough that the thread seldom waits for the runtime.
const READY: usize = 16;
/// How often the store is asked whether something is due while no event comes.
const TICK: Duration = Duration::from_millis(100);

/// A subscription as a [`futures_core::Stream`] of `Result<Event, Error>`.
#[derive(Debug)]
pub struct EventStream {
    events: Receiver<Event>,
    waker: Arc<Mutex<Option<Waker>>>,
    ledger: SharedLedger,
    board: Board,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
    failed: Arc<Mutex<Option<Error>>>,
    ended: bool,
}

impl EventStream {
    pub(crate) fn new(feed: Feed, ledger: Ledger, board: Board) -> Result<EventStream, Error> {
        let (ready, events) = bounded(READY);
        let pump = Pump {
            stopper: feed.stopper(),
            feed,
            ready,
            waker: Arc::default(),
            ledger: SharedLedger::new(ledger),
            failed: Arc::default(),
        };
        let (waker, ledger) = (pump.waker.clone(), pump.ledger.clone());
        let (stopper, failed) = (pump.stopper.clone(), pump.failed.clone());
        let thread = std::thread::Builder::new()
            .name("gapless-events".into())
            .spawn(move || pump.run())
            .map_err(|error| Error::Usage(format!("cannot start a thread: {error}")))?;
        Ok(EventStream { events, waker, ledger, board, stopper, thread: Some(thread), failed, ended: false })
    }

    /// How every stream is.
    pub fn status(&self) -> Vec<StreamReport> {
        self.board.reports()
    }

    /// A handle that acknowledges; see [`crate::Subscription::ack`].
    pub fn acks(&self) -> Acks {
        Acks::new(self.ledger.clone())
    }

    /// Ends it from elsewhere.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    fn take(&mut self) -> Poll<Option<Result<Event, Error>>> {
        match self.events.try_recv() {
            Ok(event) => Poll::Ready(Some(self.ledger.lock().hand_over(&event).map(|()| event))),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => {
                self.ended = true;
                let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
                Poll::Ready(failed.or_else(|| self.ledger.lock().commit().err()).map(Err))
            }
        }
    }
}

impl futures_core::Stream for EventStream {
    type Item = Result<Event, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let done = self.ledger.lock().done_with_current();
        if let Err(error) = done {
            self.ended = true;
            return Poll::Ready(Some(Err(error)));
        }
        let taken = self.take();
        if taken.is_ready() {
            return taken;
        }
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        // One may have come before the waker was there to be called.
        self.take()
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.stopper.stop();
        // The thread may wait for room.
        let (_, nothing) = bounded(0);
        self.events = nothing;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
        if let Err(error) = self.ledger.lock().commit() {
            tracing::warn!(%error, "the last acknowledged events were not stored: they come again");
        }
    }
}

struct Pump {
    feed: Feed,
    ready: Sender<Event>,
    waker: Arc<Mutex<Option<Waker>>>,
    ledger: SharedLedger,
    stopper: Stopper,
    failed: Arc<Mutex<Option<Error>>>,
}

impl Pump {
    fn run(self) {
        let Pump { mut feed, ready, waker, ledger, failed, .. } = self;
        loop {
            let next = feed.next(Some(Instant::now() + TICK));
            if let Err(error) = ledger.lock().commit_if_due(Instant::now()) {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                break;
            }
            match next {
                Next::Event(event) => match ready.send(event) {
                    Ok(()) => wake(&waker),
                    Err(_) => break,
                },
                Next::TimedOut => {}
                Next::Ended => break,
            }
        }
        drop(ready);
        wake(&waker);
    }
}

fn wake(waker: &Mutex<Option<Waker>>) {
    if let Some(waker) = waker.lock().unwrap_or_else(PoisonError::into_inner).take() {
        waker.wake();
    }
}
