//! What came of one scenario, and how it is shown.

use crate::render;
use anyhow::Result;
use gapless_dev_server::{Expectation, Findings};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// What came of one scenario.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    /// Its name, or that the servers were asked.
    pub(super) scenario: String,
    /// Whether the client did everything right.
    pub(super) passed: bool,
    /// Why not; empty when it did.
    pub(super) why: Vec<String>,
    /// Seconds from the end of the faults until it had everything; absent when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gapless_after_s: Option<f64>,
    /// Rows that the server sent in answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replayed: Option<u64>,
    /// Rows that came to the client by no other way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) needed: Option<u64>,
    /// Rows that came more than once and were dropped by the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duplicates_removed: Option<u64>,
    /// What it did and told.
    #[serde(flatten)]
    pub(super) findings: Findings,
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.passed
    }

    /// Judges what was found: nothing may be wrong, and what is told must be what there is to tell.
    /// `expected`: `None` when it is not known.
    pub(super) fn of(
        scenario: &str,
        findings: Findings,
        expected: Option<&[Expectation]>,
        tells: bool,
    ) -> Verdict {
        let mut why = Vec::new();
        for (count, what) in [
            (findings.lost, "lost"),
            (findings.repeated, "repeated"),
            (findings.reordered, "out of order"),
            (findings.wrong, "wrong"),
            (findings.given_up, "given up although they are there"),
        ] {
            if count > 0 {
                why.push(format!("{} {what}", render::rows_are(count)));
            }
        }
        if let Some(expected) = expected {
            let expected: BTreeSet<Expectation> = expected.iter().copied().collect();
            let told: BTreeSet<Expectation> = findings.told.keys().copied().collect();
            why.extend(told.difference(&expected).map(|what| format!("it told of a {what} that was none")));
            if tells {
                why.extend(expected.difference(&told).map(|what| format!("it did not tell of the {what}")));
            }
        }
        Verdict {
            scenario: scenario.to_owned(),
            passed: why.is_empty(),
            why,
            gapless_after_s: None,
            replayed: None,
            needed: None,
            duplicates_removed: None,
            findings,
        }
    }

    /// It was not gapless in time.
    pub(super) fn late(mut self, after: Duration) -> Verdict {
        self.why.insert(0, format!("not gapless {} s after the faults ended", after.as_secs()));
        self.passed = false;
        self
    }
}

/// The verdicts as a table, with what went wrong below it.
pub(super) fn print(verdicts: &[Verdict]) -> Result<()> {
    let headings =
        ["scenario", ">rows", ">gapless after", ">replayed", ">needed", ">twice", "told", "verdict"];
    let mut table = render::table(&headings);
    let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), render::count);
    for verdict in verdicts {
        let told: Vec<String> =
            verdict.findings.told.iter().map(|(what, count)| format!("{what} {count}")).collect();
        table.add_row([
            verdict.scenario.clone(),
            render::count(verdict.findings.rows),
            verdict.gapless_after_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.2} s")),
            number(verdict.replayed),
            number(verdict.needed),
            number(verdict.duplicates_removed),
            if told.is_empty() { "-".to_owned() } else { told.join(", ") },
            if verdict.passed { "gapless".to_owned() } else { "FAILED".to_owned() },
        ]);
    }
    render::line(table)?;
    for verdict in verdicts.iter().filter(|verdict| !verdict.passed) {
        render::line(format!("{}: {}", verdict.scenario, verdict.why.join("; ")))?;
        for example in &verdict.findings.examples {
            render::line(format!("  {example}"))?;
        }
    }
    Ok(())
}
