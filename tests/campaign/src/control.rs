//! Telling a thread what to do from now on.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a thread is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its work.
    Run,
    /// Nothing, while it keeps what it has: a reader that stalls.
    Stall,
    /// Nothing, after it has given up what it had: a process that was ended.
    Down,
    /// Finish what was begun, then end.
    End,
}

/// A thread's mode, and what it waits on. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Control(Arc<(Mutex<Mode>, Condvar)>);

impl Control {
    pub(crate) fn new() -> Control {
        Control(Arc::new((Mutex::new(Mode::Run), Condvar::new())))
    }

    pub(crate) fn mode(&self) -> Mode {
        *self.lock()
    }

    /// Nothing leads back from [`Mode::End`].
    pub(crate) fn set(&self, mode: Mode) {
        let mut now = self.lock();
        if *now != Mode::End {
            *now = mode;
        }
        drop(now);
        self.0.1.notify_all();
    }

    /// Waits for another mode, at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        let before = self.lock();
        let mode = *before;
        let waited = self.0.1.wait_timeout_while(before, timeout, |now| *now == mode);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn lock(&self) -> MutexGuard<'_, Mode> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
