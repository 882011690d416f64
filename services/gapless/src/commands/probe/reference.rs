//! The client of this program against one scenario.

use super::verdict::Verdict;
use anyhow::{Context, Result};
use gapless::{Client, Digest, Endpoints, Event, From, Rows, Seq, SeqRange, Subscription};
use gapless_dev_server::{Command, Config, DevServer, Expectation, Judge, Order, Scenario, View};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a client may take after the faults have ended: three of its longest pauses between requests.
const BOUND: Duration = Duration::from_secs(30);
/// How often it is looked whether everything is there.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs the scenario to its end, heals it, and judges.
pub(super) fn run(config: &Config) -> Result<Verdict> {
    let scenario = Scenario::find(&config.scenario)?;
    let server = DevServer::start(config).with_context(|| format!("scenario {}", config.scenario))?;
    let mut follower = Follower::start(&server, &scenario)?;
    let end = Instant::now() + scenario.duration.0;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        follower.follow(left.min(LOOK_EVERY))?;
    }
    let order = |command| server.send(Order { stream: None, command });
    order(Command::Stop)?;
    order(Command::Heal)?;
    let healed = Instant::now();
    let mut view = server.view()?;
    while !view.is_reached_by(&follower.judge) && healed.elapsed() < BOUND {
        follower.follow(LOOK_EVERY)?;
        view = server.view()?;
    }
    let took = healed.elapsed();
    // What comes after it was whole would be too much.
    follower.follow(LOOK_EVERY)?;
    let findings = follower.judge.judge(&server.recorder()?, &trimmed(&view));
    let mut verdict = Verdict::of(&config.scenario, findings, Some(&scenario.expect), true);
    if !view.is_reached_by(&follower.judge) {
        verdict = verdict.late(took);
    }
    verdict.gapless_after_s = Some(took.as_secs_f64());
    verdict.replayed = Some(view.streams.iter().map(|stream| stream.replayed).sum());
    verdict.needed = Some(follower.needed);
    verdict.duplicates_removed = Some(follower.subscription.status().iter().map(|one| one.duplicates).sum());
    Ok(verdict)
}

/// What nobody can get any more, of each stream.
pub(super) fn trimmed(view: &View) -> BTreeMap<String, SeqRange> {
    let of = |stream: &gapless_dev_server::StreamView| {
        (stream.topic.clone(), SeqRange::new(Seq::FIRST, Seq(stream.earliest.max(1))))
    };
    view.streams.iter().map(of).collect()
}

/// A subscription whose every event goes to the judge.
struct Follower {
    subscription: Subscription,
    judge: Judge,
    /// Rows that came as the answer to a gap.
    needed: u64,
}

impl Follower {
    fn start(server: &DevServer, scenario: &Scenario) -> Result<Follower> {
        let at = server.endpoints();
        let endpoints = Endpoints {
            live: at.live.clone(),
            backfill: at.requests.clone(),
            state: at.requests.clone(),
            ..Endpoints::default()
        };
        let builder = Client::new(endpoints).subscribe().from(From::Start);
        // Version 1 has no directory, so a prefix finds nothing there.
        let builder = match scenario.version {
            1 => builder.streams(server.view()?.streams.iter().map(|stream| stream.topic.clone())),
            _ => builder.prefix(""),
        };
        Ok(Follower { subscription: builder.start()?, judge: Judge::new(), needed: 0 })
    }

    /// Hands everything to the judge that comes within `time`.
    fn follow(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match self.subscription.next_timeout(left)? {
                Some(event) => self.hear(event),
                None => break,
            }
        }
        Ok(())
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Rows(batch) => {
                let topic = batch.key.topic();
                for (seq, digest) in rows(batch.start, &batch.rows) {
                    self.judge.row(&topic, seq, digest);
                }
            }
            Event::GapOpened { gap, .. } => self.needed += gap.range.len(),
            Event::Truncated { key, range, .. } => self.judge.truncated(&key.topic(), range),
            Event::Rewind { key, .. } => self.judge.void(&key.topic(), Expectation::Rewind),
            Event::Reset { key, .. } => self.judge.void(&key.topic(), Expectation::Reset),
            Event::GapHealed { .. }
            | Event::GapVoid { .. }
            | Event::State(_)
            | Event::Health { .. }
            | Event::CaughtUp { .. } => {}
        }
    }
}

/// Sequence and digest of each row.
pub(super) fn rows(start: Seq, rows: &Rows) -> impl Iterator<Item = (Seq, Digest)> + '_ {
    (0..rows.len()).zip(start.0..).map(|(row, seq)| {
        let one = rows.clone().slice(row, row + 1);
        (Seq(seq), Digest::of(Seq(seq), &one))
    })
}
