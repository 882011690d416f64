//! Many runs on all cores.

use crate::run::{Outcome, run_seed};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// What came of many runs.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many runs there were.
    pub runs: u64,
    /// The runs that failed, by seed.
    pub failed: Vec<Outcome>,
    /// How often each thing happened, over all runs.
    pub counts: BTreeMap<&'static str, u64>,
    /// In how many runs each thing happened.
    pub runs_with: BTreeMap<&'static str, u64>,
    /// The most virtual time that a run took, in seconds.
    pub longest_secs: u64,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        for (what, count) in &outcome.counts {
            *self.counts.entry(what).or_default() += count;
            *self.runs_with.entry(what).or_default() += 1;
        }
        self.longest_secs = self.longest_secs.max(outcome.elapsed.as_secs());
        if outcome.failure.is_some() {
            self.failed.push(outcome);
        }
    }
}

/// Runs `seeds` seeds from `from` on, on `jobs` threads, until `max_failures` have failed. `progress` is told
/// how many are done and how many of them failed.
pub fn campaign(
    from: u64,
    seeds: u64,
    jobs: usize,
    max_failures: usize,
    mut progress: impl FnMut(u64, usize),
) -> Tally {
    let next = AtomicU64::new(from);
    let enough = AtomicBool::new(false);
    let (done, outcomes) = mpsc::channel();
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (done, next, enough) = (done.clone(), &next, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds || done.send(run_seed(seed, false)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        for outcome in outcomes {
            tally.add(outcome);
            if tally.failed.len() >= max_failures {
                enough.store(true, Ordering::Relaxed);
            }
            progress(tally.runs, tally.failed.len());
        }
    });
    tally.failed.sort_by_key(|outcome| outcome.seed);
    tally
}
