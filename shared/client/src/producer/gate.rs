//! The bound on what a producer holds, and the place where its callers wait.

use super::Refused;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Counts the batches and bytes that wait for an acknowledgement.
#[derive(Debug)]
pub(super) struct Gate {
    max_batches: usize,
    max_bytes: usize,
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    batches: usize,
    bytes: usize,
    /// The first refusal that no `flush` has told about yet.
    refused: Option<Refused>,
    /// Why nothing moves at the moment, for messages.
    trouble: String,
    closed: bool,
    /// How many threads wait.
    waiting: usize,
}

/// Batches that are through, or refused for good.
#[derive(Debug, Default)]
pub(super) struct Left {
    batches: usize,
    bytes: usize,
    /// The first refusal among them.
    refused: Option<Refused>,
}

impl Left {
    /// One batch of `bytes` is through, or refused for good.
    pub(super) fn add(&mut self, bytes: usize, refused: Option<&Refused>) {
        self.batches += 1;
        self.bytes += bytes;
        if self.refused.is_none() {
            self.refused = refused.cloned();
        }
    }
}

/// What a wait came to.
#[derive(Debug)]
pub(super) enum Pass {
    Open,
    TimedOut { pending: usize, trouble: String },
    Closed,
    Refused(Refused),
}

impl Gate {
    pub(super) fn new(max_batches: usize, max_bytes: usize) -> Gate {
        Gate { max_batches, max_bytes, held: Mutex::default(), changed: Condvar::new() }
    }

    /// Waits for room for one batch of `bytes`, at most `timeout`. One batch always fits into an empty window.
    pub(super) fn enter(&self, bytes: usize, timeout: Duration) -> Pass {
        let fits = |held: &Held| {
            held.batches == 0 || (held.batches < self.max_batches && held.bytes + bytes <= self.max_bytes)
        };
        let mut held = self.wait(timeout, |held| held.closed || fits(held));
        if held.closed {
            return Pass::Closed;
        }
        if !fits(&held) {
            return held.timed_out();
        }
        held.batches += 1;
        held.bytes += bytes;
        Pass::Open
    }

    /// Makes room for others.
    pub(super) fn leave(&self, left: Left) {
        if left.batches == 0 {
            return;
        }
        let mut held = self.lock();
        held.batches = held.batches.saturating_sub(left.batches);
        held.bytes = held.bytes.saturating_sub(left.bytes);
        if held.refused.is_none() {
            held.refused = left.refused;
        }
        let is_awaited = held.waiting > 0;
        drop(held);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    /// Waits until nothing is held, at most `timeout`, and hands out the first refusal since the last time.
    pub(super) fn drained(&self, timeout: Duration) -> Pass {
        let mut held = self.wait(timeout, |held| held.closed || held.batches == 0);
        if let Some(refused) = held.refused.take() {
            return Pass::Refused(refused);
        }
        match held.batches {
            0 => Pass::Open,
            _ if held.closed => Pass::Closed,
            _ => held.timed_out(),
        }
    }

    /// Remembers why nothing moves.
    pub(super) fn trouble(&self, text: String) {
        self.lock().trouble = text;
    }

    /// Lets everyone go: the driver has ended.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn wait(&self, timeout: Duration, done: impl Fn(&Held) -> bool) -> MutexGuard<'_, Held> {
        let end = Instant::now().checked_add(timeout);
        let mut held = self.lock();
        while !done(&held) {
            // Without a representable end the wait is as good as endless; an hour at a time is enough.
            let left =
                end.map_or(Duration::from_secs(3600), |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            held.waiting += 1;
            held = self.changed.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
            held.waiting -= 1;
        }
        held
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn timed_out(&self) -> Pass {
        Pass::TimedOut { pending: self.batches, trouble: self.trouble.clone() }
    }
}
