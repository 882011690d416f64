//! How fast rows come.

use std::time::{Duration, Instant};

/// Seconds that a rate looks back: long enough that one row a second shows as a steady 1.0.
const WINDOW_SECONDS: u64 = 5;
/// One bucket for each second of the window, and one for the second that is not over.
const BUCKETS: usize = WINDOW_SECONDS as usize + 1;

/// Rows a second over the last seconds.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    since: Instant,
    /// Rows per second of the clock, and which second that was.
    buckets: [(u64, u64); BUCKETS],
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Rate {
        Rate { since: now, buckets: [(0, 0); BUCKETS] }
    }

    pub(crate) fn add(&mut self, rows: u64, now: Instant) {
        let second = self.second(now);
        let bucket = &mut self.buckets[(second % BUCKETS as u64) as usize];
        if bucket.0 != second {
            *bucket = (second, 0);
        }
        bucket.1 += rows;
    }

    /// Rows a second; over a shorter time while there is not more.
    pub(crate) fn per_second(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.since);
        let second = self.second(now);
        let oldest = second.saturating_sub(WINDOW_SECONDS);
        let rows: u64 =
            self.buckets.iter().filter(|(at, _)| *at >= oldest && *at <= second).map(|b| b.1).sum();
        let covered = elapsed.min(elapsed - Duration::from_secs(oldest.min(elapsed.as_secs())));
        rows as f64 / covered.as_secs_f64().max(1.0)
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_secs()
    }
}
