//! Scenarios: which streams there are, what goes wrong and when, and what a correct client does about it.

mod embedded;

use crate::error::Error;
use crate::faults::{FaultPlan, LiveFaults, ReplyFaults};
use crate::order::{Command, Order};
use gapless_model::{Kind, StreamKey};
use gapless_service_kit::HumanDuration;
use serde::{Deserialize, Serialize};
use std::path::Path;
use utoipa::ToSchema;

/// Streams of one server at most: each has its heartbeat and its place in the panel.
pub(crate) const MAX_STREAMS: usize = 10_000;
/// Rows of one stream that can be replayed, unless a scenario says otherwise.
const DEFAULT_KEEP_ROWS: u64 = 1_000_000;

/// A scenario as its file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: that of its file.
    #[serde(skip)]
    pub name: String,
    /// What it is about, in a few words.
    pub title: String,
    /// What a correct client does, in a sentence.
    pub client: String,
    /// Decides every fault.
    #[serde(default = "one")]
    pub seed: u64,
    /// How long rows are made and things go wrong; after that everything heals.
    #[serde(default = "ten_seconds")]
    pub duration: HumanDuration,
    /// What a client that follows everything from the start has to tell its user. Without any it gets every
    /// row and tells of no loss.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// The newest version of the contract that the server speaks: 2, or 1 as old servers do.
    #[serde(default = "two")]
    pub version: u32,
    /// Rows of each stream that can be replayed.
    #[serde(default = "keep_rows")]
    pub keep_rows: u64,
    /// The streams.
    #[serde(default = "default_streams")]
    pub streams: Vec<StreamSetup>,
    /// What goes wrong all the time, unless a stream has its own plan.
    #[serde(default)]
    pub faults: FaultPlan,
    /// What happens when.
    #[serde(default)]
    pub at: Vec<TimedOrder>,
}

/// Something that a client tells its user besides rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// Rows are gone for good, and which.
    Truncated,
    /// Rows that it got are not part of history any more, and which.
    Rewind,
    /// History begins anew.
    Reset,
}

/// Streams of one source that are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StreamSetup {
    /// `candles` or `metrics`.
    pub kind: String,
    /// The source in their topics.
    pub source_id: String,
    /// One stream each.
    pub symbols: Vec<String>,
    /// The interval in their topics.
    pub interval: String,
    /// Milliseconds between two batches.
    pub tick_ms: u32,
    /// Rows of a batch.
    pub batch_rows: u32,
    /// How much a tick is shorter or longer at most, in percent of it.
    pub jitter_percent: u32,
    /// Their own plan for live batches.
    pub live: Option<LiveFaults>,
    /// Their own plan for replies.
    pub replies: Option<ReplyFaults>,
}

/// An order and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedOrder {
    /// Since the scenario began.
    pub after: HumanDuration,
    /// As in [`Order`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// As in [`Order`].
    #[serde(rename = "do")]
    pub command: Command,
}

impl Default for StreamSetup {
    fn default() -> StreamSetup {
        StreamSetup {
            kind: Kind::Candles.name().into(),
            source_id: "dev".into(),
            symbols: ["BTC-USD", "ETH-USD"].map(String::from).to_vec(),
            interval: "1s".into(),
            tick_ms: 20,
            batch_rows: 5,
            jitter_percent: 0,
            live: None,
            replies: None,
        }
    }
}

fn one() -> u64 {
    1
}
fn two() -> u32 {
    gapless_wire::MAX_VERSION
}
fn ten_seconds() -> HumanDuration {
    HumanDuration::from_secs(10)
}
fn keep_rows() -> u64 {
    DEFAULT_KEEP_ROWS
}
fn default_streams() -> Vec<StreamSetup> {
    vec![StreamSetup::default()]
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Expectation::Truncated => "truncation",
            Expectation::Rewind => "rewind",
            Expectation::Reset => "reset",
        })
    }
}

impl TimedOrder {
    /// The order without its time.
    pub fn order(&self) -> Order {
        Order { stream: self.stream.clone(), command: self.command.clone() }
    }
}

impl StreamSetup {
    /// The keys of its streams.
    ///
    /// # Errors
    /// Which name or number is not usable and what to write.
    pub fn keys(&self) -> Result<Vec<StreamKey>, String> {
        let kind: Kind = self.kind.parse().map_err(|error| format!("kind: {error}"))?;
        if kind == Kind::Warnings {
            return Err("kind: write candles or metrics".into());
        }
        let key = |symbol: &String| {
            StreamKey::new(kind, &self.source_id, symbol, &self.interval).map_err(|error| error.to_string())
        };
        self.symbols.iter().map(key).collect()
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let keys = match self.keys() {
            Ok(keys) if keys.is_empty() => Some("symbols: name at least one".to_owned()),
            Ok(keys) if keys.len() > MAX_STREAMS => Some(format!("symbols: at most {MAX_STREAMS}")),
            Ok(_) => None,
            Err(problem) => Some(problem),
        };
        keys.or_else(|| rate_problem(Some(self.tick_ms), Some(self.batch_rows), Some(self.jitter_percent)))
            .or_else(|| self.live.as_ref().and_then(LiveFaults::problem))
            .or_else(|| self.replies.as_ref().and_then(ReplyFaults::problem))
    }
}

/// What is wrong with a rate, if anything.
pub(crate) fn rate_problem(
    tick_ms: Option<u32>,
    batch_rows: Option<u32>,
    jitter_percent: Option<u32>,
) -> Option<String> {
    let check = |name: &str, value: Option<u32>, from: u32, to: u32| {
        value
            .filter(|value| !(from..=to).contains(value))
            .map(|value| format!("{name} = {value}: write {from} to {to}"))
    };
    check("tick_ms", tick_ms, 1, 600_000)
        .or_else(|| check("batch_rows", batch_rows, 1, gapless_model::MAX_ROWS_PER_BATCH as u32))
        .or_else(|| check("jitter_percent", jitter_percent, 0, 100))
}

impl Scenario {
    /// The names of those that are built in, in the order in which they are best read.
    pub fn names() -> impl Iterator<Item = &'static str> {
        embedded::ALL.iter().map(|(name, _)| *name)
    }

    /// The scenario of that name, or in the file of that name when it ends with `.toml`.
    ///
    /// # Errors
    /// [`Error::Scenario`] names the scenario, the key and the place.
    pub fn find(name: &str) -> Result<Scenario, Error> {
        if Path::new(name).extension().is_none_or(|extension| extension != "toml") {
            return Scenario::built_in(name);
        }
        let unreadable =
            |error| Error::Scenario { name: name.into(), reason: format!("cannot be read: {error}") };
        let text = std::fs::read_to_string(name).map_err(unreadable)?;
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
        Scenario::parse(&stem, &text)
    }

    /// The built-in scenario of that name.
    ///
    /// # Errors
    /// [`Error::Scenario`] when there is none.
    pub fn built_in(name: &str) -> Result<Scenario, Error> {
        if let Some((name, text)) = embedded::ALL.iter().find(|(known, _)| *known == name) {
            return Scenario::parse(name, text);
        }
        let known: Vec<&str> = Scenario::names().collect();
        let reason =
            format!("there is none: use a file that ends with .toml, or one of {}", known.join(", "));
        Err(Error::Scenario { name: name.into(), reason })
    }

    /// A scenario from its text.
    ///
    /// # Errors
    /// [`Error::Scenario`] names the key and the place.
    pub fn parse(name: &str, text: &str) -> Result<Scenario, Error> {
        let refused = |reason: String| Error::Scenario { name: name.into(), reason };
        let mut scenario: Scenario = toml::from_str(text).map_err(|error| refused(error.to_string()))?;
        scenario.name = name.into();
        scenario.at.sort_by_key(|timed| timed.after);
        scenario.problem().map_or(Ok(scenario), |problem| Err(refused(problem)))
    }

    /// As the text of a file.
    ///
    /// # Errors
    /// [`Error::Scenario`] when a value cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, Error> {
        let refused =
            |error: toml::ser::Error| Error::Scenario { name: self.name.clone(), reason: error.to_string() };
        toml::to_string(self).map_err(refused)
    }

    fn problem(&self) -> Option<String> {
        if !(gapless_wire::MIN_VERSION..=gapless_wire::MAX_VERSION).contains(&self.version) {
            return Some(format!("version = {}: write 1 or 2", self.version));
        }
        let streams = self.streams.iter().find_map(|setup| setup.problem().map(|p| format!("streams: {p}")));
        let orders = || {
            self.at.iter().find_map(|timed| {
                timed.command.problem().map(|problem| format!("at {}: {problem}", timed.after))
            })
        };
        let faults = || self.faults.problem().map(|problem| format!("faults.{problem}"));
        streams.or_else(faults).or_else(orders)
    }
}

#[cfg(test)]
mod tests;
