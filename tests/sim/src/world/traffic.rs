//! What processes do to the outside, and what reaches them.

use super::{Coming, Process, World};
use crate::net::{Desk, Feed, NodeId, Peer, Socket};
use crate::node::{Arrived, Out};
use crate::truth::Ending;
use gapless_model::MonoTime;
use gapless_wire::{Limits, Message, decode};
use std::rc::Rc;
use std::time::Duration;

/// Questions a second without any progress, beyond which it is a storm.
const STORM: u64 = 60;
/// Questions a second for each row or record that they brought.
const PER_PROGRESS: u64 = 3;

/// How often a process asks.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    second: u64,
    asked: u64,
    /// Rows and records that came to it.
    pub(super) progress: u64,
}

impl World {
    pub(super) fn dispatch(&mut self, node: NodeId, outs: Vec<Out>) {
        for out in outs {
            match out {
                Out::Publish(feed, frames) => self.publish(feed, frames),
                Out::Open(feed) => self.open(feed, node),
                Out::Subscribe(feed, topic) => self.feeds.subscribe(feed, node, topic),
                Out::Ask(socket, desk, bytes) => self.ask(node, socket, desk, bytes),
                Out::Renew(socket) => self.desks.renew(node, socket),
                Out::Answer(desk, peer, bytes) => self.answer(desk, peer, bytes),
                Out::Exit => return self.end(node, Ending::Killed, 500),
            }
        }
    }

    fn publish(&mut self, feed: Feed, frames: Vec<Vec<u8>>) {
        let frames = Rc::new(frames);
        let Some(topic) = frames.first() else { return };
        for subscriber in self.feeds.subscribers(feed) {
            let to = (feed, subscriber);
            let sent = self.feeds.send(to, topic, self.now, &self.partitions, &mut self.dice);
            match sent {
                Some(crate::net::Sent::Arrives(at, again)) => {
                    for at in std::iter::once(at).chain(again) {
                        self.carry(at, subscriber, Arrived::Live(feed, Rc::clone(&frames)), Some(feed));
                    }
                }
                Some(crate::net::Sent::Lost(what)) => {
                    self.trace.event(self.now, Some(subscriber), what, 0, 0);
                }
                None => {}
            }
        }
    }

    fn open(&mut self, feed: Feed, node: NodeId) {
        *self.links.entry((feed, node)).or_default() += 1;
        self.feeds.open(feed, node, self.plan.setup.feed_limit);
        self.connect_soon(feed, node);
    }

    fn ask(&mut self, node: NodeId, socket: Socket, desk: Desk, bytes: Vec<u8>) {
        self.count_question(node);
        self.trace
            .say(self.now, || format!("{:<12}   asks {desk:?}: {}", node.to_string(), in_words(&bytes)));
        let run = self.places.get(&node).map_or(0, |place| place.run);
        let connection = self.desks.connection(node, socket);
        let peer = Peer { node, run, socket, connection };
        let (copies, what) =
            self.desks.request((node, desk), bytes, self.now, &self.partitions, &mut self.dice);
        if let Some(what) = what {
            self.trace.event(self.now, Some(node), what, 0, 0);
        }
        for (at, bytes) in copies {
            let arrived = Arrived::Request(desk, peer, bytes);
            self.later(at, Coming::Arrive { to: desk.server(), run: None, arrived, link: None });
        }
    }

    fn answer(&mut self, desk: Desk, peer: Peer, bytes: Vec<u8>) {
        let to = (peer.node, desk);
        self.trace.say(self.now, || {
            format!("{:<12}   answers {}: {}", desk.server().to_string(), peer.node, in_words(&bytes))
        });
        let (copies, what) = self.desks.reply(to, bytes, self.now, &self.partitions, &mut self.dice);
        if let Some(what) = what {
            self.trace.event(self.now, Some(peer.node), what, 0, 0);
        }
        for (at, bytes) in copies {
            let arrived = Arrived::Reply(peer.socket, bytes);
            let coming =
                Coming::Arrive { to: peer.node, run: Some(peer.run), arrived, link: Some(peer.connection) };
            self.later(at, coming);
        }
    }

    /// Something travels to the process that is there now.
    fn carry(&mut self, at: MonoTime, to: NodeId, arrived: Arrived, feed: Option<Feed>) {
        let run = self.places.get(&to).map(|place| place.run);
        let link = feed.and_then(|feed| self.links.get(&(feed, to)).copied());
        self.later(at, Coming::Arrive { to, run, arrived, link });
    }

    pub(super) fn come(&mut self, coming: Coming) {
        match coming {
            Coming::Arrive { to, run, arrived, link } => self.arrive(to, run, arrived, link),
            Coming::Connect { feed, subscriber, link } => self.connect(feed, subscriber, link),
            Coming::Room { node } => {
                if let Some(place) = self.places.get(&node) {
                    place.disk.set_room(None);
                }
            }
        }
    }

    fn arrive(&mut self, to: NodeId, run: Option<u32>, arrived: Arrived, link: Option<u32>) {
        let Some(place) = self.places.get(&to) else { return };
        let is_stale = match &arrived {
            Arrived::Live(feed, _) => self.links.get(&(*feed, to)).copied() != link,
            Arrived::Reply(socket, _) => Some(self.desks.connection(to, *socket)) != link,
            Arrived::Link(..) | Arrived::Request(..) => false,
        };
        if place.process.is_none() || run.is_some_and(|run| run != place.run) || is_stale {
            return;
        }
        if place.paused_until > self.now {
            let at = place.paused_until;
            return self.later(at, Coming::Arrive { to, run, arrived, link });
        }
        if let Arrived::Live(feed, _) = &arrived {
            self.feeds.arrived(*feed, to);
            let are_bounded = self.feeds.are_bounded();
            self.truth.require(are_bounded, "queues are bounded", || format!("{feed:?} to {to}"));
        }
        self.step(to, |process: &mut Process, io| process.handle(arrived, io));
    }

    fn connect(&mut self, feed: Feed, subscriber: NodeId, link: u32) {
        let is_there = |node: NodeId| self.places.get(&node).is_some_and(|place| place.process.is_some());
        let both = is_there(feed.publisher()) && is_there(subscriber);
        if self.links.get(&(feed, subscriber)).copied() != Some(link) || !both {
            return;
        }
        let blocked = self.partitions.blocked_until(feed.publisher(), subscriber, self.now);
        if let Some(until) = blocked {
            let at = until.after(Duration::from_millis(self.dice.u64(1..100)));
            return self.later(at, Coming::Connect { feed, subscriber, link });
        }
        if self.feeds.connect(feed, subscriber, self.now) {
            self.carry(self.now, subscriber, Arrived::Link(feed, true), None);
        }
    }

    fn count_question(&mut self, node: NodeId) {
        let second = self.now.0 / 1_000_000_000;
        let Some(place) = self.places.get_mut(&node) else { return };
        let rate = &mut place.rate;
        if rate.second != second {
            *rate = Rate { second, ..Rate::default() };
        }
        rate.asked += 1;
        let (asked, progress) = (rate.asked, rate.progress);
        self.truth.require(asked <= STORM + PER_PROGRESS * progress, "nobody asks in a storm", || {
            format!("{node} asked {asked} times in a second for {progress} rows")
        });
    }
}

/// A message for the log: without the bytes of batches.
fn in_words(bytes: &[u8]) -> String {
    match decode(bytes, &Limits::reply()).map(|envelope| envelope.message) {
        Ok(Message::BackfillResponse(mut response)) => {
            response.batches.clear();
            format!("{response:?}")
        }
        Ok(Message::JournalReadResponse(mut response)) => {
            let records = response.records.len();
            response.records.clear();
            format!("{records} records, {response:?}")
        }
        Ok(Message::CheckpointResponse(mut response)) => {
            response.bytes.clear();
            format!("{response:?}")
        }
        Ok(Message::IngestBatch(mut batch)) => {
            batch.batch.clear();
            format!("{batch:?}")
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}
