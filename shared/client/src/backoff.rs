//! How long to wait before the next try.

use std::time::Duration;

/// Exponential waits with jitter: failure `n` waits between half and all of `min * 2^n`, at most `max`.
///
/// The jitter keeps clients that failed together from coming back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration, seed: u64) -> Backoff {
        Backoff { min, max: max.max(min), random: fastrand::Rng::with_seed(seed) }
    }

    /// The wait after `failures` earlier failures in a row.
    pub(crate) fn wait(&mut self, failures: u32) -> Duration {
        // Past 2^20 the factor is cut by `max` anyway.
        let full = self.min.saturating_mul(1 << failures.min(20)).min(self.max);
        full.mul_f64(0.5 + self.random.f64() / 2.0)
    }
}
