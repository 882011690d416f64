//! The figures for people: a table on the terminal, and the page with its charts.

use crate::aims::judged;
use crate::chart;
use crate::machine::About;
use crate::results::{Results, Spread};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::path::Path;

/// Between these two lines of the page stands what is measured.
const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// Everything, as Markdown, which people can read on a terminal too.
pub fn text(about: &About, results: &Results) -> String {
    let mut text = String::new();
    let reference = |name: &str, version: &Option<String>| match version {
        Some(version) => format!("{name} {version}"),
        None => format!("{name} (not installed)"),
    };
    let _ = writeln!(
        text,
        "{}, {} threads, {} GiB, Linux {}, load average {:.1} before it began; Gapless {} ({} build{}), libzmq {}, \
         {}, {}; {} rounds{}, medians with the smallest and the largest; a line without those was measured once. {}.\n",
        about.cpu,
        about.cores,
        about.memory_gib,
        about.kernel,
        about.load,
        about.version,
        about.profile,
        about.commit.as_ref().map(|commit| format!(" of {commit}")).unwrap_or_default(),
        about.zmq,
        reference("NATS", &about.nats),
        reference("Redis", &about.redis),
        about.rounds,
        if about.quick { " of a tenth of the size" } else { "" },
        about.sync,
    );
    let _ = writeln!(text, "| | case | system | figure | median | smallest to largest |");
    let _ = writeln!(text, "|---|---|---|---|--:|--:|");
    for Line { bench, case, system, measure, spread } in lines(results) {
        let range = format!("{} to {}", number(spread.min), number(spread.max));
        let range = if spread.rounds > 1 { range } else { String::new() };
        let _ = writeln!(
            text,
            "| {bench} | {case} | {system} | {measure} | {} | {range} |",
            number(spread.median)
        );
    }
    let _ = writeln!(text, "\n| | aim | measured | |\n|---|---|--:|---|");
    for aim in judged(results) {
        let met = if aim.met { "met" } else { "**missed**" };
        let _ = writeln!(text, "| {} | {} | {} | {met} |", aim.bench, aim.wanted, number(aim.measured));
    }
    text
}

/// Renews what stands between the two marks in `BENCHMARKS.md`, and the charts in the folder `benchmarks` beside it.
///
/// # Errors
/// When the page is not there, has no marks, or cannot be written.
pub fn write(folder: &Path, about: &About, results: &Results) -> Result<()> {
    let path = folder.join("BENCHMARKS.md");
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("{BEGIN} is missing in the page"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{END} is missing in the page"))?;
    let charts = chart::write_all(&folder.join("benchmarks"), results)?;
    let images: String =
        charts.iter().map(|(title, file)| format!("![{title}](benchmarks/{file})\n")).collect();
    let page = format!("{before}{BEGIN}\n{}\n{images}{END}{after}", text(about, results));
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// One figure with all its rounds.
pub(crate) struct Line<'a> {
    pub(crate) bench: &'static str,
    pub(crate) case: &'a str,
    pub(crate) system: &'a str,
    pub(crate) measure: &'static str,
    pub(crate) spread: Spread,
}

/// All figures, each once, by benchmark and case.
pub(crate) fn lines(results: &Results) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for sample in results.samples() {
        let is_it = |line: &Line<'_>| {
            (line.bench, line.case, line.system, line.measure)
                == (sample.bench, sample.case.as_str(), sample.system.as_str(), sample.measure)
        };
        if lines.iter().any(is_it) {
            continue;
        }
        if let Some(spread) = results.spread(sample.bench, &sample.case, &sample.system, sample.measure) {
            lines.push(Line {
                bench: sample.bench,
                case: &sample.case,
                system: &sample.system,
                measure: sample.measure,
                spread,
            });
        }
    }
    lines
}

/// Three figures that count, with commas between thousands.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 1000.0 {
        return match value.abs() {
            100.0.. => format!("{value:.0}"),
            10.0.. => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        };
    }
    let magnitude = 10_f64.powf(value.abs().log10().floor() - 2.0).max(1.0);
    let digits = format!("{:.0}", (value / magnitude).round() * magnitude);
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_three_figures_that_count() {
        let cases =
            [(0.512, "0.51"), (12.34, "12.3"), (999.4, "999"), (1234.0, "1,230"), (3_456_789.0, "3,460,000")];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }
}
