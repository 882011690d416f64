//! Figures: every one that was measured, and what they come to.

use crate::machine::load_average;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// One measured figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// Which benchmark: `B1`.
    pub bench: &'static str,
    /// What was varied in it: `10000/s`; may be empty.
    pub case: String,
    /// What was measured: `Gapless`.
    pub system: String,
    /// Which figure: `rows/s`.
    pub measure: &'static str,
    /// From 1.
    pub round: usize,
    /// The figure.
    pub value: f64,
    /// Processes that wanted to run, on average over the minute before, those of the benchmark among them.
    pub load: f64,
}

/// All of a run.
#[derive(Debug)]
pub struct Results {
    samples: Vec<Sample>,
    lines: Option<BufWriter<File>>,
}

/// What the rounds of one figure come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How many there are.
    pub rounds: usize,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let lower = if values.len().is_multiple_of(2) { *values.get(middle - 1)? } else { upper };
        Some(Spread { median: f64::midpoint(lower, upper), min, max, rounds: values.len() })
    }
}

impl Results {
    /// None yet. With a path, each figure is also a line of JSON there, after one that tells of the machine.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(path: Option<&Path>, about: &impl Serialize) -> Result<Results> {
        let create =
            |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let mut lines = path.map(create).transpose()?.map(BufWriter::new);
        if let Some(lines) = &mut lines {
            writeln!(lines, "{}", serde_json::to_string(about)?)?;
        }
        Ok(Results { samples: Vec::new(), lines })
    }

    /// Keeps a figure.
    ///
    /// # Errors
    /// When its line cannot be written.
    pub fn add(&mut self, at: &At<'_>, measure: &'static str, value: f64) -> Result<()> {
        let sample = Sample {
            bench: at.bench,
            case: at.case.to_owned(),
            system: at.system.to_owned(),
            measure,
            round: at.round,
            value,
            load: load_average(),
        };
        if let Some(lines) = &mut self.lines {
            writeln!(lines, "{}", serde_json::to_string(&sample)?)?;
            lines.flush()?;
        }
        self.samples.push(sample);
        Ok(())
    }

    /// Every figure, in the order in which it was measured.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// What the rounds of a figure come to; `None` when it was not measured.
    pub fn spread(&self, bench: &str, case: &str, system: &str, measure: &str) -> Option<Spread> {
        let is_it = |sample: &&Sample| {
            sample.bench == bench
                && sample.case == case
                && sample.system == system
                && sample.measure == measure
        };
        Spread::of(self.samples.iter().filter(is_it).map(|sample| sample.value).collect())
    }

    /// How many times as large the first one's median is.
    pub fn ratio(&self, bench: &str, case: &str, systems: (&str, &str), measure: &str) -> Option<f64> {
        let ours = self.spread(bench, case, systems.0, measure)?;
        Some(ours.median / self.spread(bench, case, systems.1, measure)?.median)
    }
}

/// What a figure is about.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Which benchmark.
    pub bench: &'static str,
    /// What was varied.
    pub case: &'a str,
    /// What was measured.
    pub system: &'a str,
    /// From 1.
    pub round: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_of_its_rounds() {
        let of = |values: &[f64]| {
            Spread::of(values.to_vec()).map(|spread| (spread.median, spread.min, spread.max))
        };
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some((2.0, 1.0, 3.0)));
        assert_eq!(of(&[4.0, 1.0]), Some((2.5, 1.0, 4.0)));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_ratio_is_of_medians_and_every_figure_is_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("figures.jsonl");
        let mut results = Results::new(Some(&path), &"about").expect("a file");
        for (system, values) in [("ours", [10.0, 30.0, 20.0]), ("theirs", [5.0, 5.0, 5.0])] {
            for (round, value) in values.into_iter().enumerate() {
                results.add(&At { bench: "B1", case: "", system, round }, "rows/s", value).expect("a line");
            }
        }
        assert_eq!(results.ratio("B1", "", ("ours", "theirs"), "rows/s"), Some(4.0));
        assert_eq!(results.ratio("B1", "", ("ours", "nobody"), "rows/s"), None);
        assert_eq!(std::fs::read_to_string(path).expect("the file").lines().count(), 7);
    }
}
