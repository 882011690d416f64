//! Which complete artifacts are removed.

use std::collections::BTreeMap;
use std::time::Duration;

/// How much is kept; `None`: no limit. An artifact is removed as soon as one limit says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Limits {
    /// Complete artifacts of one name.
    pub(crate) count: Option<u64>,
    /// Since an artifact was completed.
    pub(crate) age: Option<Duration>,
    /// Bytes of all complete artifacts.
    pub(crate) bytes: Option<u64>,
}

/// What is to know of a complete artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) age: Duration,
    pub(crate) bytes: u64,
}

/// The places in `complete` of those that are removed. Of one name the oldest go first; for the bytes of
/// all, those that were completed longest ago.
pub(crate) fn expired(complete: &[Kept], limits: Limits) -> Vec<usize> {
    let mut newer: BTreeMap<&str, u64> = BTreeMap::new();
    let mut by_number: Vec<usize> = (0..complete.len()).collect();
    by_number.sort_by_key(|at| std::cmp::Reverse(complete.get(*at).map(|kept| kept.number)));
    let mut gone = Vec::new();
    for at in by_number {
        let Some(kept) = complete.get(at) else { continue };
        let newer = newer.entry(&kept.name).or_default();
        *newer += 1;
        let is_many = limits.count.is_some_and(|count| *newer > count);
        if is_many || limits.age.is_some_and(|age| kept.age > age) {
            gone.push(at);
        }
    }
    if let Some(bytes) = limits.bytes {
        let mut by_age: Vec<usize> = (0..complete.len()).filter(|at| !gone.contains(at)).collect();
        by_age.sort_by_key(|at| complete.get(*at).map(|kept| (kept.age, std::cmp::Reverse(kept.number))));
        let mut total = 0u64;
        for at in by_age {
            total = total.saturating_add(complete.get(at).map_or(0, |kept| kept.bytes));
            if total > bytes {
                gone.push(at);
            }
        }
    }
    gone.sort_unstable();
    gone
}

#[cfg(test)]
mod tests;
