//! What is measured, in what unit, and how much of it may grow.

use super::WARM_AFTER;
use super::sample::{ProcessSample, folder_bytes};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Growth in an hour that is let pass, relative to the level: nothing that runs for weeks without a restart
/// could grow so, but ten minutes cannot see less.
const SHARE_PER_HOUR: f64 = 0.05;

/// What caches and allocators of one process take between a cold start and [`WARM_AFTER`].
/// Most of it is the archive's database on its way to its limit.
const FILLING_KIB: f64 = 32768.0;
/// How far the archive's database lets its log grow before it folds it in: a window that sees the log grow and
/// not shrink sees no leak.
const LOG_KIB: f64 = 16384.0;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Resident memory.
    ResidentKib,
    /// Of that, what is no file's page.
    AnonymousKib,
    /// Open file descriptors.
    Descriptors,
    /// Threads.
    Threads,
    /// Bytes of files.
    DiskKib,
}

impl Measure {
    /// Growth in an hour that is let pass at this level, as a window of so many seconds after so many seconds of
    /// warm-up can tell: the relative part, or within the whole window what one stall of the machine leaves in an
    /// allocator, one more segment of the journal, or one more visitor at the end than at the beginning; and of
    /// memory the share of [`FILLING_KIB`] that the warm-up was too short for. A longer run lets less pass.
    pub(super) fn most_per_hour(self, level: f64, warm: f64, window: f64) -> f64 {
        let unfilled = (1.0 - warm / WARM_AFTER.as_secs_f64()).max(0.0);
        let noise: f64 = match self {
            Measure::ResidentKib | Measure::AnonymousKib => 1024.0 + FILLING_KIB * unfilled,
            Measure::DiskKib => 1024.0 + LOG_KIB,
            Measure::Descriptors | Measure::Threads => 1.0,
        };
        (noise * 3600.0 / window.max(1.0)).max(level * SHARE_PER_HOUR)
    }

    /// For people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Measure::ResidentKib => "resident KiB",
            Measure::AnonymousKib => "anonymous KiB",
            Measure::Descriptors => "descriptors",
            Measure::Threads => "threads",
            Measure::DiskKib => "disk KiB",
        }
    }
}

/// All samples of a run, by who and what.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<(String, Measure), Vec<(f64, f64)>>);

impl Samples {
    pub(super) fn process(&mut self, seconds: f64, name: &str, pid: u32) {
        let Some(sample) = ProcessSample::of(pid) else { return };
        for (measure, value) in [
            (Measure::ResidentKib, sample.resident_kib),
            (Measure::AnonymousKib, sample.anonymous_kib),
            (Measure::Descriptors, sample.descriptors),
            (Measure::Threads, sample.threads),
        ] {
            self.add(seconds, name, measure, value);
        }
    }

    pub(super) fn folders(&mut self, seconds: f64, folders: &[(&str, PathBuf)]) {
        for (name, folder) in folders {
            self.add(seconds, name, Measure::DiskKib, folder_bytes(folder) / 1024);
        }
    }

    fn add(&mut self, seconds: f64, name: &str, measure: Measure, value: u64) {
        self.0.entry((name.to_owned(), measure)).or_default().push((seconds, value as f64));
    }

    /// Those taken from `warm` on.
    pub(super) fn since(&self, warm: f64) -> impl Iterator<Item = (&str, Measure, Vec<(f64, f64)>)> {
        self.0.iter().map(move |((name, measure), samples)| {
            let late = samples.iter().filter(|(seconds, _)| *seconds >= warm).copied().collect();
            (name.as_str(), *measure, late)
        })
    }

    /// Every sample as CSV, to look at what the line does not show.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut text = String::from("who,what,second,value\n");
        for ((name, measure), samples) in &self.0 {
            for (seconds, value) in samples {
                text.push_str(&format!("{name},{},{seconds:.1},{value}\n", measure.name()));
            }
        }
        std::fs::write(path, text)
    }
}

#[cfg(test)]
mod tests;
