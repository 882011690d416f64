//! Processes begin and end.

use super::{Coming, Place, Process, World, traffic::Rate};
use crate::disk::SimDisk;
use crate::net::{Feed, NodeId};
use crate::node::{
    Arrived, BackfillNode, ClientNode, EngineNode, IngestionNode, Io, ProducerNode, WriterNode, folder,
};
use crate::truth::Ending;
use gapless_model::MonoTime;
use std::time::Duration;

/// How soon a process is started again that could not be, or that gave up.
const AGAIN_MS: u32 = 700;

impl World {
    /// Every machine, its process about to begin.
    pub(super) fn furnish(&mut self) {
        let clients = (0..self.plan.setup.clients.len() as u8).map(NodeId::Client);
        let producers = (0..self.plan.setup.producers.len() as u8).map(NodeId::Producer);
        let services = [NodeId::Ingestion, NodeId::Engine, NodeId::Backfill];
        let writer = self.plan.setup.writer.as_ref().map(|_| NodeId::Writer);
        let nodes: Vec<NodeId> = services.into_iter().chain(clients).chain(producers).chain(writer).collect();
        for node in nodes {
            let start_at = Some(MonoTime(self.dice.u64(0..400_000_000)));
            let place = Place {
                process: None,
                run: 0,
                disk: SimDisk::new(),
                boot: 0,
                ending: Ending::Closed,
                back_ms: 0,
                start_at,
                paused_until: MonoTime(0),
                wall_offset_ms: 0,
                due: None,
                spins: 0,
                rate: Rate::default(),
            };
            self.places.insert(node, place);
        }
    }

    /// A process begins on its machine.
    pub(super) fn start(&mut self, node: NodeId) {
        let seed = self.dice.u64(..);
        let checkpoints = self.places.get(&NodeId::Writer).map(|place| place.disk.clone());
        let Some(place) = self.places.get_mut(&node) else { return };
        place.start_at = None;
        place.run += 1;
        let (disk, boot, ending) = (place.disk.clone(), place.boot, place.ending);
        let mut io = Io {
            me: node,
            now: self.now,
            wall: place.wall(self.now),
            outs: Vec::new(),
            progress: 0,
            truth: &mut self.truth,
            trace: &mut self.trace,
        };
        io.note("begins", u64::from(place.run), 0);
        let setup = &self.plan.setup;
        let process = match node {
            NodeId::Ingestion => IngestionNode::open(&setup.ingestion, disk, boot, ending, &mut io)
                .map(|node| Process::Ingestion(Box::new(node))),
            NodeId::Engine => EngineNode::start(&setup.engine, checkpoints, seed, &mut io)
                .map(|node| Process::Engine(Box::new(node))),
            NodeId::Backfill => {
                let node = BackfillNode::start(&setup.backfill, &self.archive, disk, seed, &mut io);
                Ok(Process::Backfill(Box::new(node)))
            }
            NodeId::Client(n) => {
                let n = usize::from(n);
                let node = ClientNode::start(&setup.clients[n], &self.books[n], seed, &mut io);
                Ok(Process::Client(Box::new(node)))
            }
            NodeId::Producer(n) => {
                let (care, keys) = &setup.producers[usize::from(n)];
                Ok(Process::Producer(Box::new(ProducerNode::new(n, *care, keys))))
            }
            NodeId::Writer => match &setup.writer {
                Some(setup) => {
                    WriterNode::start(setup, disk, seed, &mut io).map(|node| Process::Writer(Box::new(node)))
                }
                None => Err("there is no such node".to_owned()),
            },
        };
        let outs = io.outs;
        if place.disk.is_ended() {
            return self.bury(node);
        }
        match process {
            Ok(process) => {
                place.due = process.poll_timeout();
                place.process = Some(process);
                place.ending = Ending::Killed;
                self.dispatch(node, outs);
                self.welcome(node);
            }
            Err(reason) => self.cannot_start(node, reason),
        }
    }

    /// Subscribers find a publisher that is there (again).
    fn welcome(&mut self, node: NodeId) {
        for feed in [Feed::Journal, Feed::Live].into_iter().filter(|feed| feed.publisher() == node) {
            for subscriber in self.feeds.subscribers(feed) {
                self.connect_soon(feed, subscriber);
            }
        }
    }

    pub(super) fn connect_soon(&mut self, feed: Feed, subscriber: NodeId) {
        let at = self.now.after(Duration::from_millis(self.dice.u64(1..150)));
        let link = self.links.get(&(feed, subscriber)).copied().unwrap_or(0);
        self.later(at, Coming::Connect { feed, subscriber, link });
    }

    /// The journal does not open: a person looks, and begins a new one if it is damaged.
    fn cannot_start(&mut self, node: NodeId, reason: String) {
        self.trace.event(self.now, Some(node), "cannot begin", 0, 0);
        self.trace.say(self.now, || format!("{node:<12} {reason}"));
        let again = self.after_ms(AGAIN_MS);
        let is_damaged = self.truth.is_badly_damaged();
        let is_full = reason.contains("no space") || reason.contains("cannot write its cache");
        self.truth.require(is_damaged || is_full, "a service begins again", || format!("{node}: {reason}"));
        let Some(place) = self.places.get_mut(&node) else { return };
        place.start_at = Some(again);
        if is_damaged && !is_full {
            place.disk.remove_all(&folder());
            place.ending = Ending::Removed;
            self.trace.event(self.now, Some(node), "has its journal moved away", 0, 0);
        }
    }

    /// A process ends from outside, and comes back later.
    pub(super) fn end(&mut self, node: NodeId, ending: Ending, back_ms: u32) {
        let Some(place) = self.places.get_mut(&node) else { return };
        (place.ending, place.back_ms) = (worse(place, ending), back_ms);
        drop(place.process.take());
        self.bury(node);
    }

    /// What is left of a process that has ended, as `ending` says.
    pub(super) fn bury(&mut self, node: NodeId) {
        let Some(place) = self.places.get_mut(&node) else { return };
        drop(place.process.take());
        match place.ending {
            Ending::PowerLost => {
                place.boot += 1;
                place.disk.lose_power(&mut self.dice);
            }
            Ending::Removed => {
                place.disk.kill();
                place.disk.remove_all(&folder());
            }
            Ending::Killed | Ending::Closed => place.disk.kill(),
        }
        if node == NodeId::Writer {
            self.truth.checkpoints_are_there(&place.disk);
        }
        place.due = None;
        place.paused_until = MonoTime(0);
        let back_ms = place.back_ms.max(1);
        let what = match place.ending {
            Ending::Closed | Ending::Killed => "is killed",
            Ending::PowerLost => "loses power",
            Ending::Removed => "is killed and its journal deleted",
        };
        place.start_at = Some(self.now.after(Duration::from_millis(back_ms.into())));
        self.trace.event(self.now, Some(node), what, 0, 0);
        self.hang_up(node);
    }

    /// Connections of a process that is gone break.
    fn hang_up(&mut self, node: NodeId) {
        for feed in [Feed::Journal, Feed::Live] {
            if feed.publisher() == node {
                for subscriber in self.feeds.subscribers(feed) {
                    self.break_link(feed, subscriber);
                }
            } else {
                self.feeds.close(feed, node);
                *self.links.entry((feed, node)).or_default() += 1;
            }
        }
    }

    /// A subscriber loses its connection, and notices.
    pub(super) fn break_link(&mut self, feed: Feed, subscriber: NodeId) {
        self.feeds.disconnect(feed, subscriber);
        let link = self.links.entry((feed, subscriber)).or_default();
        *link += 1;
        let run = self.places.get(&subscriber).map(|place| place.run);
        let at = self.now.after(Duration::from_millis(2));
        let arrived = Arrived::Link(feed, false);
        self.later(at, Coming::Arrive { to: subscriber, run, arrived, link: None });
    }
}

/// A machine without power that is killed as well has still lost its power.
fn worse(place: &Place, ending: Ending) -> Ending {
    let was_down = place.process.is_none() && place.run > 0;
    match (was_down, place.ending, ending) {
        (true, Ending::PowerLost, Ending::Killed) => Ending::PowerLost,
        (true, Ending::Removed, _) => Ending::Removed,
        _ => ending,
    }
}
