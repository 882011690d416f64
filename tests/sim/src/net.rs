//! The network: publishers that drop, requests and replies that get lost, late and twice.
//!
//! A feed keeps the order of its messages per connection and drops the newest when its reader's queue is
//! full, as ZeroMQ's PUB does. Requests and replies keep no order. Every fault is set from outside and
//! ends by itself; what is decided by chance comes from the world's dice.

mod desks;
mod feeds;

pub use desks::{Carried, Desk, Desks, Peer, Socket, Tampering};
pub use feeds::{Connection, Feed, Feeds, Sent};

use gapless_model::MonoTime;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Somebody on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeId {
    /// Gives out sequences and keeps the journal.
    Ingestion,
    /// Keeps current state and publishes it.
    Engine,
    /// Keeps the archive.
    Backfill,
    /// Keeps checkpoints.
    Writer,
    /// Follows streams.
    Client(u8),
    /// Sends rows.
    Producer(u8),
}

impl NodeId {
    /// A number of its own.
    pub fn number(self) -> u64 {
        match self {
            NodeId::Ingestion => 0,
            NodeId::Engine => 1,
            NodeId::Backfill => 2,
            NodeId::Writer => 3,
            NodeId::Client(n) => 16 + u64::from(n),
            NodeId::Producer(n) => 32 + u64::from(n),
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeId::Ingestion => f.write_str("ingestion"),
            NodeId::Engine => f.write_str("engine"),
            NodeId::Backfill => f.write_str("backfill"),
            NodeId::Writer => f.write_str("writer"),
            NodeId::Client(n) => write!(f, "client {n}"),
            NodeId::Producer(n) => write!(f, "producer {n}"),
        }
    }
}

/// Which directions do not work, and until when.
#[derive(Debug, Default)]
pub struct Partitions(BTreeMap<(NodeId, NodeId), MonoTime>);

impl Partitions {
    /// Nothing goes from `from` to `to` until then.
    pub fn block(&mut self, from: NodeId, to: NodeId, until: MonoTime) {
        let entry = self.0.entry((from, to)).or_insert(until);
        *entry = until.max(*entry);
    }

    /// When the way from `from` to `to` works (again), if it does not now.
    pub fn blocked_until(&self, from: NodeId, to: NodeId, now: MonoTime) -> Option<MonoTime> {
        self.0.get(&(from, to)).copied().filter(|until| *until > now)
    }

    /// Everything works again.
    pub fn heal(&mut self) {
        self.0.clear();
    }
}

/// A healthy way between two processes: a fraction of a millisecond.
pub(crate) fn delay(dice: &mut fastrand::Rng) -> Duration {
    Duration::from_micros(dice.u64(50..900))
}
