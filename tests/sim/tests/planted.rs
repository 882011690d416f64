//! Each planted mistake is found by the seed that docs/PLANTED.md names.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use gapless_planted::Bug;
use gapless_sim::planted::{PAGE, run_with};

const AGAIN: &str = "write the page anew: cargo run -p gapless-sim --features planted -- planted --write";

/// The seed in a line of the page.
fn seed_of(page: &str, bug: Bug) -> Option<u64> {
    let line = page.lines().find(|line| line.starts_with(&format!("| `{bug:?}` |")))?;
    line.split('|').nth(3)?.trim().parse().ok()
}

#[test]
fn each_mistake_is_found_by_the_seed_that_the_page_names() {
    let page = std::fs::read_to_string(PAGE).expect(AGAIN);
    let mut found = 0;
    for bug in Bug::ALL {
        let is_listed = page.contains(&format!("| `{bug:?}` |"));
        assert!(is_listed, "{bug:?} is not on the page: {AGAIN}");
        if let Some(seed) = seed_of(&page, *bug) {
            assert!(run_with(*bug, seed).is_some(), "seed {seed} no longer finds {bug:?}: {AGAIN}");
            found += 1;
        }
    }
    assert!(found >= 20, "only {found} mistakes are found");
}

#[test]
fn without_a_mistake_the_same_seeds_are_fine() {
    let page = std::fs::read_to_string(PAGE).expect(AGAIN);
    for seed in Bug::ALL.iter().filter_map(|bug| seed_of(&page, *bug)) {
        let failure = gapless_sim::run::run_seed(seed, false).failure;
        assert_eq!(failure, None, "seed {seed}");
    }
}
