//! What grew, and by how much.

use super::Plan;
use super::measure::{Measure, Samples};
use super::slope::Slope;
use crate::producer::Tally;
use crate::table::table;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a soak found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How long it ran, seconds.
    pub seconds: u64,
    /// Of those, how many at the beginning were not looked at.
    pub warm_up_seconds: u64,
    /// What grew, or went wrong otherwise; empty: everything is flat.
    pub problems: Vec<String>,
    /// Each measure of each process and folder.
    pub measures: Vec<MeasureLine>,
    /// Visitors by kind.
    pub visitors: BTreeMap<&'static str, u64>,
    /// Rows that the visitors received.
    pub visitor_rows: u64,
    /// Rows acknowledged to the producers.
    pub rows: u64,
    /// What happened to the producers, all together.
    pub producers: Tally,
}

/// One measure of one process or folder.
#[derive(Debug, Serialize)]
pub struct MeasureLine {
    /// Process or folder.
    pub who: String,
    /// What of it.
    pub what: Measure,
    /// The line through its samples.
    pub slope: Slope,
    /// Growth in an hour that is let pass.
    pub most_per_hour: f64,
    /// Whether it grows by more than that, with 95 % confidence.
    pub grows: bool,
}

impl MeasureLine {
    /// What samples after the warm-up say; `None` when there are too few. What fills up grows less and less, a
    /// leak goes on: so it has to grow in the later half as well.
    fn of(who: &str, what: Measure, samples: &[(f64, f64)]) -> Option<MeasureLine> {
        let (slope, most_per_hour) = judged(what, samples)?;
        let later = samples.get(samples.len() / 2..).and_then(|later| judged(what, later));
        let goes_on = later.is_none_or(|(slope, most)| slope.exceeds(most));
        let grows = slope.exceeds(most_per_hour) && goes_on;
        Some(MeasureLine { who: who.to_owned(), what, slope, most_per_hour, grows })
    }
}

/// The line through samples, and the growth that is let pass in their time.
fn judged(what: Measure, samples: &[(f64, f64)]) -> Option<(Slope, f64)> {
    let slope = Slope::of(samples)?;
    let (begin, end) = (samples.first()?.0, samples.last()?.0);
    Some((slope, what.most_per_hour(slope.level, begin, end - begin)))
}

impl Report {
    pub(super) fn new(plan: &Plan, seconds: u64, samples: &Samples, problems: Vec<String>) -> Report {
        let warm_up = plan.warm_up();
        let line =
            |(who, what, samples): (&str, Measure, Vec<(f64, f64)>)| MeasureLine::of(who, what, &samples);
        let measures: Vec<MeasureLine> = samples.since(warm_up.as_secs_f64()).filter_map(line).collect();
        let grown = measures.iter().filter(|line| line.grows);
        let told = grown.map(|line| {
            let Slope { level, per_hour, plus_minus } = line.slope;
            let what = line.what.name();
            format!("{}: {what} grow by {per_hour:.0} ± {plus_minus:.0} an hour at {level:.0}", line.who)
        });
        Report {
            seconds,
            warm_up_seconds: warm_up.as_secs(),
            problems: problems.into_iter().chain(told).collect(),
            measures,
            visitors: BTreeMap::new(),
            visitor_rows: 0,
            rows: 0,
            producers: Tally::default(),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headings = ["who", "what", ">level", ">an hour", ">±", ">let pass", "verdict"];
        let rows = self.measures.iter().map(|line| {
            let Slope { level, per_hour, plus_minus } = line.slope;
            let mut row = vec![line.who.clone(), line.what.name().to_owned()];
            row.extend([format!("{level:.1}"), format!("{per_hour:+.1}"), format!("{plus_minus:.1}")]);
            row.extend([
                format!("{:.0}", line.most_per_hour),
                if line.grows { "GROWS" } else { "flat" }.to_owned(),
            ]);
            row
        });
        writeln!(f, "{}\n", table(&headings, rows))?;
        let visits: Vec<String> = self.visitors.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        writeln!(f, "visitors: {}; they received {} rows", visits.join(", "), self.visitor_rows)?;
        writeln!(f, "producers: {} rows, {} batches sent again", self.rows, self.producers.resent)?;
        for problem in &self.problems {
            writeln!(f, "PROBLEM: {problem}")?;
        }
        let verdict = if self.problems.is_empty() { "everything is flat" } else { "FAILED" };
        write!(f, "{} s, the first {} s not looked at: {verdict}", self.seconds, self.warm_up_seconds)
    }
}

#[cfg(test)]
mod tests;
