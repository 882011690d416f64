//! How long to wait after failures, and the seeded jitter that keeps followers apart.

use gapless_planted::{Bug, on};
use std::time::Duration;

/// The longest that a server's wish for a pause is honoured. A minute: a server that asks for more is
/// mistaken or hostile, and one early question a minute does not hurt it.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Exponential back-off: doubled with each failure in a row, then between a half and the whole of it.
#[derive(Debug)]
pub(crate) struct Backoff {
    initial: Duration,
    max: Duration,
    failures: u32,
    jitter: Jitter,
}

impl Backoff {
    /// A back-off without failures so far.
    pub(crate) fn new(initial: Duration, max: Duration, seed: u64) -> Backoff {
        Backoff { initial, max, failures: 0, jitter: Jitter(seed) }
    }

    /// How long to wait after one more failure: at least as long as the server wished.
    pub(crate) fn fail(&mut self, retry_after: Duration) -> Duration {
        if on(Bug::RetryStorm) {
            return Duration::ZERO;
        }
        let doubled = self.initial.saturating_mul(1 << self.failures.min(20)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.mul_f64(0.5 + 0.5 * self.jitter.next());
        wait + retry_after.min(MAX_RETRY_AFTER)
    }

    /// It worked: the next failure counts as the first.
    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
    }
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014): eight bytes
/// of state, and any seed is as good as any other.
#[derive(Debug)]
struct Jitter(u64);

impl Jitter {
    /// The next number in 0.0 .. 1.0.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
