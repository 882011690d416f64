//! The time of day, for people and for ages.

use gapless_formats::{parse_time, rows};
use gapless_model::UnixNanos;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of day.
pub(crate) fn now() -> UnixNanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A time of day as text, to the millisecond.
pub(crate) fn text(time: UnixNanos) -> String {
    rows::time(time.to_millis().to_nanos())
}

/// How long before `now` the time `text` was; zero when it cannot be told.
pub(crate) fn age(text: &str, now: UnixNanos) -> Duration {
    let then = parse_time(text).unwrap_or(now);
    Duration::from_nanos(u64::try_from(now.0.saturating_sub(then.0)).unwrap_or(0))
}
