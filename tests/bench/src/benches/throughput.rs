//! B1 and B2: how many rows a second go from a producer to a subscriber, each acknowledged and journaled.

use super::Plan;
use crate::load::Load;
use crate::ours::Kind;
use crate::results::{At, Results};
use crate::system::{Carried, System, carry, start_stack};
use anyhow::Result;

/// A producer that sends every row by itself, however many wait.
const UNGROUPED: &str = "Gapless, ungrouped";

/// Rows of 128 bytes, handed over one by one, through every system.
pub(super) fn single_rows(plan: &Plan, results: &mut Results) -> Result<()> {
    for round in 1..=plan.rounds {
        for system in System::present() {
            plan.say(format!("B1 round {round}: {}", system.name()));
            let messages = match system {
                System::Raw1 | System::Raw3 => 2_000_000,
                System::Gapless | System::Redis => 500_000,
                System::JetStream => 200_000,
            };
            let run = system.carry(Load::full(plan.size(messages), 1))?;
            let at = At { bench: "B1", case: "", system: system.name(), round };
            results.add(&at, "rows/s", run.rows_per_second())?;
        }
        plan.say(format!("B1 round {round}: {UNGROUPED}"));
        let load = Load::full(plan.size(200_000), 1);
        let run = carry(&start_stack(), &Carried::new("run", Kind::Metrics, load).ungrouped())?;
        results.add(
            &At { bench: "B1", case: "", system: UNGROUPED, round },
            "rows/s",
            run.rows_per_second(),
        )?;
    }
    Ok(())
}

/// Candles in batches of 100.
pub(super) fn batches(plan: &Plan, results: &mut Results) -> Result<()> {
    for round in 1..=plan.rounds {
        plan.say(format!("B2 round {round}: batches of 100 candles"));
        let load = Load::full(plan.size(50_000), 100);
        let run = carry(&start_stack(), &Carried::new("run", Kind::Candles, load))?;
        let at = At { bench: "B2", case: "", system: System::Gapless.name(), round };
        results.add(&at, "rows/s", run.rows_per_second())?;
    }
    Ok(())
}
