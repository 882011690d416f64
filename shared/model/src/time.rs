//! Two kinds of time that never mix: monotonic for deadlines, Unix for the wire.

use std::time::Duration;

/// Nanoseconds on a clock that never goes back; its zero means nothing. For deadlines only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonoTime(pub u64);

impl MonoTime {
    /// This time plus `wait`; saturates.
    pub fn after(self, wait: Duration) -> MonoTime {
        MonoTime(self.0.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: MonoTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted: the time of candles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMillis(pub i64);

/// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted: the time of every other kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// The same moment in whole milliseconds, rounded down.
    pub fn to_millis(self) -> UnixMillis {
        UnixMillis(self.0.div_euclid(1_000_000))
    }
}

impl UnixMillis {
    /// The same moment in nanoseconds; saturates outside the years 1677 to 2262.
    pub fn to_nanos(self) -> UnixNanos {
        UnixNanos(self.0.saturating_mul(1_000_000))
    }
}
