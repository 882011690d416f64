//! The whole server as a pure machine: orders, requests and time come in, messages go out.
//!
//! Rows are made on each stream's tick and kept; what leaves is decided by the stream's plan and waits in one
//! queue by the time at which it leaves. So a delay, a stall and another order are the same thing: another
//! time. A peer is whatever the shell needs to send an answer back.

mod connections;
mod feed;
mod orders;
mod requests;

use crate::faults::FaultPlan;
use crate::history::History;
use crate::order::OrderError;
use crate::recorder::Recorder;
use crate::scenario::{MAX_STREAMS, Scenario, StreamSetup, TimedOrder};
use crate::source::{Recording, Source};
use crate::stream::{Departure, Stream};
use crate::view::{ReplyCounts, View};
use connections::Connections;
use feed::Heartbeats;
use gapless_model::{Epoch, MonoTime, StreamKey, UnixMillis};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What the shell is to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output<P> {
    /// Send on the live feed, if it is open.
    Publish {
        /// The first frame.
        topic: String,
        /// The second.
        envelope: Vec<u8>,
    },
    /// Answer a request.
    Reply {
        /// Who asked.
        to: P,
        /// The envelope.
        envelope: Vec<u8>,
    },
    /// Break all connections and take none.
    Close,
    /// Take connections again, at the same addresses.
    Open,
}

/// The time, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) mono: MonoTime,
    pub(crate) wall: UnixMillis,
}

/// The server without its sockets.
#[derive(Debug)]
pub struct Upstream<P> {
    scenario: Scenario,
    began: MonoTime,
    /// The plan of streams without one of their own, and of requests about no stream.
    plan: FaultPlan,
    /// How streams are set up that are added by their symbols alone.
    setup: StreamSetup,
    recordings: BTreeMap<StreamKey, Recording>,
    streams: BTreeMap<String, Stream>,
    epoch: Epoch,
    heartbeats: Heartbeats,
    connections: Connections,
    timeline: VecDeque<TimedOrder>,
    departures: BTreeMap<(MonoTime, u64), Departure>,
    answers: BTreeMap<(MonoTime, u64), (P, Vec<u8>)>,
    queued: u64,
    counts: ReplyCounts,
    recorder: Option<Recorder>,
    outputs: VecDeque<Output<P>>,
}

/// Batches that one stream makes up for at once when the server was not scheduled for a while.
const MAX_CATCH_UP: u32 = 100;

impl<P> Upstream<P> {
    /// The server of `scenario` at `now`. `recordings`: the rows of the streams that are not made up; with any,
    /// the scenario's streams are these. With `records` every row is remembered for a judge.
    ///
    /// # Errors
    /// [`OrderError`] when the scenario's streams cannot be set up.
    pub fn new(
        scenario: Scenario,
        recordings: BTreeMap<StreamKey, Recording>,
        records: bool,
        now: MonoTime,
        wall: UnixMillis,
    ) -> Result<Upstream<P>, OrderError> {
        let at = Now { mono: now, wall };
        let mut upstream = Upstream {
            began: now,
            plan: scenario.faults.clone(),
            setup: scenario.streams.first().cloned().unwrap_or_default(),
            recordings,
            streams: BTreeMap::new(),
            epoch: Epoch(u64::try_from(wall.0).unwrap_or(1).max(1)),
            heartbeats: Heartbeats::new(now),
            connections: Connections::default(),
            timeline: scenario.at.iter().cloned().collect(),
            departures: BTreeMap::new(),
            answers: BTreeMap::new(),
            queued: 0,
            counts: ReplyCounts::default(),
            recorder: records.then(Recorder::default),
            outputs: VecDeque::new(),
            scenario,
        };
        if upstream.recordings.is_empty() {
            for setup in upstream.scenario.streams.clone() {
                upstream.add(&setup, at)?;
            }
        } else {
            let setup = upstream.setup.clone();
            for key in upstream.recordings.keys().cloned().collect::<Vec<_>>() {
                upstream.open_stream(key, &setup, at)?;
            }
        }
        Ok(upstream)
    }

    /// Everything whose time has come.
    pub fn handle_timeout(&mut self, now: MonoTime, wall: UnixMillis) {
        let now = Now { mono: now, wall };
        self.carry_out_timeline(now);
        self.reopen(now);
        self.make_rows(now);
        // Watermarks last: they speak of rows that are on their way.
        self.send_due(now);
        self.tell_watermarks(now);
    }

    /// What is to be done now, if anything. Poll until `None`.
    pub fn poll_output(&mut self) -> Option<Output<P>> {
        self.outputs.pop_front()
    }

    /// When [`Upstream::handle_timeout`] wants to be called, and why.
    pub fn poll_timeout(&self) -> Option<(MonoTime, &'static str)> {
        // What cannot be done while connections are closed is not waited for, or the loop would not rest.
        let ticks =
            self.streams.values().filter_map(Stream::due).min().filter(|_| !self.connections.is_down());
        let heartbeat = self.heartbeats.poll_timeout().filter(|_| self.tells_watermarks());
        let candidates = [
            (ticks, "a batch is due"),
            (self.departures.keys().next().map(|(at, _)| *at), "a batch leaves"),
            (self.answers.keys().next().map(|(at, _)| *at), "an answer leaves"),
            (self.timeline.front().map(|timed| self.began.after(timed.after.0)), "an order is due"),
            (self.connections.reopens(), "connections are taken again"),
            (heartbeat, "a watermark is owed"),
        ];
        let due = candidates.into_iter().filter_map(|(at, why)| at.map(|at| (at, why)));
        due.min_by_key(|(at, _)| *at)
    }

    /// What it shows of itself.
    pub fn view(&self, now: MonoTime) -> View {
        View {
            scenario: self.scenario.name.clone(),
            title: self.scenario.title.clone(),
            client: self.scenario.client.clone(),
            uptime_ms: now.since(self.began).as_millis() as u64,
            epoch: self.epoch.0,
            open: self.connections.is_open(),
            streams: self.streams.values().map(Stream::view).collect(),
            replies: ReplyCounts { open: self.answers.len() as u64, ..self.counts.clone() },
        }
    }

    /// Every row that was ever made, if they are remembered.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// The scenario with the streams and plans of this moment, to be saved; without its timeline, which is over.
    pub fn as_scenario(&self) -> Scenario {
        let setups = self.streams.values().map(|stream| StreamSetup {
            kind: stream.key.kind().name().into(),
            source_id: stream.key.source_id().into(),
            symbols: vec![stream.key.symbol().into()],
            interval: stream.key.interval().into(),
            tick_ms: stream.rate.tick_ms,
            batch_rows: stream.rate.batch_rows,
            jitter_percent: stream.rate.jitter_percent,
            live: (stream.live != self.plan.live).then(|| stream.live.clone()),
            replies: (stream.replies != self.plan.replies).then(|| stream.replies.clone()),
        });
        Scenario {
            streams: setups.collect(),
            faults: self.plan.clone(),
            at: Vec::new(),
            ..self.scenario.clone()
        }
    }

    fn add(&mut self, setup: &StreamSetup, now: Now) -> Result<(), OrderError> {
        for key in setup.keys().map_err(OrderError::Refused)? {
            self.open_stream(key, setup, now)?;
        }
        Ok(())
    }

    fn open_stream(&mut self, key: StreamKey, setup: &StreamSetup, now: Now) -> Result<(), OrderError> {
        let topic = key.topic();
        if self.streams.contains_key(&topic) {
            return Ok(());
        }
        if self.streams.len() >= MAX_STREAMS {
            return Err(OrderError::Refused(format!("{topic}: at most {MAX_STREAMS} streams")));
        }
        let seed = self.scenario.seed;
        let source = match self.recordings.get(&key) {
            Some(recording) => Source::recorded(recording.clone()),
            None => Source::generated(&key, seed, now.wall),
        };
        let history = History::new(key.clone(), self.scenario.keep_rows, self.epoch);
        let stream = Stream::new(key, setup, &self.plan, source, history, seed, now.mono);
        self.heartbeats.register(&topic, now.mono);
        self.streams.insert(topic, stream);
        Ok(())
    }

    /// A number that orders what leaves at the same time.
    fn ticket(&mut self) -> u64 {
        self.queued += 1;
        self.queued
    }
}

impl Now {
    fn after_ms(self, ms: u32) -> MonoTime {
        self.mono.after(Duration::from_millis(ms.into()))
    }
}

#[cfg(test)]
mod tests;
