//! What the follower tells, as the application's events.

use crate::report::{Board, Progress};
use crate::state_desk::StateDesk;
use crate::{Error, Event, Gap};
use gapless_follow::{StreamEvent, StreamFollower};
use gapless_model::{StreamKey, UnixMillis};
use gapless_protocol::Event as Happened;
use gapless_transport::{Context, Waker};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Ends a subscription from another thread. Clones end the same one.
#[derive(Debug, Clone)]
pub struct Stopper {
    is_stopped: Arc<AtomicBool>,
    waker: Waker,
}

impl Stopper {
    /// Ends the subscription: it hands over nothing more.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }
}

/// Events in the order in which they are to be handed over.
#[derive(Debug)]
pub(crate) struct Feed {
    follower: StreamFollower,
    board: Board,
    states: StateDesk,
    stopper: Stopper,
    /// Streams that have not caught up yet; `None` when the subscription has no end.
    goals: Option<BTreeSet<StreamKey>>,
}

/// What a wait for the next event came to.
#[derive(Debug)]
pub(crate) enum Next {
    /// This one.
    Event(Event),
    /// None until the deadline.
    TimedOut,
    /// None ever again.
    Ended,
}

impl Feed {
    /// `waker` ends the waits of `follower`.
    pub(crate) fn new(
        follower: StreamFollower,
        waker: Waker,
        board: Board,
        context: &Context,
        state: &str,
        goals: Option<BTreeSet<StreamKey>>,
    ) -> Result<Feed, Error> {
        let states = StateDesk::start(context, state, waker.clone())?;
        let stopper = Stopper { is_stopped: Arc::default(), waker };
        Ok(Feed { follower, board, states, stopper, goals })
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// The next event, waiting until `deadline` at most.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Next {
        let mut is_over = false;
        loop {
            if self.stopper.is_stopped() || self.goals.as_ref().is_some_and(BTreeSet::is_empty) {
                return Next::Ended;
            }
            let event = match self.states.answers().try_recv() {
                Ok(state) => Some(Event::State(Box::new(state))),
                Err(_) => match self.follower.try_next() {
                    Some(told) => self.translate(told),
                    None if is_over => return Next::TimedOut,
                    None => {
                        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                        // Sockets are looked at also when no time is left.
                        is_over = left.is_some_and(|left| left.is_zero());
                        if let Err(error) = self.follower.wait(left) {
                            tracing::error!(%error, "a subscription's socket failed: the subscription ends");
                            return Next::Ended;
                        }
                        None
                    }
                },
            };
            if let Some(event) = event {
                self.board.note(&event);
                self.look_at(&event);
                return Next::Event(event);
            }
        }
    }

    fn translate(&self, told: StreamEvent) -> Option<Event> {
        match told {
            StreamEvent::Batch { batch, .. } => Some(Event::Rows(batch)),
            StreamEvent::Event { key, event } => Some(self.happened(key, event)),
            StreamEvent::Stream { key } => {
                self.board.add(&key);
                None
            }
            StreamEvent::Progress { key, progress } => {
                self.board.progress(
                    &key,
                    Progress {
                        epoch: progress.epoch,
                        seen: progress.seen,
                        health: progress.health,
                        duplicates: progress.counts.rows_duplicate,
                    },
                );
                None
            }
        }
    }

    fn happened(&self, key: StreamKey, event: Happened) -> Event {
        match event {
            Happened::GapOpened(gap) => Event::GapOpened { key, gap: self.gap(gap) },
            Happened::GapHealed(gap) => Event::GapHealed { key, gap: self.gap(gap) },
            Happened::GapVoid(gap) => Event::GapVoid { key, gap: self.gap(gap) },
            Happened::Truncated { epoch, range, reason } => Event::Truncated { key, epoch, range, reason },
            Happened::Rewind { from, to, keep } => Event::Rewind { key, from, to, keep },
            Happened::Reset { from, to } => Event::Reset { key, from, to },
            Happened::CaughtUp { at } => Event::CaughtUp { key, at },
            Happened::Health(health) => Event::Health { key, health },
        }
    }

    fn gap(&self, gap: gapless_protocol::Gap) -> Gap {
        let clock = self.follower.clock();
        let unix = |time| -> UnixMillis { clock.unix(time).to_millis() };
        Gap {
            epoch: gap.epoch,
            range: gap.range,
            cause: gap.cause,
            detected: unix(gap.detected),
            healed: gap.healed.map(unix),
        }
    }

    fn look_at(&mut self, event: &Event) {
        match event {
            Event::Truncated { key, .. } => self.states.ask(key),
            Event::CaughtUp { key, .. } => {
                if let Some(goals) = &mut self.goals {
                    goals.remove(key);
                }
            }
            _ => {}
        }
    }
}
