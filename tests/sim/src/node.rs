//! The processes: the real machines, each with a shell that moves messages and keeps time.

mod backfill;
mod client;
mod engine;
mod ingestion;
mod producer;
mod writer;

pub use backfill::{Archive, BackfillNode, BackfillSetup, Contents};
pub use client::{Books, ClientNode, ClientSetup, SharedBooks};
pub use engine::{EngineNode, EngineSetup, limits as engine_limits};
pub use ingestion::{IngestionNode, IngestionSetup, folder};
pub use producer::{Care, ProducerNode};
pub use writer::{WriterNode, WriterSetup, checkpoints};

use crate::net::{Desk, Feed, NodeId, Peer, Socket};
use crate::trace::Trace;
use crate::truth::Truth;
use gapless_model::{MonoTime, UnixMillis};
use std::rc::Rc;

/// Something that reached a process.
#[derive(Debug, Clone)]
pub enum Arrived {
    /// A message on a feed that it subscribes to; its first frame is the topic.
    Live(Feed, Rc<Vec<Vec<u8>>>),
    /// Its connection to a feed stands or broke.
    Link(Feed, bool),
    /// An answer.
    Reply(Socket, Vec<u8>),
    /// A question to one of its desks.
    Request(Desk, Peer, Vec<u8>),
}

/// Something that a process does to the outside.
#[derive(Debug)]
pub enum Out {
    /// Publishes; the first frame is the topic.
    Publish(Feed, Vec<Vec<u8>>),
    /// Opens a subscribing socket, in place of the one before.
    Open(Feed),
    /// Subscribes.
    Subscribe(Feed, String),
    /// Asks.
    Ask(Socket, Desk, Vec<u8>),
    /// Connects a requesting socket anew.
    Renew(Socket),
    /// Answers.
    Answer(Desk, Peer, Vec<u8>),
    /// Ends, as a program does that cannot go on.
    Exit,
}

/// What a process has during one step.
pub struct Io<'a> {
    /// Who it is.
    pub me: NodeId,
    /// The monotonic clock.
    pub now: MonoTime,
    /// The wall clock of its machine, which may jump.
    pub wall: UnixMillis,
    /// What it does.
    pub outs: Vec<Out>,
    /// Rows and records that came to it.
    pub progress: u64,
    /// The reference model.
    pub truth: &'a mut Truth,
    /// The log.
    pub trace: &'a mut Trace,
}

impl Io<'_> {
    /// Does something.
    pub fn out(&mut self, out: Out) {
        self.outs.push(out);
    }

    /// Notes what happened.
    pub fn note(&mut self, what: &'static str, a: u64, b: u64) {
        self.trace.event(self.now, Some(self.me), what, a, b);
    }

    /// Notes what happened in words, for whoever reads the log.
    pub fn say(&mut self, line: impl FnOnce() -> String) {
        let me = self.me;
        self.trace.say(self.now, || format!("{:<12} {}", me.to_string(), line()));
    }
}
