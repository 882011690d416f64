//! The plan: how often which fault happens. Everything is off by default.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most batches that wait to be sent in another order.
pub(crate) const MAX_REORDER_WINDOW: u32 = 1000;
/// The longest that a message or an answer is held back: ten minutes.
pub(crate) const MAX_DELAY_MS: u32 = 600_000;

/// Faults of the live feed and of replies.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultPlan {
    /// Of live batches.
    pub live: LiveFaults,
    /// Of replies to requests.
    pub replies: ReplyFaults,
}

/// Faults of live batches. Percentages are of batches, 0 to 100; a batch suffers the first fault that hits it
/// in this order, and can be delayed besides.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LiveFaults {
    /// Withheld.
    pub drop_percent: f64,
    /// Rows whose sequence is a multiple of this are withheld; 0: none.
    pub drop_every: u64,
    /// Sent with flipped bytes instead of as they are. Some can no longer be read, the others decode to other values
    /// or to another running digest, which only a client that compares it notices (version 2 only).
    pub corrupt_percent: f64,
    /// Sent with a schema version that nobody speaks.
    pub wrong_version_percent: f64,
    /// Sent twice.
    pub duplicate_percent: f64,
    /// Besides the batch, rows of nobody go out on a topic that begins with this stream's, and on this
    /// stream's topic with another stream's key.
    pub collide_percent: f64,
    /// So many batches are gathered and sent in another order; 0 and 1: in order.
    pub reorder_window: u32,
    /// Every batch is held back so long, in milliseconds.
    pub delay_ms: u32,
    /// And up to so much longer, so that batches overtake each other.
    pub delay_jitter_ms: u32,
    /// No watermarks: a lost tail is not noticed by them.
    pub silent: bool,
}

/// Faults of replies. Percentages are of replies, 0 to 100; a reply suffers the first fault that hits it in
/// this order, and can be slow besides.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplyFaults {
    /// Never sent.
    pub none_percent: f64,
    /// An error 500 instead.
    pub error_percent: f64,
    /// With the correlation id of nobody.
    pub wrong_correlation_percent: f64,
    /// The page before once more.
    pub repeat_page_percent: f64,
    /// No rows, and `has_more`.
    pub empty_page_percent: f64,
    /// Pages hold at most so many rows; 0: as many as asked.
    pub page_rows: u32,
    /// Held back so long, in milliseconds.
    pub slow_ms: u32,
    /// Watermarks in replies are so many rows ahead of the truth, or behind it when negative.
    pub watermark_offset: i64,
}

impl LiveFaults {
    /// What is wrong with the numbers, if anything: the key and what to write.
    pub(crate) fn problem(&self) -> Option<String> {
        let percents = [
            ("drop_percent", self.drop_percent),
            ("corrupt_percent", self.corrupt_percent),
            ("wrong_version_percent", self.wrong_version_percent),
            ("duplicate_percent", self.duplicate_percent),
            ("collide_percent", self.collide_percent),
        ];
        let window = (self.reorder_window > MAX_REORDER_WINDOW)
            .then(|| format!("reorder_window = {}: write 0 to {MAX_REORDER_WINDOW}", self.reorder_window));
        percent_problem(&percents).or(window).or_else(|| {
            delay_problem(&[("delay_ms", self.delay_ms), ("delay_jitter_ms", self.delay_jitter_ms)])
        })
    }
}

impl ReplyFaults {
    /// What is wrong with the numbers, if anything: the key and what to write.
    pub(crate) fn problem(&self) -> Option<String> {
        let percents = [
            ("none_percent", self.none_percent),
            ("error_percent", self.error_percent),
            ("wrong_correlation_percent", self.wrong_correlation_percent),
            ("repeat_page_percent", self.repeat_page_percent),
            ("empty_page_percent", self.empty_page_percent),
        ];
        percent_problem(&percents).or_else(|| delay_problem(&[("slow_ms", self.slow_ms)]))
    }
}

impl FaultPlan {
    /// What is wrong with the numbers, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let live = self.live.problem().map(|problem| format!("live.{problem}"));
        live.or_else(|| self.replies.problem().map(|problem| format!("replies.{problem}")))
    }
}

fn percent_problem(percents: &[(&str, f64)]) -> Option<String> {
    let wrong = percents.iter().find(|(_, percent)| !(0.0..=100.0).contains(percent));
    wrong.map(|(key, percent)| format!("{key} = {percent}: write 0 to 100"))
}

fn delay_problem(delays: &[(&str, u32)]) -> Option<String> {
    let wrong = delays.iter().find(|(_, ms)| *ms > MAX_DELAY_MS);
    wrong.map(|(key, ms)| format!("{key} = {ms}: write 0 to {MAX_DELAY_MS}"))
}
