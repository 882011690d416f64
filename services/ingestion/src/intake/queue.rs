//! The bounded queue between producers and the writer.
//!
//! A lock and two condition variables rather than a channel: the bound is on bytes as well as on
//! submissions, and the writer takes everything that is there in one go.

use super::{Checked, Refusal, Reply, Via};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    filled: Condvar,
    drained: Condvar,
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    closed: bool,
}

impl IntakeQueue {
    pub(super) fn new(limits: IntakeLimits) -> IntakeQueue {
        IntakeQueue { limits, state: Mutex::default(), filled: Condvar::new(), drained: Condvar::new() }
    }

    /// Appends `entry`, waiting for room until `deadline` if there is one; hands it back when refused.
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
                // Whoever wakes up finds the lock free.
                drop(state);
                self.filled.notify_one();
                return Ok(());
            }
            let wait = deadline.map(|at| at.saturating_duration_since(Instant::now())).unwrap_or_default();
            if wait.is_zero() {
                return Err((Refusal::Busy { retry_after_ms: BUSY_RETRY_MS }, entry));
            }
            state = self.drained.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes what is there, oldest first, up to about `max_bytes` and at least one entry; waits up to
    /// `wait` for the first. `None` once the queue is closed and empty.
    pub(crate) fn drain(&self, max_bytes: usize, wait: Duration) -> Option<Vec<Entry>> {
        let state = self.lock();
        let idle = |state: &mut State| state.entries.is_empty() && !state.closed;
        let (mut state, _) =
            self.filled.wait_timeout_while(state, wait, idle).unwrap_or_else(PoisonError::into_inner);
        if state.entries.is_empty() && state.closed {
            return None;
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
        drop(state);
        self.drained.notify_all();
        Some(group)
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
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
