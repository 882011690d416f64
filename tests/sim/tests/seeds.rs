//! The seeds that must hold on every change.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use gapless_sim::campaign::{Tally, campaign};
use gapless_sim::run::{report, run, run_seed, shrink};
use gapless_sim::schedule::Plan;
use std::collections::BTreeSet;

/// The seeds of `make test`.
const SEEDS: u64 = 2000;

/// Seeds that once failed, each with a sentence about why.
const REGRESSIONS: &str = include_str!("../seeds/regressions.txt");

/// What must happen in some of the runs, or they prove less than they seem to.
const MUST_HAPPEN: [&str; 55] = [
    "fault: kill",
    "fault: kill inside a write",
    "fault: power loss",
    "fault: power loss inside a write",
    "fault: pause",
    "fault: broken connections",
    "fault: partition",
    "fault: one-way partition",
    "fault: drop in a run",
    "fault: repeated messages",
    "fault: slow reader",
    "fault: lost subscription",
    "fault: lost requests",
    "fault: lost replies",
    "fault: repeated requests",
    "fault: repeated replies",
    "fault: late and reordered",
    "fault: short pages",
    "fault: repeated pages",
    "fault: damaged pages",
    "fault: full disk",
    "fault: failed sync",
    "fault: clock jump",
    "fault: journal deleted",
    "loses a message to nobody",
    "loses a message without subscription",
    "loses a message in a run",
    "loses a message to a full queue",
    "asks into a partition",
    "asks and the request is lost",
    "asks and the request comes twice",
    "asks and gets a short page",
    "is answered into a partition",
    "is answered and the reply is lost",
    "is answered and the reply comes twice",
    "is answered with a repeated page",
    "is answered with a damaged page",
    "finds a gap",
    "has healed a gap",
    "has a gap made void",
    "is told of a truncation",
    "is told of a rewind",
    "is told of a reset",
    "has caught up",
    "is disconnected",
    "is stalled",
    "is backfilling",
    "is too busy for rows",
    "has sent a duplicate",
    "begins a segment",
    "retires records",
    "keeps records for a follower",
    "sends derived rows",
    "takes rows back",
    "everything has caught up",
];

fn must_hold(tally: &Tally) {
    let Some(outcome) = tally.failed.first() else { return };
    let failure = outcome.failure.as_ref().expect("a failed run has a failure");
    let plan = shrink(&Plan::of(outcome.seed), failure, 300);
    let failure = run(&plan, false).failure.unwrap_or_else(|| failure.clone());
    panic!(
        "{} of {} runs failed, the first of them:\n{}",
        tally.failed.len(),
        tally.runs,
        report(&plan, &failure)
    );
}

#[test]
fn two_thousand_seeds_hold_and_everything_happens_in_them() {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let tally = campaign(1, SEEDS, jobs, 5, |_, _| {});
    must_hold(&tally);
    for (what, count) in &tally.counts {
        println!("{count:>12} in {:>6} runs  {what}", tally.runs_with[what]);
    }
    let happened: BTreeSet<&str> = tally.counts.keys().copied().collect();
    let never: Vec<&str> = MUST_HAPPEN.into_iter().filter(|what| !happened.contains(what)).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 1..=40 {
        let (one, two) = (run_seed(seed, false), run_seed(seed, true));
        assert_eq!((one.hash, one.counts), (two.hash, two.counts), "seed {seed}");
    }
}

#[test]
fn seeds_that_once_failed_hold() {
    let mut seeds = 0;
    for line in REGRESSIONS.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (seed, why) = line.split_once(' ').expect("a seed and a sentence");
        let number = seed.parse().expect("a seed");
        // Those from before the world had checkpoints found what they found without them.
        for plan in [Plan::of(number), Plan::without_extras(number)] {
            assert_eq!(run(&plan, false).failure, None, "seed {seed}: {why}");
        }
        seeds += 1;
    }
    assert!(seeds > 0);
}

#[test]
fn a_schedule_that_fails_is_made_shorter() {
    let plan = Plan::of(7);
    assert!(plan.steps.len() > 10, "a plan has steps");
    let fine = run(&Plan { steps: Vec::new(), ..plan.clone() }, true);
    assert_eq!(fine.failure, None);
    assert!(fine.log.len() > 10, "the log says what happens");
    let failure = gapless_sim::run::Failure { rule: "none".into(), detail: String::new() };
    let text = report(&plan, &failure);
    assert!(text.contains("--seed 7 --log"), "{text}");
}
