//! An old client and an old server, whatever they are written in.

use crate::{current, pinned, python};
use gapless_compatibility::{Answer, Key, LiveBatch, NextSequence, OldServer, Question};
use serde::Serialize;

/// What a peer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Rust with the current release of `zeromq`.
    Current,
    /// Rust with the release that old clients pin.
    Pinned,
    /// Python with pyzmq.
    Python,
}

/// An old client of one stream.
pub(crate) trait Client {
    /// Asks on a connection of its own and waits for the answer.
    fn put(&mut self, question: &Question) -> Answer;
    /// Subscribes to topics with this beginning, and comes back once the publisher is known to hear it: the
    /// engine says `watermarks` twice a second, whatever else is quiet.
    fn subscribe(&mut self, prefix: &str);
    /// The next message about candles.
    fn next(&mut self) -> LiveBatch;
}

/// An old server of one stream. Dropping it takes its sockets away at once.
pub(crate) trait Server {
    /// Does something; returns its newest sequence then.
    fn order(&mut self, order: Order) -> u64;
    /// Its live feed.
    fn live(&self) -> String;
    /// Where it answers requests.
    fn replies(&self) -> String;
}

/// What an old server can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Order {
    /// New rows, in one live batch or withheld from the live feed.
    Append { rows: u64, live: bool },
    /// These rows go out live again.
    Repeat { from: u64, to: u64 },
    /// The next request is taken and never answered, nor any other.
    Ignore,
    /// The answer to the next request is held back, and all after it.
    Hold,
    /// The request address is closed.
    Close,
    /// Requests are answered (again), the one that is held first.
    Answer,
}

/// How an old server is started.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) key: Key,
    pub(crate) next: NextSequence,
    pub(crate) history: u32,
    pub(crate) live: String,
    pub(crate) replies: String,
}

impl Setup {
    /// On any ports.
    pub(crate) fn new(key: &Key, next: NextSequence) -> Setup {
        let any = || "tcp://127.0.0.1:0".to_owned();
        Setup { key: key.clone(), next, history: 1, live: any(), replies: any() }
    }

    /// Another process at the same addresses: it tells another history.
    pub(crate) fn restarted(&self, before: &dyn Server) -> Setup {
        let history = self.history + 1;
        Setup { history, live: before.live(), replies: before.replies(), ..self.clone() }
    }

    pub(crate) fn world(&self) -> OldServer {
        OldServer::new(self.key.clone(), self.next, self.history)
    }
}

impl Written {
    /// An old client; `None`, with a message, when this machine has none.
    pub(crate) fn client(self, live: &str, replies: &str, key: &Key) -> Option<Box<dyn Client>> {
        match self {
            Written::Current => Some(Box::new(current::Client::connect(live, replies, key))),
            Written::Pinned => Some(Box::new(pinned::Client::connect(live, replies, key))),
            Written::Python => python::client(live, replies, key),
        }
    }

    /// A running old server; `None`, with a message, when this machine has none.
    pub(crate) fn server(self, setup: &Setup) -> Option<Box<dyn Server>> {
        match self {
            Written::Current => Some(Box::new(current::Server::start(setup))),
            Written::Pinned => Some(Box::new(pinned::Server::start(setup))),
            Written::Python => python::server(setup),
        }
    }
}

/// One test for each thing that a peer can be written in.
macro_rules! for_each_peer {
    ($($name:ident),* $(,)?) => {
        mod current { $(#[test] fn $name() { super::$name(crate::peer::Written::Current) })* }
        mod pinned { $(#[test] fn $name() { super::$name(crate::peer::Written::Pinned) })* }
        mod python { $(#[test] fn $name() { super::$name(crate::peer::Written::Python) })* }
    };
}
pub(crate) use for_each_peer;
