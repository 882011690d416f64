//! One run from beginning to end, and what came of it.

use crate::schedule::{Plan, Step};
use crate::world::World;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The same for the same course of events.
    pub hash: u64,
    /// How often each thing happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// How much virtual time passed.
    pub elapsed: Duration,
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
    /// Lines for people, if they were asked for.
    pub log: Vec<String>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which rule was broken, or where somebody panicked: the same for the same kind of failure.
    pub rule: String,
    /// By whom and how.
    pub detail: String,
}

/// Runs a plan. A panic of a machine is a failure like any other.
pub fn run(plan: &Plan, log: bool) -> Outcome {
    let mut world = World::new(plan.clone(), log);
    let caught = panics::quietly(|| catch_unwind(AssertUnwindSafe(|| world.run())));
    let failure = match caught {
        Ok(Ok(())) => None,
        Ok(Err(violation)) => Some(Failure { rule: violation.rule.to_owned(), detail: violation.detail }),
        Err(_) => Some(panics::last()),
    };
    Outcome {
        seed: plan.seed,
        hash: world.trace.hash(),
        counts: world.trace.counts().clone(),
        elapsed: world.elapsed(),
        failure,
        log: world.trace.take_lines(),
    }
}

/// Runs a seed.
pub fn run_seed(seed: u64, log: bool) -> Outcome {
    run(&Plan::of(seed), log)
}

/// Leaves out as many steps as possible while the run fails in the same way: delta debugging (Zeller,
/// Hildebrandt: "Simplifying and Isolating Failure-Inducing Input", 2002), at most `tries` runs.
pub fn shrink(plan: &Plan, failure: &Failure, tries: u32) -> Plan {
    let mut best = plan.clone();
    let mut left = tries;
    let mut piece = best.steps.len().div_ceil(2).max(1);
    while piece >= 1 && left > 0 {
        let mut from = 0;
        let mut shrunk = false;
        while from < best.steps.len() && left > 0 {
            let to = (from + piece).min(best.steps.len());
            let kept: Vec<Step> = best
                .steps
                .iter()
                .enumerate()
                .filter(|(at, _)| *at < from || *at >= to)
                .map(|(_, s)| *s)
                .collect();
            let candidate = Plan { steps: kept, ..best.clone() };
            left -= 1;
            if run(&candidate, false).failure.is_some_and(|found| found.rule == failure.rule) {
                best = candidate;
                shrunk = true;
            } else {
                from = to;
            }
        }
        if piece == 1 && !shrunk {
            break;
        }
        piece = (piece / 2).max(1);
    }
    best
}

/// Everything that somebody needs to look into a failure.
pub fn report(plan: &Plan, failure: &Failure) -> String {
    let steps: Vec<String> =
        plan.steps.iter().map(|step| format!("  {:>6} ms  {:?}", step.at_ms, step.action)).collect();
    format!(
        "seed {}: {}\n  {}\nthe shortest schedule that fails like this ({} steps):\n{}\nrun it again with a log:\n  \
         cargo run -p gapless-sim -- --seed {} --log\n",
        plan.seed,
        failure.rule,
        failure.detail,
        plan.steps.len(),
        steps.join("\n"),
        plan.seed
    )
}

/// Panics of machines: where they were, without the noise.
mod panics {
    use super::Failure;
    use std::cell::RefCell;
    use std::sync::Once;

    thread_local! {
        static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
        static QUIET: RefCell<bool> = const { RefCell::new(false) };
    }

    static HOOK: Once = Once::new();

    /// Keeps a panic inside `work` to itself instead of printing it.
    pub(super) fn quietly<T>(work: impl FnOnce() -> T) -> T {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if !QUIET.with_borrow(|quiet| *quiet) {
                    return before(info);
                }
                let place =
                    info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
                let text = info
                    .payload()
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| info.payload().downcast_ref::<&str>().map(ToString::to_string));
                let failure =
                    Failure { rule: format!("a panic at {place}"), detail: text.unwrap_or_default() };
                LAST.with_borrow_mut(|last| *last = Some(failure));
            }));
        });
        QUIET.with_borrow_mut(|quiet| *quiet = true);
        let done = work();
        QUIET.with_borrow_mut(|quiet| *quiet = false);
        done
    }

    /// The last panic on this thread.
    pub(super) fn last() -> Failure {
        let unknown = || Failure { rule: "a panic".into(), detail: String::new() };
        LAST.with_borrow_mut(Option::take).unwrap_or_else(unknown)
    }
}
