//! The systems that are measured side by side.

use crate::child::Part;
use crate::load::{Load, Received, Sent};
use crate::ours::{Follow, Kind, Produce, prefix};
use crate::role::{Places, Role};
use crate::{jetstream, redis_streams};
use anyhow::{Context, Result};
use gapless_tests::{Settings, Stack};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Plain libzmq from process to process.
    Raw1,
    /// The same through two processes that only forward: as many hops as a row makes in Gapless.
    Raw3,
    /// Producer, ingestion with its journal, engine, client; the archive is written beside.
    Gapless,
    /// NATS JetStream with file storage.
    JetStream,
    /// Redis Streams with an append-only file.
    Redis,
}

impl System {
    /// As it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            System::Raw1 => "ZeroMQ, one hop",
            System::Raw3 => "ZeroMQ, three hops",
            System::Gapless => "Gapless",
            System::JetStream => "NATS JetStream",
            System::Redis => "Redis Streams",
        }
    }

    /// Those that can be measured on this machine.
    pub fn present() -> Vec<System> {
        let all = [System::Raw1, System::Raw3, System::Gapless, System::JetStream, System::Redis];
        let is_here = |system: &System| match system {
            System::JetStream => jetstream::Server::is_installed(),
            System::Redis => redis_streams::Server::is_installed(),
            _ => true,
        };
        all.into_iter().filter(is_here).collect()
    }

    /// Rows of 128 bytes, from a producer through the system to one consumer.
    ///
    /// # Errors
    /// When a part of it fails.
    pub fn carry(self, load: Load) -> Result<Run> {
        match self {
            System::Raw1 => raw(load, 0),
            System::Raw3 => raw(load, 2),
            System::Gapless => carry(&start_stack(), &Carried::new("run", Kind::Metrics, load)),
            System::JetStream => {
                let server = jetstream::Server::start()?;
                jetstream::prepare(&server.address())?;
                let receive = Role::JetStreamReceive(server.address(), load.total());
                run(Role::JetStreamSend(server.address(), load), receive)
            }
            System::Redis => {
                let server = redis_streams::Server::start()?;
                let receive = Role::RedisReceive(server.address(), load.total());
                run(Role::RedisSend(server.address(), load), receive)
            }
        }
    }
}

/// What came of carrying rows.
#[derive(Debug, Clone)]
pub struct Run {
    /// What the producer did.
    pub sent: Sent,
    /// What the consumer got.
    pub received: Received,
}

impl Run {
    /// From the first send to the last row at the consumer.
    pub fn seconds(&self) -> f64 {
        self.received.done_ns.saturating_sub(self.sent.begun_ns) as f64 / 1e9
    }

    /// Rows in a second.
    pub fn rows_per_second(&self) -> f64 {
        self.received.rows as f64 / self.seconds()
    }
}

/// What Gapless is to carry.
#[derive(Debug, Clone)]
pub struct Carried {
    /// The producer's name.
    pub name: String,
    /// What rows.
    pub kind: Kind,
    /// How many.
    pub load: Load,
    /// Over so many streams.
    pub streams: u64,
    /// How many rows went before, by the same producer.
    pub first: u64,
    /// Whether the producer puts rows together that wait.
    pub grouped: bool,
}

impl Carried {
    /// In one stream.
    pub fn new(name: &str, kind: Kind, load: Load) -> Carried {
        Carried { name: name.to_owned(), kind, load, streams: 1, first: 0, grouped: true }
    }

    /// Each message by itself, however many wait.
    pub fn ungrouped(self) -> Carried {
        Carried { grouped: false, ..self }
    }
}

/// The journal is synced each second, as Redis' file is; JetStream's is every two minutes.
pub const SYNC: &str = "1s";

/// The three services with their archive, nothing switched off.
pub fn start_stack() -> Stack {
    Stack::start_with(settings())
}

/// How the services are set up.
pub fn settings() -> Settings {
    Settings { config: format!("[ingestion.journal]\nsync = \"{SYNC}\"\n"), ..Settings::default() }
}

/// Lets a stack carry rows to one client that is there before.
///
/// # Errors
/// When a part of it fails.
pub fn carry(stack: &Stack, what: &Carried) -> Result<Run> {
    let places = Places::from(&stack.endpoints());
    let follow = Follow {
        from: places.clone(),
        prefix: prefix(what.kind, &what.name),
        rows: what.load.total(),
        replay: false,
        clients: 1,
        pace: None,
    };
    run(Role::Produce(produce(&places, what)), Role::Follow(follow))
}

/// Sends rows into a stack, acknowledged when this returns.
///
/// # Errors
/// When a part of it fails.
pub fn fill(stack: &Stack, what: &Carried) -> Result<Sent> {
    let mut part = producer_of(stack, what)?;
    part.begin()?;
    part.result()
}

/// A producer for a stack, that can begin.
///
/// # Errors
/// When it cannot be started.
pub fn producer_of(stack: &Stack, what: &Carried) -> Result<Part> {
    Part::start(&Role::Produce(produce(&Places::from(&stack.endpoints()), what)))
}

fn produce(to: &Places, what: &Carried) -> Produce {
    let Carried { name, kind, load, streams, first, grouped } = what.clone();
    Produce { to: to.clone(), name, kind, load, streams, first, grouped }
}

fn raw(load: Load, forwarders: usize) -> Result<Run> {
    let send = Part::start(&Role::RawSend(load))?;
    let mut hops: Vec<Part> = Vec::new();
    for _ in 0..forwarders {
        let from = hops.last().unwrap_or(&send).address().to_owned();
        hops.push(Part::start(&Role::RawForward(from))?);
    }
    let from = hops.last().unwrap_or(&send).address().to_owned();
    let receive = Part::start(&Role::RawReceive(from, load))?;
    finish(send, receive)
}

fn run(send: Role, receive: Role) -> Result<Run> {
    let receive = Part::start(&receive)?;
    finish(Part::start(&send)?, receive)
}

fn finish(mut send: Part, mut receive: Part) -> Result<Run> {
    receive.begin()?;
    send.begin()?;
    let received = receive.result::<Vec<Received>>()?.pop().context("nobody received")?;
    Ok(Run { sent: send.result()?, received })
}
