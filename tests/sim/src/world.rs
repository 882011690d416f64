//! The world: clock, network, machines, and the loop that moves it from one event to the next.

mod faults;
mod heal;
mod judge;
mod life;
mod traffic;

pub use heal::BOUND;

use crate::disk::SimDisk;
use crate::net::{Desks, Feed, Feeds, NodeId, Partitions};
use crate::node::{
    Archive, Arrived, BackfillNode, ClientNode, EngineNode, IngestionNode, Io, ProducerNode, SharedBooks,
    WriterNode,
};
use crate::schedule::{Plan, Step};
use crate::trace::Trace;
use crate::truth::{Ending, Truth, Violation};
use gapless_model::{MonoTime, UnixMillis};
use std::collections::BTreeMap;
use std::time::Duration;
use traffic::Rate;

/// When the world begins, on every wall clock.
const BEGINNING: UnixMillis = UnixMillis(1_700_000_000_000);
/// Timers of one process at one moment, beyond which it is spinning.
const MAX_SPIN: u32 = 10_000;

/// A process.
pub(crate) enum Process {
    Ingestion(Box<IngestionNode>),
    Engine(Box<EngineNode>),
    Backfill(Box<BackfillNode>),
    Client(Box<ClientNode>),
    Producer(Box<ProducerNode>),
    Writer(Box<WriterNode>),
}

impl Process {
    fn handle(&mut self, arrived: Arrived, io: &mut Io<'_>) {
        match self {
            Process::Ingestion(node) => node.handle(arrived, io),
            Process::Engine(node) => node.handle(arrived, io),
            Process::Backfill(node) => node.handle(arrived, io),
            Process::Client(node) => node.handle(arrived, io),
            Process::Producer(node) => node.handle(arrived, io),
            Process::Writer(node) => node.handle(arrived, io),
        }
    }

    fn handle_timeout(&mut self, io: &mut Io<'_>) {
        match self {
            Process::Ingestion(node) => node.handle_timeout(io),
            Process::Engine(node) => node.handle_timeout(io),
            Process::Backfill(node) => node.handle_timeout(io),
            Process::Client(node) => node.handle_timeout(io),
            Process::Producer(node) => node.handle_timeout(io),
            Process::Writer(node) => node.handle_timeout(io),
        }
    }

    fn poll_timeout(&self) -> Option<MonoTime> {
        match self {
            Process::Ingestion(node) => node.poll_timeout(),
            Process::Engine(node) => node.poll_timeout(),
            Process::Backfill(node) => node.poll_timeout(),
            Process::Client(node) => node.poll_timeout(),
            Process::Producer(node) => node.poll_timeout(),
            Process::Writer(node) => node.poll_timeout(),
        }
    }
}

/// A machine with its disk and its clock, and the process on it.
pub(crate) struct Place {
    process: Option<Process>,
    run: u32,
    disk: SimDisk,
    /// How often the machine was started.
    boot: u32,
    /// How the last process ended, or is going to when its disk says so.
    ending: Ending,
    back_ms: u32,
    start_at: Option<MonoTime>,
    paused_until: MonoTime,
    wall_offset_ms: i64,
    due: Option<MonoTime>,
    spins: u32,
    rate: Rate,
}

/// Something that is going to happen.
pub(crate) enum Coming {
    /// A message reaches a process; `run`: that one and no later.
    Arrive { to: NodeId, run: Option<u32>, arrived: Arrived, link: Option<u32> },
    /// A subscriber's connection stands.
    Connect { feed: Feed, subscriber: NodeId, link: u32 },
    /// A disk has room again.
    Room { node: NodeId },
}

/// Everything.
pub struct World {
    plan: Plan,
    now: MonoTime,
    dice: fastrand::Rng,
    places: BTreeMap<NodeId, Place>,
    archive: Archive,
    books: Vec<SharedBooks>,
    feeds: Feeds,
    /// Counts the connections of each subscriber, so that messages of a broken one are told apart.
    links: BTreeMap<(Feed, NodeId), u32>,
    desks: Desks,
    partitions: Partitions,
    coming: BTreeMap<(MonoTime, u64), Coming>,
    last_coming: u64,
    /// The reference model.
    pub truth: Truth,
    /// What happened.
    pub trace: Trace,
}

impl World {
    /// A world before its first event.
    pub fn new(plan: Plan, log: bool) -> World {
        let dice = fastrand::Rng::with_seed(!plan.seed);
        let books = plan.setup.clients.iter().map(|_| SharedBooks::default()).collect();
        let archive = Archive::default();
        let mut world = World {
            now: MonoTime(0),
            dice,
            places: BTreeMap::new(),
            truth: Truth::new(archive.clone()),
            archive,
            books,
            feeds: Feeds::default(),
            links: BTreeMap::new(),
            desks: Desks::default(),
            partitions: Partitions::default(),
            coming: BTreeMap::new(),
            last_coming: 0,
            trace: Trace::new(log),
            plan,
        };
        world.furnish();
        world
    }

    /// Runs the whole plan, heals, and demands that everything catches up.
    ///
    /// # Errors
    /// The first rule that was broken.
    pub fn run(&mut self) -> Result<(), Violation> {
        let steps = std::mem::take(&mut self.plan.steps);
        for step in &steps {
            self.run_until(at(step));
            self.check()?;
            self.trace.event(self.now, None, step.action.name(), 0, 0);
            self.trace.say(self.now, || format!("world          {:?}", step.action));
            self.perform(step.action);
            self.check()?;
        }
        self.heal();
        self.catch_up()?;
        self.judge();
        self.check()
    }

    /// How much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        self.now.since(MonoTime(0))
    }

    fn check(&mut self) -> Result<(), Violation> {
        self.truth.violation().cloned().map_or(Ok(()), Err)
    }

    /// Event by event, up to `end`, or up to the first broken rule.
    fn run_until(&mut self, end: MonoTime) {
        while self.truth.violation().is_none() {
            let Some(next) = self.next_time().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.turn();
        }
        self.now = self.now.max(end);
    }

    fn next_time(&self) -> Option<MonoTime> {
        let coming = self.coming.keys().next().map(|(at, _)| *at);
        let places = self.places.values().filter_map(Place::next);
        coming.into_iter().chain(places).min()
    }

    /// One event: a process begins, a message arrives, or a timer is due.
    fn turn(&mut self) {
        let starting = self.places.iter().find(|(_, place)| place.start_at.is_some_and(|at| at <= self.now));
        if let Some(node) = starting.map(|(node, _)| *node) {
            return self.start(node);
        }
        if let Some(entry) = self.coming.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let coming = entry.remove();
            return self.come(coming);
        }
        let due = self.places.iter().find(|(_, place)| place.next().is_some_and(|at| at <= self.now));
        if let Some(node) = due.map(|(node, _)| *node) {
            self.spin(node);
            self.step(node, Process::handle_timeout);
        }
    }

    fn spin(&mut self, node: NodeId) {
        let now = self.now;
        let Some(place) = self.places.get_mut(&node) else { return };
        place.spins = if place.due == Some(now) { place.spins + 1 } else { 0 };
        let spins = place.spins;
        self.truth.require(spins < MAX_SPIN, "a deadline moves", || format!("{node} spins at {}", now.0));
    }

    /// One step of one process, and everything that it did.
    fn step(&mut self, node: NodeId, work: impl FnOnce(&mut Process, &mut Io<'_>)) {
        let Some(place) = self.places.get_mut(&node) else { return };
        let Some(mut process) = place.process.take() else { return };
        let wall = place.wall(self.now);
        let mut io = Io {
            me: node,
            now: self.now,
            wall,
            outs: Vec::new(),
            progress: 0,
            truth: &mut self.truth,
            trace: &mut self.trace,
        };
        work(&mut process, &mut io);
        let (outs, progress) = (io.outs, io.progress);
        if place.disk.is_ended() {
            // It ended inside a write: nothing of this step was heard outside.
            drop(process);
            return self.bury(node);
        }
        place.due = process.poll_timeout();
        place.process = Some(process);
        place.rate.progress += progress;
        self.dispatch(node, outs);
    }

    fn later(&mut self, at: MonoTime, coming: Coming) {
        self.last_coming += 1;
        self.coming.insert((at.max(self.now), self.last_coming), coming);
    }

    fn after_ms(&self, millis: u32) -> MonoTime {
        self.now.after(Duration::from_millis(millis.into()))
    }
}

impl Place {
    fn wall(&self, now: MonoTime) -> UnixMillis {
        UnixMillis(BEGINNING.0 + (now.0 / 1_000_000) as i64 + self.wall_offset_ms)
    }

    /// When it wants to do something by itself.
    fn next(&self) -> Option<MonoTime> {
        let due = self.due.filter(|_| self.process.is_some()).map(|due| due.max(self.paused_until));
        [self.start_at, due].into_iter().flatten().min()
    }
}

fn at(step: &Step) -> MonoTime {
    MonoTime(u64::from(step.at_ms) * 1_000_000)
}
