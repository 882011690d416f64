//! The soak campaign: a steady load, clients that come and go each second, and nothing that grows.

mod measure;
mod report;
mod sample;
mod slope;
mod visitor;
mod world;

pub use report::{MeasureLine, Report};
pub use slope::Slope;

use anyhow::Result;
use gapless_service_kit::Shutdown;
use std::time::Duration;

/// Pages, windows, retention and the allocators' arenas are full by then. A run that is too short to wait for
/// them lets more growth pass instead, see `Measure::most_per_hour`.
const WARM_AFTER: Duration = Duration::from_secs(600);

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Sizes of batches follow from it.
    pub seed: u64,
    /// How long it runs; half of it, at most ten minutes, is warm-up and not looked at.
    pub lasts: Duration,
    /// Batches a second that each producer sends for each of its streams. The archive's database tidies up
    /// each time that some megabytes were written; with fewer, ten minutes do not see that happen twice.
    pub batches_per_second: u32,
    /// Only visitors whose description contains this, to find out who leaves something behind; empty: all.
    pub visitors: String,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { seed: 1, lasts: Duration::from_secs(1200), batches_per_second: 40, visitors: String::new() }
    }
}

impl Plan {
    /// What is left out at the beginning.
    pub(crate) fn warm_up(&self) -> Duration {
        (self.lasts / 2).min(WARM_AFTER)
    }
}

/// Runs the soak to its end. A request to shut down ends it early, with what is known then.
///
/// # Errors
/// When it cannot be run: no programs, no ports, no folder. What grows is in [`Report::problems`].
pub fn run(plan: &Plan, shutdown: &Shutdown) -> Result<Report> {
    world::World::new(plan)?.run(shutdown)
}
