//! A monotonic clock, and how its times read elsewhere.

use gapless_model::{MonoTime, UnixNanos};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells what the [`MonoTime`]s of one follower mean. Those of two clocks do not compare.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    start_unix: UnixNanos,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_unix = UnixNanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        Clock { start: Instant::now(), start_unix }
    }

    /// The time now.
    pub fn now(&self) -> MonoTime {
        MonoTime(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The same moment on the system's monotonic clock.
    pub fn instant(&self, time: MonoTime) -> Instant {
        self.start + std::time::Duration::from_nanos(time.0)
    }

    /// The same moment on the wall clock, as that was set when the follower began.
    pub fn unix(&self, time: MonoTime) -> UnixNanos {
        UnixNanos(self.start_unix.0.saturating_add(i64::try_from(time.0).unwrap_or(i64::MAX)))
    }
}
