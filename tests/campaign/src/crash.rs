//! The crash campaign: faults by a seed against the services, their clients and their producers.

mod cast;
mod check;
mod drain;
mod held;
mod recovery;
mod report;
mod schedule;
mod stage;
mod world;

pub use crate::client::follow::{FollowArgs, follow};
pub use crate::numbers::Spread;
pub use crate::producer::Tally;
pub use report::{ClientLine, FaultLine, ProducerLine, Report, RowCounts, ServiceLine};
pub use schedule::{Deed, Fault, Schedule, Target};

use anyhow::Result;
use gapless_service_kit::Shutdown;
use std::time::Duration;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything random follows from it.
    pub seed: u64,
    /// How long producers send and faults hit.
    pub lasts: Duration,
    /// Whether to mount small disks where the machine allows it.
    pub full_disk: bool,
    /// Batches a second that each producer sends for each of its streams.
    pub batches_per_second: u32,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan { seed: 1, lasts: Duration::from_secs(60), full_disk: true, batches_per_second: 10 }
    }
}

/// Runs a campaign to its end and says what was found. A request to shut down ends it early, cleanly, with
/// what is known then.
///
/// # Errors
/// When the campaign itself cannot be run: no programs, no ports, no folder. What the services did wrong
/// is in [`Report::problems`].
pub fn run(plan: &Plan, shutdown: &Shutdown) -> Result<Report> {
    world::World::new(plan)?.run(shutdown)
}
