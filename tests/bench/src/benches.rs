//! The benchmarks, by the numbers that docs/BENCHMARKS.md gives them.

mod footprint;
mod healing;
mod latency;
mod micro;
mod recovery;
mod replay;
mod scale;
mod throughput;

pub use micro::instructions_per_row;

use crate::results::Results;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// How much is measured.
#[derive(Debug)]
pub struct Plan {
    /// How often each figure is measured.
    pub rounds: usize,
    /// A small share of everything, to see that it works and about where it stands.
    pub quick: bool,
    /// What it says while it runs.
    pub progress: ProgressBar,
}

impl Plan {
    /// With a line on the terminal that tells what is measured.
    ///
    /// # Errors
    /// Never on a terminal that takes text.
    pub fn new(rounds: usize, quick: bool) -> Result<Plan> {
        let progress = ProgressBar::new_spinner();
        progress.set_style(ProgressStyle::with_template("{spinner} {elapsed} {msg}")?);
        progress.enable_steady_tick(std::time::Duration::from_millis(200));
        Ok(Plan { rounds, quick, progress })
    }

    /// `full`, or a tenth of it in a quick run.
    fn size(&self, full: u64) -> u64 {
        if self.quick { full / 10 } else { full }
    }

    fn say(&self, what: String) {
        self.progress.set_message(what);
    }
}

type Bench = fn(&Plan, &mut Results) -> Result<()>;

/// All of them.
pub const ALL: [(&str, Bench); 9] = [
    ("B1", throughput::single_rows),
    ("B2", throughput::batches),
    ("B3", latency::run),
    ("B4", replay::run),
    ("B5", healing::run),
    ("B6", recovery::run),
    ("B7", scale::run),
    ("B8", footprint::run),
    ("B9", micro::run),
];

/// Runs those whose names are given, or all.
///
/// # Errors
/// When a name is not known or a part of a benchmark fails.
pub fn run(names: &[String], plan: &Plan, results: &mut Results) -> Result<()> {
    for name in names {
        let known: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        anyhow::ensure!(
            known.contains(&name.as_str()),
            "no benchmark {name}: there are {}",
            known.join(", ")
        );
    }
    for (name, bench) in ALL {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            bench(plan, results).with_context(|| format!("benchmark {name}"))?;
        }
    }
    Ok(())
}
