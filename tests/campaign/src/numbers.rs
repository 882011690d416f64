//! Percentiles of a few thousand durations: sorted, nothing cleverer.

use serde::Serialize;
use std::time::Duration;

/// How durations are distributed, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// Half of them took no longer.
    pub p50_ms: u64,
    /// 99 of 100 took no longer (nearest rank: with fewer than 100, the longest).
    pub p99_ms: u64,
    /// The longest.
    pub max_ms: u64,
}

impl Spread {
    pub(crate) fn of(durations: impl IntoIterator<Item = Duration>) -> Spread {
        let mut ms: Vec<u64> = durations.into_iter().map(millis).collect();
        ms.sort_unstable();
        let rank = |percent: usize| {
            let at = (ms.len() * percent).div_ceil(100).saturating_sub(1);
            ms.get(at).copied().unwrap_or(0)
        };
        Spread { count: ms.len(), p50_ms: rank(50), p99_ms: rank(99), max_ms: rank(100) }
    }
}

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
