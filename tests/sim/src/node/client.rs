//! An application: a follower of streams, its books, and a store in which rows and cursors change together.

mod books;
mod watch;

pub use books::{Books, SharedBooks};

use super::engine::note_log_event;
use super::{Arrived, Io, Out};
use crate::net::{Desk, Feed, Socket};
use gapless::core::Ledger;
use gapless::{Acknowledge, Event, Gap};
use gapless_follow::core::{Doing, StreamMachine};
use gapless_follow::{Select, StreamBegin, StreamEvent};
use gapless_model::{MonoTime, StreamKey, UnixMillis};
use gapless_protocol::{Begin, Event as Happened, Settings};
use gapless_transport::Frame;
use std::time::Duration;
use watch::Watch;

/// As an application's DuckDB file is committed.
const COMMIT_EVERY: Duration = Duration::from_millis(250);

/// How a client is set up in one world.
#[derive(Debug, Clone)]
pub struct ClientSetup {
    /// Which streams; empty: all.
    pub topics: Vec<StreamKey>,
    /// When its cursor moves.
    pub mode: Acknowledge,
    /// Limits of its coordinators.
    pub follow: Settings,
    /// Requests in flight.
    pub requests: usize,
}

/// The process.
pub struct ClientNode {
    machine: StreamMachine,
    ledger: Ledger,
    mode: Acknowledge,
    watch: Watch,
    /// In the order in which they were found.
    streams: Vec<StreamKey>,
    commit_at: Option<MonoTime>,
}

impl ClientNode {
    /// Resumes from its books.
    pub fn start(setup: &ClientSetup, books: &SharedBooks, seed: u64, io: &mut Io<'_>) -> ClientNode {
        let mut ledger = Ledger::new(Some(Box::new(books.open(io.wall))), setup.mode);
        let cursors = ledger.load().unwrap_or_default();
        ledger.resume(&cursors);
        let begin = move |key: &StreamKey| {
            let cursor = cursors.get(key);
            StreamBegin::Log(cursor.map_or(Begin::Earliest, |cursor| Begin::Cursor {
                epoch: cursor.epoch,
                applied: cursor.applied,
            }))
        };
        let select = match setup.topics.as_slice() {
            [] => Select::Prefixes(vec![String::new()]),
            topics => Select::Topics(topics.to_vec()),
        };
        let machine =
            StreamMachine::new(select, Box::new(begin), setup.follow.clone(), setup.requests, 100, seed);
        let watch = Watch::new(books);
        let mut node =
            ClientNode { machine, ledger, mode: setup.mode, watch, streams: Vec::new(), commit_at: None };
        io.out(Out::Open(Feed::Live));
        io.out(Out::Renew(Socket::Follow));
        node.machine.start(io.now);
        node.work(io);
        node
    }

    /// Something arrived.
    pub fn handle(&mut self, arrived: Arrived, io: &mut Io<'_>) {
        match arrived {
            Arrived::Live(_, frames) => {
                let frames: Vec<Frame> = frames.iter().map(|frame| Frame::from(frame.as_slice())).collect();
                self.machine.handle_live(&frames, io.now);
            }
            Arrived::Link(_, is_up) => self.machine.handle_link(is_up, io.now),
            Arrived::Reply(_, bytes) => self.machine.handle_reply(&bytes, io.now),
            Arrived::Request(..) => {}
        }
        self.work(io);
    }

    /// A timer is due.
    pub fn handle_timeout(&mut self, io: &mut Io<'_>) {
        self.machine.handle_timeout(usize::MAX, io.now);
        self.work(io);
        if self.commit_at.is_some_and(|at| at <= io.now) {
            self.commit_at = None;
            self.commit(io);
        }
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        [self.machine.poll_timeout(), self.commit_at].into_iter().flatten().min()
    }

    /// Rows of a stream that it knows of and does not have, and how many of its gaps are open.
    pub fn lag(&self, key: &StreamKey) -> (u64, usize) {
        let progress = self.machine.progress();
        let at = self.streams.iter().position(|stream| stream == key);
        let lag = at.and_then(|at| progress.get(at)).map_or(0, gapless_follow::Progress::lag);
        (lag, self.watch.open_gaps(key))
    }

    fn work(&mut self, io: &mut Io<'_>) {
        while let Some(doing) = self.machine.poll_output() {
            match doing {
                Doing::Subscribe(topic) => io.out(Out::Subscribe(Feed::Live, topic)),
                Doing::Send { bytes, .. } => io.out(Out::Ask(Socket::Follow, Desk::Rows, bytes)),
                Doing::Renew => io.out(Out::Renew(Socket::Follow)),
                Doing::Tell(event) => self.told(event, io),
            }
        }
    }

    fn told(&mut self, event: StreamEvent, io: &mut Io<'_>) {
        let event = match event {
            StreamEvent::Batch { batch, .. } => Event::Rows(batch),
            StreamEvent::Event { key, event } => {
                note_log_event(&event, io.now, io.me, io.trace);
                happened(key, event, io.wall)
            }
            StreamEvent::Stream { key } => return self.streams.push(key),
            StreamEvent::Progress { .. } => return,
        };
        self.watch.see(&event, io);
        if let Err(error) = self.hand_over(event, io) {
            io.truth.violate("a client's books take every event", || format!("{}: {error}", io.me));
        }
    }

    /// As a subscription does: the event before is done with when the next one is asked for, or said to be.
    fn hand_over(&mut self, event: Event, io: &mut Io<'_>) -> Result<(), gapless::Error> {
        self.ledger.done_with_current()?;
        self.ledger.hand_over(&event)?;
        if self.mode == Acknowledge::Explicit {
            self.ledger.ack(event)?;
        }
        self.commit_at = self.commit_at.or(Some(io.now.after(COMMIT_EVERY)));
        Ok(())
    }

    fn commit(&mut self, io: &mut Io<'_>) {
        // Whoever waits for the next event has done with the one before.
        let done = self.ledger.done_with_current().and_then(|()| self.ledger.commit());
        if let Err(error) = done {
            io.truth.violate("a client's books are written", || format!("{}: {error}", io.me));
        }
        io.note("commits", 0, 0);
        self.watch.check_books(io);
    }
}

fn happened(key: StreamKey, event: Happened, now: UnixMillis) -> Event {
    let gap = |gap: gapless_protocol::Gap| Gap {
        epoch: gap.epoch,
        range: gap.range,
        cause: gap.cause,
        detected: now,
        healed: gap.healed.map(|_| now),
    };
    match event {
        Happened::GapOpened(found) => Event::GapOpened { key, gap: gap(found) },
        Happened::GapHealed(found) => Event::GapHealed { key, gap: gap(found) },
        Happened::GapVoid(found) => Event::GapVoid { key, gap: gap(found) },
        Happened::Truncated { epoch, range, reason } => Event::Truncated { key, epoch, range, reason },
        Happened::Rewind { from, to, keep } => Event::Rewind { key, from, to, keep },
        Happened::Reset { from, to } => Event::Reset { key, from, to },
        Happened::CaughtUp { at } => Event::CaughtUp { key, at },
        Happened::Health(health) => Event::Health { key, health },
    }
}
