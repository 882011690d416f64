//! Tells whether a client lost, repeated or reordered anything: its output against what was really made.
//!
//! Every row is named by its stream, its sequence and its digest, which also tells the epoch: rows of two
//! histories with one sequence differ. So the judge needs nothing of the client but its rows, in the order in
//! which it handed them over. What a client tells besides (that rows are gone) excuses it from those rows, but
//! only if they really could not be had: a client that gives up rows that are there is wrong too.

use crate::recorder::{Record, Recorder};
use crate::scenario::Expectation;
use gapless_model::{Digest, Seq, SeqRange};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Examples kept of each kind of mistake.
const EXAMPLES: usize = 5;

/// What a client handed over and told, until it is judged.
#[derive(Debug, Default)]
pub struct Judge {
    streams: BTreeMap<String, Heard>,
}

/// Of one stream, in order.
#[derive(Debug, Default)]
struct Heard {
    rows: Vec<(Seq, Digest)>,
    gone: Vec<SeqRange>,
    told: BTreeMap<Expectation, u64>,
}

/// What a client did wrong, if anything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Findings {
    /// Rows that it handed over.
    pub rows: u64,
    /// Rows that it should have got and did not.
    pub lost: u64,
    /// Rows that it handed over more than once.
    pub repeated: u64,
    /// Rows that it handed over after a later one.
    pub reordered: u64,
    /// Rows that were never made like this.
    pub wrong: u64,
    /// Rows that it said are gone although they could be had.
    pub given_up: u64,
    /// What it told besides rows, and how often.
    pub told: BTreeMap<Expectation, u64>,
    /// The first few mistakes, in words.
    pub examples: Vec<String>,
}

impl Findings {
    /// Whether it did nothing wrong. What it told is for the caller to judge.
    pub fn is_clean(&self) -> bool {
        self.lost + self.repeated + self.reordered + self.wrong + self.given_up == 0
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }
}

impl Judge {
    /// Nothing heard yet.
    pub fn new() -> Judge {
        Judge::default()
    }

    /// The client handed over a row.
    pub fn row(&mut self, topic: &str, seq: Seq, digest: Digest) {
        self.heard(topic).rows.push((seq, digest));
    }

    /// The client said that rows are gone for good.
    pub fn truncated(&mut self, topic: &str, range: SeqRange) {
        let heard = self.heard(topic);
        heard.gone.push(range);
        *heard.told.entry(Expectation::Truncated).or_default() += 1;
    }

    /// The client said that rows that it handed over are void, or all of them.
    pub fn void(&mut self, topic: &str, what: Expectation) {
        *self.heard(topic).told.entry(what).or_default() += 1;
    }

    /// How many rows were handed over so far.
    pub fn rows(&self) -> u64 {
        self.streams.values().map(|heard| heard.rows.len() as u64).sum()
    }

    /// The last row that was handed over of a stream.
    pub fn last(&self, topic: &str) -> Option<(Seq, Digest)> {
        self.streams.get(topic).and_then(|heard| heard.rows.last().copied())
    }

    /// What it did wrong, given every row that was made, and the ranges of each stream that could not be had by
    /// anybody who did not get them live.
    pub fn judge(&self, truth: &Recorder, trimmed: &BTreeMap<String, SeqRange>) -> Findings {
        let mut findings = Findings::default();
        let topics: BTreeSet<&str> = truth.topics().chain(self.streams.keys().map(String::as_str)).collect();
        let nothing = Heard::default();
        for topic in topics {
            let heard = self.streams.get(topic).unwrap_or(&nothing);
            judge_stream(topic, heard, truth.rows(topic), trimmed.get(topic).copied(), &mut findings);
        }
        findings
    }

    fn heard(&mut self, topic: &str) -> &mut Heard {
        if !self.streams.contains_key(topic) {
            self.streams.insert(topic.to_owned(), Heard::default());
        }
        self.streams.entry(topic.to_owned()).or_default()
    }
}

fn judge_stream(
    topic: &str,
    heard: &Heard,
    made: &[Record],
    trimmed: Option<SeqRange>,
    findings: &mut Findings,
) {
    let places: HashMap<(Seq, Digest), usize> =
        made.iter().enumerate().map(|(at, record)| ((record.seq, record.digest), at)).collect();
    let mut seen = vec![false; made.len()];
    let mut furthest = None;
    for (seq, digest) in &heard.rows {
        findings.rows += 1;
        let Some(&at) = places.get(&(*seq, *digest)) else {
            findings.wrong += 1;
            findings.note(|| format!("{topic}: row {seq} was never made like this"));
            continue;
        };
        match seen.get_mut(at) {
            Some(seen) if *seen => {
                findings.repeated += 1;
                findings.note(|| format!("{topic}: row {seq} came again"));
            }
            Some(seen) => {
                *seen = true;
                if furthest.is_some_and(|furthest| at < furthest) {
                    findings.reordered += 1;
                    findings.note(|| format!("{topic}: row {seq} came after a later one"));
                }
                furthest = furthest.max(Some(at));
            }
            None => {}
        }
    }
    for (what, count) in &heard.told {
        *findings.told.entry(*what).or_default() += count;
    }
    let is_gone = |seq: Seq| heard.gone.iter().any(|range| range.contains(seq));
    for at in last_of_each_sequence(made) {
        let (Some(record), Some(&seen)) = (made.get(at), seen.get(at)) else { continue };
        if seen {
            continue;
        }
        match (is_gone(record.seq), trimmed.is_some_and(|trimmed| trimmed.contains(record.seq))) {
            (true, true) => {}
            (true, false) => {
                findings.given_up += 1;
                findings.note(|| format!("{topic}: row {} was given up and is there", record.seq));
            }
            (false, _) => {
                findings.lost += 1;
                findings.note(|| format!("{topic}: row {} is missing", record.seq));
            }
        }
    }
}

/// The rows that are history in the end: of the rows with one sequence the last one, up to where the last
/// epoch's rows end.
fn last_of_each_sequence(made: &[Record]) -> Vec<usize> {
    let mut history: Vec<usize> = Vec::new();
    for (at, record) in made.iter().enumerate() {
        // Rows of an older epoch from here on were lost.
        while history.last().and_then(|last| made.get(*last)).is_some_and(|last| last.seq >= record.seq) {
            history.pop();
        }
        history.push(at);
    }
    history
}

#[cfg(test)]
mod tests;
