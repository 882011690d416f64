//! B7: many streams, many subscribers.

use super::Plan;
use crate::child::Part;
use crate::clock::{now_ns, sleep_until};
use crate::load::{Load, Received, Sent};
use crate::ours::{Follow, Kind, prefix};
use crate::process::taken;
use crate::results::{At, Results};
use crate::role::{Places, Role};
use crate::system::{Carried, System, carry, fill, producer_of, start_stack};
use anyhow::{Context, Result};
use gapless_tests::{Part as Service, Stack};

/// The services that a row passes.
pub(super) const SERVICES: [(Service, &str); 3] = [
    (Service::Ingestion, "ingestion"),
    (Service::LiveEngine, "live-engine"),
    (Service::Backfill, "backfill"),
];
/// How many streams are many.
pub(super) const MANY: u64 = 10_000;

pub(super) fn run(plan: &Plan, results: &mut Results) -> Result<()> {
    for round in 1..=plan.rounds {
        for streams in [1, 100, MANY] {
            plan.say(format!("B7 round {round}: {streams} streams"));
            let carried = Carried::new("run", Kind::Metrics, Load::full(plan.size(200_000), 1)).ungrouped();
            let run = carry(&start_stack(), &Carried { streams, ..carried })?;
            let case = format!("{streams} streams");
            let at = At { bench: "B7", case: &case, system: System::Gapless.name(), round };
            results.add(&at, "rows/s", run.rows_per_second())?;
        }
        for subscribers in [1, 20, 1000] {
            plan.say(format!("B7 round {round}: {subscribers} subscribers"));
            subscribed(subscribers, round, results)?;
        }
    }
    plan.say(format!("B7: {MANY} quiet streams"));
    idle(plan, results)
}

/// What a row costs the engine for each subscriber, and how long it takes to the last of them.
fn subscribed(subscribers: u64, round: usize, results: &mut Results) -> Result<()> {
    let stack = start_stack();
    let load = Load::paced((20_000 / subscribers).clamp(50, 5_000), 3);
    let carried = Carried::new("run", Kind::Metrics, load);
    let follow = Follow {
        from: Places::from(&stack.endpoints()),
        prefix: prefix(Kind::Metrics, "run"),
        rows: load.total(),
        replay: false,
        clients: subscribers,
        pace: None,
    };
    let mut follow = Part::start(&Role::Follow(follow))?;
    let mut send = producer_of(&stack, &carried)?;
    let before = cpu(&stack, Service::LiveEngine)?;
    follow.begin()?;
    send.begin()?;
    send.result::<Sent>()?;
    let received: Vec<Received> = follow.result()?;
    let spent = cpu(&stack, Service::LiveEngine)? - before;
    let case = format!("{subscribers} subscribers");
    let at = At { bench: "B7", case: &case, system: System::Gapless.name(), round };
    let handed_over = load.total() * subscribers;
    results.add(&at, "engine us/row handed over", spent * 1000.0 / handed_over as f64)?;
    let slowest = received.iter().map(|one| one.latency.p99).fold(0.0, f64::max);
    results.add(&at, "p99 us of the slowest", slowest)
}

/// Share of a core that the services take while nothing comes.
fn idle(plan: &Plan, results: &mut Results) -> Result<()> {
    let stack = start_stack();
    let carried = Carried::new("quiet", Kind::Metrics, Load::full(MANY, 1));
    fill(&stack, &Carried { streams: MANY, ..carried })?;
    // What the rows made to do is done.
    sleep_until(now_ns() + 5_000_000_000);
    let seconds = if plan.quick { 5 } else { 20 };
    let all = |stack: &Stack| SERVICES.map(|(part, _)| cpu(stack, part));
    let (before, begun) = (all(&stack), now_ns());
    sleep_until(begun + seconds * 1_000_000_000);
    for ((before, after), (_, name)) in before.into_iter().zip(all(&stack)).zip(SERVICES) {
        let share = (after? - before?) / (seconds as f64 * 10.0);
        let case = format!("{MANY} quiet streams, {name}");
        let at = At { bench: "B7", case: &case, system: System::Gapless.name(), round: 1 };
        results.add(&at, "% of a core", share)?;
    }
    Ok(())
}

/// Milliseconds on processors.
fn cpu(stack: &Stack, part: Service) -> Result<f64> {
    let pid = stack.with(part, |running| running.pid());
    Ok(taken(pid).context("a service ended")?.cpu_ms as f64)
}
