//! Which seed finds which planted mistake: the test of the tests.

use crate::run::{Failure, run_seed};
use gapless_planted::{Bug, with};
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The seeds of `make test`.
pub const SEEDS: u64 = 2000;

/// Where the list is, from the root of the repository.
pub const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PLANTED.md");

/// What came of the hunt for one mistake.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which mistake.
    pub bug: Bug,
    /// The first seed that fails with it; `None`: none of them does.
    pub seed: Option<u64>,
    /// The rule that it breaks then.
    pub rule: String,
}

/// Runs one seed with a mistake switched on.
pub fn run_with(bug: Bug, seed: u64) -> Option<Failure> {
    with(Some(bug), || run_seed(seed, false)).failure
}

/// The first of `seeds` seeds that finds `bug`; one that fails without it finds nothing.
pub fn hunt(bug: Bug, seeds: u64) -> Found {
    let is_fine = |seed: u64| run_seed(seed, false).failure.is_none();
    let found = (1..=seeds).find_map(|seed| {
        let failure = run_with(bug, seed)?;
        is_fine(seed).then_some((seed, failure))
    });
    let (seed, rule) = found.map_or((None, String::new()), |(seed, failure)| (Some(seed), failure.rule));
    Found { bug, seed, rule }
}

/// The same for all mistakes, on all cores.
pub fn hunt_all(seeds: u64) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = hunt(*bug, seeds);
                    found.lock().expect("nobody panics with it").push(one);
                }
            });
        }
    });
    let mut found = found.into_inner().expect("nobody panicked with it");
    found.sort_by_key(|found| Bug::ALL.iter().position(|bug| *bug == found.bug));
    found
}

/// The list for people.
pub fn page(found: &[Found]) -> String {
    let caught = found.iter().filter(|found| found.seed.is_some()).count();
    let mut page = format!(
        "# Planted mistakes\n\n\
         The simulation is tested with mistakes that known systems made, compiled into the real machines with the\n\
         feature `planted` and switched on one at a time. Of {} mistakes the seeds of `make test` (1 to {SEEDS})\n\
         find {caught}. For each stands here the first seed that finds it and the rule that it breaks; a test runs\n\
         these seeds. Written by `cargo run -p gapless-sim --features planted -- planted --write`.\n\n\
         | mistake | what goes wrong | seed | noticed as |\n|---|---|---|---|\n",
        found.len()
    );
    for Found { bug, seed, rule } in found {
        let seed = seed.map_or_else(|| "not found".to_owned(), |seed| seed.to_string());
        // Writing to a text cannot fail.
        let _ = writeln!(page, "| `{bug:?}` | {} | {seed} | {rule} |", bug.describe());
    }
    page
}
