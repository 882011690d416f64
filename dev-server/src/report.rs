//! What happened, in the end: for people or for programs.

use crate::config::ReportForm;
use crate::view::{StreamView, View};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// What a dev server did from its start to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// The last epoch.
    pub epoch: u64,
    /// Over all streams.
    pub total: Totals,
    /// Each stream, in the order of their topics.
    pub streams: Vec<StreamReport>,
    /// Requests that came.
    pub requests: u64,
    /// Answers that were sent.
    pub answered: u64,
    /// Answers by the fault that they suffered.
    pub reply_faults: BTreeMap<&'static str, u64>,
}

/// Rows by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Rows that were made.
    pub rows: u64,
    /// Rows that went out live at least once, whole.
    pub published: u64,
    /// Rows that did not go out live, or not readably.
    pub withheld: u64,
    /// Rows that were sent in answers.
    pub replayed: u64,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamReport {
    /// Its topic.
    pub topic: String,
    /// What became of its rows.
    #[serde(flatten)]
    pub totals: Totals,
    /// The oldest sequence that is served; 0: none.
    pub earliest: u64,
    /// The newest sequence; 0: none.
    pub latest: u64,
    /// Running digest up to the newest row, 16 hexadecimal digits.
    pub digest: String,
    /// How often each fault struck, by its name.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Report {
    /// The report of a server that shows `view` after it ran for `elapsed`.
    pub fn new(view: &View, elapsed: Duration) -> Report {
        let streams: Vec<StreamReport> = view.streams.iter().map(StreamReport::of).collect();
        let total = streams.iter().fold(Totals::default(), |sum, stream| sum.plus(stream.totals));
        Report {
            scenario: view.scenario.clone(),
            seconds: elapsed.as_secs_f64(),
            epoch: view.epoch,
            total,
            streams,
            requests: view.replies.requests,
            answered: view.replies.answered,
            reply_faults: view.replies.faults.clone(),
        }
    }

    /// The report as text, with a line's end.
    pub fn render(&self, form: ReportForm) -> String {
        match form {
            // Its maps have texts as keys, so it is always valid JSON.
            ReportForm::Json => {
                serde_json::to_string(self).map_or_else(|error| error.to_string(), |text| text + "\n")
            }
            ReportForm::Table => self.table(),
        }
    }

    fn table(&self) -> String {
        let mut text = format!("scenario {}, {:.1} s, epoch {}\n", self.scenario, self.seconds, self.epoch);
        let head = ["stream", "made", "published", "withheld", "replayed", "latest", "faults"];
        let [stream, made, published, withheld, replayed, latest, faults] = head;
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "{stream:<32} {made:>9} {published:>9} {withheld:>9} {replayed:>9} {latest:>9}  {faults}"
        );
        for stream in &self.streams {
            let Totals { rows, published, withheld, replayed } = stream.totals;
            let (topic, latest, faults) = (&stream.topic, stream.latest, list(&stream.faults));
            let _ = writeln!(
                text,
                "{topic:<32} {rows:>9} {published:>9} {withheld:>9} {replayed:>9} {latest:>9}  {faults}"
            );
        }
        let _ = writeln!(
            text,
            "{} requests, {} answers, {}",
            self.requests,
            self.answered,
            list(&self.reply_faults)
        );
        text
    }
}

impl StreamReport {
    fn of(view: &StreamView) -> StreamReport {
        StreamReport {
            topic: view.topic.clone(),
            totals: Totals {
                rows: view.rows,
                published: view.published,
                withheld: view.withheld,
                replayed: view.replayed,
            },
            earliest: view.earliest,
            latest: view.latest,
            digest: view.digest.clone(),
            faults: view.faults.clone(),
        }
    }
}

impl Totals {
    fn plus(self, other: Totals) -> Totals {
        Totals {
            rows: self.rows + other.rows,
            published: self.published + other.published,
            withheld: self.withheld + other.withheld,
            replayed: self.replayed + other.replayed,
        }
    }
}

fn list(faults: &BTreeMap<&'static str, u64>) -> String {
    if faults.is_empty() {
        return "no faults".into();
    }
    let each: Vec<String> = faults.iter().map(|(name, count)| format!("{name} {count}")).collect();
    each.join(", ")
}
