//! The bounded queue between producers and the writer.
//!
//! A lock rather than a channel: the bound is on bytes as well as on submissions, and the writer takes everything that
//! is there in one go. The writer waits at its socket, so it is woken like one.

use super::{Checked, Refusal, Reply, Via};
use gapless_transport::{TransportError, WakeReceiver, Waker, wake_pair};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// When the queue was full, the writer has usually worked off a good part of it after this long.
const BUSY_RETRY_MS: u32 = 100;

/// How much may wait for the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakeLimits {
    /// At most this many submissions.
    pub batches: usize,
    /// At most this many bytes of rows in memory.
    pub bytes: usize,
}

/// A checked submission with its bookkeeping.
pub(crate) struct Entry {
    pub(crate) checked: Checked,
    pub(crate) reply: Reply,
    pub(crate) via: Via,
    pub(crate) arrived: Instant,
}

pub(crate) struct IntakeQueue {
    limits: IntakeLimits,
    state: Mutex<State>,
    /// Woken when there is something to take.
    wake: (Waker, WakeReceiver),
    drained: Condvar,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    closed: bool,
    /// Who wait for room: to tell nobody costs a call to the system each time.
    waiting: usize,
}

impl IntakeQueue {
    pub(super) fn new(limits: IntakeLimits) -> Result<IntakeQueue, TransportError> {
        let (state, drained) = (Mutex::default(), Condvar::new());
        Ok(IntakeQueue { limits, state, wake: wake_pair()?, drained })
    }

    /// What wakes whoever takes, and where to wait for that.
    pub(crate) fn wake(&self) -> &(Waker, WakeReceiver) {
        &self.wake
    }

    /// Appends `entry`, waiting for room until `deadline` if there is one; hands it back when refused. Does not wake
    /// whoever takes.
    #[allow(clippy::result_large_err)] // The refused entry goes back so that its reply can be given once.
    pub(super) fn push(&self, entry: Entry, deadline: Option<Instant>) -> Result<(), (Refusal, Entry)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err((Refusal::closing(), entry));
            }
            if self.has_room(&state, entry.checked.bytes()) {
                state.bytes += entry.checked.bytes();
                state.entries.push_back(entry);
                return Ok(());
            }
            let wait = deadline.map(|at| at.saturating_duration_since(Instant::now())).unwrap_or_default();
            if wait.is_zero() {
                return Err((Refusal::Busy { retry_after_ms: BUSY_RETRY_MS }, entry));
            }
            state.waiting += 1;
            state = self.drained.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    /// Takes what is there, oldest first, up to about `max_bytes` and at least one entry if there is one. `None` once
    /// the queue is closed and empty.
    pub(crate) fn drain(&self, max_bytes: usize) -> Option<Vec<Entry>> {
        let mut state = self.lock();
        if state.entries.is_empty() {
            return if state.closed { None } else { Some(Vec::new()) };
        }
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = state.entries.pop_front() {
            bytes += entry.checked.bytes();
            group.push(entry);
            if bytes >= max_bytes {
                break;
            }
        }
        state.bytes -= bytes;
        let somebody_waits = state.waiting > 0;
        drop(state);
        if somebody_waits {
            self.drained.notify_all();
        }
        Some(group)
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.0.wake();
        self.drained.notify_all();
    }

    /// How many submissions wait, and their bytes.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        (state.entries.len(), state.bytes)
    }

    fn has_room(&self, state: &State, bytes: usize) -> bool {
        state.entries.len() < self.limits.batches && state.bytes + bytes <= self.limits.bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
