//! The machine's clock, read in one place.

use gapless_model::UnixMillis;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix milliseconds; 0 when the clock stands before 1970.
pub(crate) fn now_ms() -> UnixMillis {
    UnixMillis(i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX))
}

/// Unix microseconds.
pub(crate) fn now_us() -> i64 {
    i64::try_from(since_1970().as_micros()).unwrap_or(i64::MAX)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
