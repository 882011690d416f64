//! One clock for all processes of this machine.

use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::{Timespec, clock_gettime};

/// Nanoseconds since the machine started, the same in every process.
pub fn now_ns() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    u64::try_from(tv_sec).unwrap_or_default() * 1_000_000_000 + u64::try_from(tv_nsec).unwrap_or_default()
}

/// Comes back at `due_ns`, or at once when that has passed.
pub fn sleep_until(due_ns: u64) {
    let due = Timespec { tv_sec: (due_ns / 1_000_000_000) as i64, tv_nsec: (due_ns % 1_000_000_000) as i64 };
    while now_ns() < due_ns {
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &due);
    }
}
