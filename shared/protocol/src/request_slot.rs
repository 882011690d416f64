//! One question at a time: is an answer awaited, and when may the next one be asked?

use crate::RequestId;
use crate::backoff::Backoff;
use gapless_model::MonoTime;
use std::time::Duration;

/// The place of one kind of request. `P` is what was asked.
#[derive(Debug)]
pub(crate) struct RequestSlot<P> {
    state: State<P>,
    timeout: Duration,
    backoff: Backoff,
}

#[derive(Debug)]
enum State<P> {
    /// Nothing is out; not to be asked before this time.
    Idle(MonoTime),
    /// The driver holds it back.
    Queued(RequestId, P),
    /// It is out until this time.
    InFlight(RequestId, P, MonoTime),
}

impl<P> RequestSlot<P> {
    /// A free place.
    pub(crate) fn new(timeout: Duration, backoff: Backoff) -> RequestSlot<P> {
        RequestSlot { state: State::Idle(MonoTime(0)), timeout, backoff }
    }

    /// Whether a request may go out now.
    pub(crate) fn is_ready(&self, now: MonoTime) -> bool {
        matches!(self.state, State::Idle(not_before) if not_before <= now)
    }

    /// A request goes out.
    pub(crate) fn start(&mut self, request: RequestId, asked: P, now: MonoTime) {
        assert!(matches!(self.state, State::Idle(_)), "one request of a kind at a time");
        self.state = State::InFlight(request, asked, now.after(self.timeout));
    }

    /// What was asked, while the answer is awaited.
    pub(crate) fn asked(&self) -> Option<&P> {
        match &self.state {
            State::Idle(_) => None,
            State::Queued(_, asked) | State::InFlight(_, asked, _) => Some(asked),
        }
    }

    /// The driver holds the request back, or has sent it.
    pub(crate) fn hold(&mut self, held: RequestId, now: MonoTime, is_held: bool) {
        let deadline = now.after(self.timeout);
        self.state = match std::mem::replace(&mut self.state, State::Idle(now)) {
            State::Queued(request, asked) | State::InFlight(request, asked, _) if request == held => {
                if is_held {
                    State::Queued(request, asked)
                } else {
                    State::InFlight(request, asked, deadline)
                }
            }
            other => other,
        };
    }

    /// Ends the request if it is this one and returns what was asked. The caller then says how it went.
    pub(crate) fn finish(&mut self, finished: RequestId, now: MonoTime) -> Option<P> {
        match std::mem::replace(&mut self.state, State::Idle(now)) {
            State::Queued(request, asked) | State::InFlight(request, asked, _) if request == finished => {
                Some(asked)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Ends whatever is out and returns its name.
    pub(crate) fn abandon(&mut self, now: MonoTime) -> Option<RequestId> {
        let (State::Queued(request, _) | State::InFlight(request, _, _)) = self.state else { return None };
        self.state = State::Idle(now);
        Some(request)
    }

    /// Ends the request when its deadline has come and returns its name.
    pub(crate) fn expire(&mut self, now: MonoTime) -> Option<RequestId> {
        match self.state {
            State::InFlight(request, _, deadline) if deadline <= now => {
                self.state = State::Idle(now);
                Some(request)
            }
            State::Idle(_) | State::Queued(..) | State::InFlight(..) => None,
        }
    }

    /// The last request failed: waits.
    pub(crate) fn back_off(&mut self, now: MonoTime, retry_after: Duration) {
        let wait = self.backoff.fail(retry_after);
        self.state = State::Idle(now.after(wait));
    }

    /// The last request worked: the next one may go out at once.
    pub(crate) fn succeed(&mut self) {
        self.backoff.succeed();
    }

    /// The last request failed in a way that passes soon: waits, but no longer than `most`.
    pub(crate) fn back_off_within(&mut self, now: MonoTime, most: Duration) {
        let wait = self.backoff.fail(Duration::ZERO).min(most);
        self.state = State::Idle(now.after(wait));
    }

    /// The reason to wait is gone: the next request waits no longer than after a first failure.
    pub(crate) fn hurry(&mut self, now: MonoTime) {
        self.backoff.succeed();
        if let State::Idle(not_before) = self.state
            && not_before > now
        {
            let soon = now.after(self.backoff.fail(Duration::ZERO));
            self.backoff.succeed();
            self.state = State::Idle(not_before.min(soon));
        }
    }

    /// When something is to be done: the deadline, or, when another request is wanted, its time.
    pub(crate) fn deadline(&self, is_wanted: bool) -> Option<MonoTime> {
        match self.state {
            State::Idle(not_before) => is_wanted.then_some(not_before),
            State::Queued(..) => None,
            State::InFlight(_, _, deadline) => Some(deadline),
        }
    }
}
