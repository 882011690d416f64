//! B3: how long a row takes from the time when it was to be sent until the subscriber has it.

use super::Plan;
use crate::load::Load;
use crate::results::{At, Results};
use crate::system::System;
use anyhow::Result;

/// Messages a second.
pub(crate) const RATES: [u64; 3] = [1_000, 10_000, 50_000];

pub(super) fn run(plan: &Plan, results: &mut Results) -> Result<()> {
    for round in 1..=plan.rounds {
        for rate in RATES {
            for system in System::present() {
                plan.say(format!("B3 round {round}: {} at {rate} rows/s", system.name()));
                let run = system.carry(Load::paced(rate, if plan.quick { 1 } else { 2 }))?;
                let case = format!("{rate}/s");
                let at = At { bench: "B3", case: &case, system: system.name(), round };
                let latency = run.received.latency;
                results.add(&at, "p50 us", latency.p50)?;
                results.add(&at, "p99 us", latency.p99)?;
                results.add(&at, "max us", latency.max)?;
            }
        }
    }
    Ok(())
}
