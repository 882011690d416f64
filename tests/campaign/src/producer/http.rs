//! A producer that posts each batch under an idempotency key until it is answered.

use super::{Pace, Tallied};
use crate::book::Book;
use crate::control::{Control, Mode};
use crate::load::Lane;
use anyhow::Result;
use gapless_tests::{Answer, http_within};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// An answer that takes longer is lost: the service is stopped or gone.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two tries of the same batch, when the answer does not say.
const AGAIN: Duration = Duration::from_millis(50);
/// At most, whatever the answer says: a campaign has no time to be that patient.
const AGAIN_MOST: Duration = Duration::from_millis(500);

pub(crate) struct HttpProducer {
    /// Of the service, without a path.
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) book: Book,
    pub(crate) control: Control,
    pub(crate) tally: Tallied,
    pub(crate) pace: Pace,
    pub(crate) random: fastrand::Rng,
}

impl HttpProducer {
    pub(crate) fn start(mut self) -> Result<JoinHandle<Result<()>>> {
        self.lanes.iter().for_each(|lane| self.book.open(lane));
        Ok(std::thread::Builder::new().name(self.name.clone()).spawn(move || {
            self.run();
            Ok(())
        })?)
    }

    fn run(&mut self) {
        let mut number = 0u64;
        while self.control.mode() != Mode::End {
            let due = Instant::now() + self.pace.every;
            number += 1;
            for lane in self.lanes.clone() {
                let count = self.random.u64(1..=self.pace.most_rows);
                let first = self.book.make(&lane, count);
                self.deliver(&lane, number, first, count);
            }
            self.control.wait(due.saturating_duration_since(Instant::now()));
        }
    }

    fn deliver(&self, lane: &Lane, number: u64, first: u64, count: u64) {
        let url = format!("{}/v1/ingest/{}", self.url, lane.key.topic().replace('.', "/"));
        let key = format!("{}-{}-{number}", self.name, lane.number);
        let headers = [("Content-Type", "application/x-ndjson"), ("Idempotency-Key", key.as_str())];
        let body = lane.ndjson(first, count);
        loop {
            let wait = match http_within(PATIENCE, "POST", &url, &headers, body.as_bytes()) {
                Ok(answer) if answer.status == 200 => {
                    self.acknowledged(lane, first, count, &answer);
                    return;
                }
                Ok(answer) if matches!(answer.status, 429 | 500 | 503 | 507) => {
                    let mut tally = self.tally.lock();
                    tally.refused += 1;
                    tally.no_space += u64::from(answer.status == 507);
                    let said = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
                    said.map_or(AGAIN, Duration::from_secs).min(AGAIN_MOST)
                }
                Ok(answer) => {
                    self.book.problem(lane, format!("batch {number}: {} {}", answer.status, answer.body));
                    return;
                }
                Err(_) => {
                    self.tally.lock().unanswered += 1;
                    AGAIN
                }
            };
            self.tally.lock().resent += 1;
            std::thread::park_timeout(wait);
        }
    }

    fn acknowledged(&self, lane: &Lane, first: u64, count: u64, answer: &Answer) {
        let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let sequence = said.get("first_sequence").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let mut tally = self.tally.lock();
        tally.acknowledged += 1;
        tally.duplicates += u64::from(said.get("duplicate").is_some_and(|d| d == true));
        drop(tally);
        self.book.acknowledge(lane, first, count, sequence);
    }
}
