//! What happened, as a hash for machines, counts for tests and lines for people.

use crate::net::NodeId;
use gapless_model::MonoTime;
use std::collections::BTreeMap;
use std::hash::Hasher;
use xxhash_rust::xxh3::Xxh3;

/// The course of one run.
#[derive(Default)]
pub struct Trace {
    hash: Xxh3,
    counts: BTreeMap<&'static str, u64>,
    /// Lines for people; `None`: nobody reads them.
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace; with `log` it keeps a line for each event.
    pub fn new(log: bool) -> Trace {
        Trace { lines: log.then(Vec::new), ..Trace::default() }
    }

    /// Something happened. `what` is constant text; two numbers say the rest.
    pub fn event(&mut self, now: MonoTime, node: Option<NodeId>, what: &'static str, a: u64, b: u64) {
        self.hash.write(what.as_bytes());
        for word in [now.0, node.map_or(u64::MAX, NodeId::number), a, b] {
            self.hash.write_u64(word);
        }
        *self.counts.entry(what).or_default() += 1;
        if self.lines.is_some() {
            let who = node.map_or_else(|| "world".to_owned(), |node| node.to_string());
            let numbers = match (a, b) {
                (0, 0) => String::new(),
                (a, 0) => a.to_string(),
                (a, b) => format!("{a} {b}"),
            };
            self.line(now, &format!("{who:<12} {what} {numbers}"));
        }
    }

    /// A line for people, made only when somebody reads it.
    pub fn say(&mut self, now: MonoTime, line: impl FnOnce() -> String) {
        if self.lines.is_some() {
            self.line(now, &line());
        }
    }

    fn line(&mut self, now: MonoTime, text: &str) {
        let (seconds, micros) = (now.0 / 1_000_000_000, now.0 / 1000 % 1_000_000);
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{seconds:>4}.{micros:06} {}", text.trim_end()));
        }
    }

    /// The same for the same course of events.
    pub fn hash(&self) -> u64 {
        self.hash.digest()
    }

    /// How often each thing happened.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// The lines so far.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}
