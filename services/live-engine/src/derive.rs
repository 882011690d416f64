//! Longer candles from shorter ones.
//!
//! A bar of the longer interval is closed by the row that fills its last slot, or by the first row of a
//! later bar; only closed bars become rows. So a bar depends on the rows of its source alone, not on how
//! they were batched nor on when they came, and a second run over the same journal gives the same bars at
//! the same positions. Closing by the clock was rejected: a late source would then be cut off, and two
//! runs would differ.
//!
//! A row that belongs to a closed bar is late: the bar is a row of a stream by then and is never
//! rewritten. It is counted and warned about.

mod bar;
mod rule;

use crate::state::StreamIndex;
use bar::Bar;
use gapless_model::{Batch, Candle, Flags, Interval, Rows, StreamKey};
use gapless_wire::CheckpointTarget;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

pub(crate) use rule::check_rules;
pub use rule::{Rule, RuleError, RuleText};

/// The bar of a derived stream that is not closed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Forming {
    /// The derived stream.
    pub key: StreamKey,
    /// The bar so far.
    pub candle: Candle,
    /// Marks of the rows in it.
    pub flags: Flags,
}

/// Bars that one batch closed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Closed {
    /// The derived stream.
    pub(crate) key: StreamKey,
    /// In order; never empty.
    pub(crate) candles: Vec<Candle>,
    /// Marks of the rows in them.
    pub(crate) flags: Flags,
}

/// One derived stream of one source.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    key: Arc<StreamKey>,
    interval: Interval,
    topic: Arc<str>,
    bar: Bar,
    flags: Flags,
}

/// Derives all streams that the rules ask for.
#[derive(Debug)]
pub struct Deriver {
    rules: Vec<Rule>,
    /// By source stream; empty for one that nothing is derived from. Shared with a checkpoint while one is
    /// handed out; the first change of a source's bars copies them.
    targets: Vec<Arc<[Target]>>,
    forming: BTreeMap<Arc<str>, Forming>,
    late_rows: u64,
}

impl Deriver {
    pub(crate) fn new(rules: Vec<Rule>) -> Deriver {
        Deriver { rules, targets: Vec::new(), forming: BTreeMap::new(), late_rows: 0 }
    }

    /// The bars that are not closed yet, by topic.
    pub fn forming(&self) -> &BTreeMap<Arc<str>, Forming> {
        &self.forming
    }

    /// Rows that came after their bar was closed.
    pub fn late_rows(&self) -> u64 {
        self.late_rows
    }

    /// A new source stream. When its first rows are retired, its first bar is not whole and is left out.
    pub(crate) fn open(&mut self, stream: StreamIndex, key: &StreamKey, topic: &str, is_partial: bool) {
        let targets = self.wanted(key, topic, is_partial);
        self.put(stream, targets);
    }

    fn put(&mut self, stream: StreamIndex, targets: Vec<Target>) {
        let at = stream.0 as usize;
        if at >= self.targets.len() {
            self.targets.resize(at + 1, Arc::default());
        }
        if let Some(place) = self.targets.get_mut(at) {
            *place = targets.into();
        }
    }

    /// What the rules derive from a stream.
    fn wanted(&self, key: &StreamKey, topic: &str, is_partial: bool) -> Vec<Target> {
        let Ok(from) = key.interval().parse::<Interval>() else { return Vec::new() };
        let rules = self.rules.iter().filter(|rule| rule.takes(key.kind(), topic, from));
        rules.flat_map(|rule| &rule.to).map(|to| Target::new(key, from, *to, is_partial)).collect()
    }

    /// The bars of one source, shared: they stay as they are now whatever comes.
    pub(crate) fn share(&self, stream: StreamIndex) -> Arc<[Target]> {
        self.targets.get(stream.0 as usize).cloned().unwrap_or_default()
    }

    /// A source stream out of a checkpoint. What no rule asks for any more is dropped.
    ///
    /// # Errors
    /// A derived stream that a rule asks for and the checkpoint does not know: its bars since the journal's
    /// beginning would be missing.
    pub(crate) fn restore(
        &mut self,
        stream: StreamIndex,
        key: &StreamKey,
        topic: &str,
        frozen: &[CheckpointTarget],
    ) -> Result<(), StreamKey> {
        let mut targets = Vec::new();
        for target in self.wanted(key, topic, false) {
            let Some(frozen) = frozen.iter().find(|frozen| frozen.interval == target.interval) else {
                return Err((*target.key).clone());
            };
            let target = target.restore(frozen);
            self.late_rows += target.bar.late_rows();
            if let Some(forming) = target.forming() {
                self.forming.insert(target.topic.clone(), forming);
            }
            targets.push(target);
        }
        self.put(stream, targets);
        Ok(())
    }

    /// All streams whose bars are made here.
    pub(crate) fn derived(&self) -> HashSet<&StreamKey> {
        self.targets.iter().flat_map(|targets| targets.iter()).map(|target| &*target.key).collect()
    }

    /// Rows of a source are missing before its next batch: the bar that they belong to is left out.
    pub(crate) fn skip(&mut self, stream: StreamIndex) {
        for target in targets_of(&mut self.targets, stream) {
            target.bar.skip();
            self.forming.remove(&target.topic);
        }
    }

    /// Folds a batch of a source stream in and returns what it closed.
    pub(crate) fn fold(&mut self, stream: StreamIndex, batch: &Batch) -> Vec<Closed> {
        let Rows::Candles(rows) = &batch.rows else { return Vec::new() };
        let mut closed = Vec::new();
        for target in targets_of(&mut self.targets, stream) {
            let late = target.bar.late_rows();
            let (candles, flags) = target.fold(rows, batch.flags);
            let late = target.bar.late_rows() - late;
            if late > 0 {
                self.late_rows += late;
                tracing::warn!(stream = %target.key, rows = late, "rows came after their bar was closed");
            }
            match target.forming() {
                Some(forming) => self.forming.insert(target.topic.clone(), forming),
                None => self.forming.remove(&target.topic),
            };
            if !candles.is_empty() {
                closed.push(Closed { key: (*target.key).clone(), candles, flags });
            }
        }
        closed
    }
}

/// The bars of one source, to change them.
fn targets_of(targets: &mut [Arc<[Target]>], stream: StreamIndex) -> &mut [Target] {
    match targets.get_mut(stream.0 as usize) {
        Some(targets) if !targets.is_empty() => Arc::make_mut(targets),
        _ => &mut [],
    }
}

impl Target {
    fn new(source: &StreamKey, from: Interval, to: Interval, is_partial: bool) -> Target {
        let key = Arc::new(source.with_interval(to));
        let topic = key.topic().into();
        Target { key, interval: to, topic, bar: Bar::new(from, to, is_partial), flags: Flags::NONE }
    }

    /// All that is known of its bar, for a checkpoint.
    pub(crate) fn to_message(&self) -> CheckpointTarget {
        self.bar.to_message(self.interval, self.flags)
    }

    fn restore(self, frozen: &CheckpointTarget) -> Target {
        Target { bar: self.bar.restore(frozen), flags: frozen.flags, ..self }
    }

    /// The bars that `rows` close, with the marks of all rows that went into them.
    fn fold(&mut self, rows: &[Candle], flags: Flags) -> (Vec<Candle>, Flags) {
        // An end of the source is not an end of the bar's stream: that one may get a last bar later.
        let flags = Flags(flags.0 & Flags::SIMULATED.0);
        let (mut closed, mut closed_flags) = (Vec::new(), Flags::NONE);
        for row in rows {
            let mut close = |bar: Candle, marks: Flags| {
                closed.push(bar);
                closed_flags = closed_flags.union(marks);
            };
            if let Some(bar) = self.bar.close_before(row) {
                close(bar, std::mem::take(&mut self.flags));
            }
            self.flags = self.flags.union(flags);
            if let Some(bar) = self.bar.add(row) {
                close(bar, std::mem::take(&mut self.flags));
            }
        }
        (closed, closed_flags)
    }

    fn forming(&self) -> Option<Forming> {
        let candle = self.bar.forming()?;
        Some(Forming { key: (*self.key).clone(), candle, flags: self.flags })
    }
}

#[cfg(test)]
mod tests;
