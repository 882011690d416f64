//! Waiting for something to become true, with a deadline.
use std::time::{Duration, Instant};

/// For what takes a moment on an idle machine: generous, because two cores run everything at once.
pub const SOON: Duration = Duration::from_secs(20);

/// For whole files going through the whole system.
pub const LATER: Duration = Duration::from_secs(120);

/// How often a condition is looked at: often enough to cost a test no time, seldom enough to leave
/// the cores to what is tested.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `predicate` holds.
///
/// # Panics
/// When it does not within `deadline`; the message names `what`.
#[track_caller]
pub fn eventually(what: &str, deadline: Duration, mut predicate: impl FnMut() -> bool) {
    eventually_some(what, deadline, || predicate().then_some(()));
}

/// Waits until `attempt` yields a value.
///
/// # Panics
/// When it does not within `deadline`; the message names `what`.
#[track_caller]
pub fn eventually_some<T>(what: &str, deadline: Duration, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        std::thread::park_timeout(LOOK_EVERY);
    }
}
