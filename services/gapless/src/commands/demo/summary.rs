//! How a demonstration went.

use super::tally::Tally;
use crate::render;
use anyhow::Result;
use gapless::{GapCounts, Seq, StreamKey, StreamReport, Watermark};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Totals, and a line for each stream.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    seconds: f64,
    published: u64,
    delivered: u64,
    lost: u64,
    duplicated: u64,
    /// Streams whose rows are not those of the journal although their number is right.
    changed: u64,
    gaps_found: u64,
    gaps_healed: u64,
    gaps_truncated: u64,
    streams: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    stream: String,
    simulated: bool,
    published: u64,
    delivered: u64,
    lost: u64,
    duplicated: u64,
    digest_equal: Option<bool>,
    gaps_found: u64,
    gaps_healed: u64,
    gaps_truncated: u64,
}

impl Summary {
    /// Compares what the journal says was published with what arrived.
    pub(super) fn new(
        tally: &Tally,
        reports: &[StreamReport],
        published: &BTreeMap<StreamKey, Watermark>,
        took: Duration,
    ) -> Summary {
        let streams: Vec<Line> = published
            .iter()
            .map(|(key, mark)| Line::new(key, mark, tally, reports.iter().find(|report| report.key == *key)))
            .collect();
        let sum = |what: fn(&Line) -> u64| streams.iter().map(what).sum();
        Summary {
            seconds: took.as_secs_f64(),
            published: sum(|line| line.published),
            delivered: sum(|line| line.delivered),
            lost: sum(|line| line.lost),
            duplicated: sum(|line| line.duplicated),
            changed: sum(|line| u64::from(line.digest_equal == Some(false))),
            gaps_found: sum(|line| line.gaps_found),
            gaps_healed: sum(|line| line.gaps_healed),
            gaps_truncated: sum(|line| line.gaps_truncated),
            streams,
        }
    }

    /// Whether every row arrived exactly once and unchanged, and there were any.
    pub(super) fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.changed == 0 && self.published > 0
    }

    /// For people.
    pub(super) fn print(&self) -> Result<()> {
        let mut table = render::table(&[
            "stream",
            "",
            ">published",
            ">delivered",
            ">lost",
            ">twice",
            ">gaps",
            ">healed",
            "digest",
        ]);
        for line in &self.streams {
            table.add_row([
                line.stream.clone(),
                if line.simulated { "simulated" } else { "" }.to_owned(),
                render::count(line.published),
                render::count(line.delivered),
                render::count(line.lost),
                render::count(line.duplicated),
                line.gaps_found.to_string(),
                line.gaps_healed.to_string(),
                match line.digest_equal {
                    Some(true) => "equal",
                    Some(false) => "DIFFERENT",
                    None => "-",
                }
                .to_owned(),
            ]);
        }
        render::line(table)?;
        render::line(format!(
            "{:.0} s: {} rows published, {} delivered, {} lost, {} duplicated; gaps: {} found, {} healed, {} truncated",
            self.seconds,
            render::count(self.published),
            render::count(self.delivered),
            render::count(self.lost),
            render::count(self.duplicated),
            self.gaps_found,
            self.gaps_healed,
            self.gaps_truncated,
        ))?;
        render::line(if self.is_clean() {
            "every row that is in the journal arrived exactly once, in order and unchanged"
        } else {
            "NOT every row arrived exactly once"
        })
    }
}

impl Line {
    fn new(key: &StreamKey, mark: &Watermark, tally: &Tally, report: Option<&StreamReport>) -> Line {
        let gaps = report.map_or_else(GapCounts::default, |report| report.gaps);
        let published = mark.latest.next().0 - mark.earliest.max(Seq::FIRST).0.min(mark.latest.next().0);
        let line = tally.line(key);
        let delivered = line.map_or(0, |line| line.delivered());
        Line {
            stream: key.topic(),
            simulated: report.is_some_and(|report| report.simulated),
            published,
            delivered,
            lost: published.saturating_sub(delivered).max(line.map_or(0, |line| line.holes)),
            duplicated: line.map_or(0, |line| line.duplicated),
            digest_equal: line
                .and_then(|line| line.matches(mark))
                .map(|equal| equal && line.is_none_or(|line| line.wrong == 0)),
            gaps_found: gaps.found,
            gaps_healed: gaps.healed,
            gaps_truncated: gaps.truncated,
        }
    }
}

#[cfg(test)]
mod tests;
