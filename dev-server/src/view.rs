//! What the server shows of itself: for the panel, the report and programs.

use crate::faults::{LiveFaults, ReplyFaults};
use crate::judge::Judge;
use gapless_model::Seq;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The server at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct View {
    /// Name of the scenario.
    pub scenario: String,
    /// What the scenario is about.
    pub title: String,
    /// What a correct client does.
    pub client: String,
    /// Milliseconds since it began.
    pub uptime_ms: u64,
    /// The current epoch.
    pub epoch: u64,
    /// Whether peers can connect at this moment.
    pub open: bool,
    /// Every stream, in the order of their topics.
    pub streams: Vec<StreamView>,
    /// What was asked and answered.
    pub replies: ReplyCounts,
}

impl View {
    /// Whether peers can connect and a client is at the end of every stream.
    pub fn is_reached_by(&self, client: &Judge) -> bool {
        let is_at_end = |stream: &StreamView| {
            stream.latest == 0 || client.last(&stream.topic).is_some_and(|(seq, _)| seq == Seq(stream.latest))
        };
        self.open && self.streams.iter().all(is_at_end)
    }
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StreamView {
    /// Its topic.
    pub topic: String,
    /// Whether rows are made.
    pub running: bool,
    /// Milliseconds between two batches.
    pub tick_ms: u32,
    /// Rows of a batch.
    pub batch_rows: u32,
    /// How much a tick is shorter or longer at most, in percent.
    pub jitter_percent: u32,
    /// The oldest sequence that is served; 0: none.
    pub earliest: u64,
    /// The newest sequence; 0: none.
    pub latest: u64,
    /// Running digest up to the newest row, 16 hexadecimal digits.
    pub digest: String,
    /// Unix milliseconds of the newest row; 0 before the first.
    pub latest_ts_ms: i64,
    /// Rows that were made.
    pub rows: u64,
    /// Rows that went out live at least once, whole.
    pub published: u64,
    /// Rows that did not go out live, or not readably.
    pub withheld: u64,
    /// Rows that were sent in answers.
    pub replayed: u64,
    /// How often each fault struck, by its name.
    pub faults: BTreeMap<&'static str, u64>,
    /// The plan for its live batches.
    pub live: LiveFaults,
    /// The plan for replies about it.
    pub reply_faults: ReplyFaults,
    /// The last batches, oldest first, for a strip chart.
    pub strip: Vec<StripCell>,
}

/// One batch as it went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct StripCell {
    /// Sequence of its first row.
    pub start: u64,
    /// How many rows.
    pub rows: u32,
    /// What happened to it: `sent`, `withheld`, `corrupt`, `wrong-version`, `duplicate`, `collide` or
    /// `reordered`.
    pub what: &'static str,
}

/// What was asked and answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct ReplyCounts {
    /// Requests that came.
    pub requests: u64,
    /// Requests that wait for a slow answer.
    pub open: u64,
    /// Answers that were sent.
    pub answered: u64,
    /// Answers by the fault that they suffered.
    pub faults: BTreeMap<&'static str, u64>,
}
