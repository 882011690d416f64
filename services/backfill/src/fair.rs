//! Whose request is next.
//!
//! One queue for all would let a client that asks a thousand times make everybody else wait for a thousand
//! answers. So every peer has a queue of its own, workers go round the peers, and a peer never has more
//! than a share of the workers: its slow requests are slow for itself only. A peer is a connection; someone
//! who opens many is bounded by the sum of all queues.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How much may wait and be under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FairLimits {
    /// Requests of one peer that wait.
    pub(crate) per_peer: usize,
    /// Requests of all peers that wait.
    pub(crate) total: usize,
    /// Requests of one peer that are worked on at the same time.
    pub(crate) active_per_peer: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    active: usize,
    /// Whether the peer stands in `ring`.
    in_ring: bool,
}

/// Requests that wait, by peer.
#[derive(Debug)]
pub(crate) struct FairQueue<P, T> {
    limits: FairLimits,
    lanes: HashMap<P, Lane<T>>,
    /// Peers whose next request may be taken, each once.
    ring: VecDeque<P>,
    waiting: usize,
}

impl<P: Clone + Eq + Hash, T> FairQueue<P, T> {
    pub(crate) fn new(limits: FairLimits) -> FairQueue<P, T> {
        FairQueue { limits, lanes: HashMap::new(), ring: VecDeque::new(), waiting: 0 }
    }

    /// Requests that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Queues a request; it comes back when too many wait.
    pub(crate) fn push(&mut self, peer: &P, item: T) -> Result<(), T> {
        if self.waiting >= self.limits.total {
            return Err(item);
        }
        let lane = self.lanes.entry(peer.clone()).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            active: 0,
            in_ring: false,
        });
        if lane.waiting.len() >= self.limits.per_peer {
            return Err(item);
        }
        lane.waiting.push_back(item);
        self.waiting += 1;
        if !lane.in_ring && lane.active < self.limits.active_per_peer {
            lane.in_ring = true;
            self.ring.push_back(peer.clone());
        }
        Ok(())
    }

    /// The next request; call [`FairQueue::done`] with its peer when it is answered.
    pub(crate) fn pop(&mut self) -> Option<(P, T)> {
        let peer = self.ring.pop_front()?;
        let lane = self.lanes.get_mut(&peer)?;
        let item = lane.waiting.pop_front()?;
        lane.active += 1;
        self.waiting -= 1;
        lane.in_ring = !lane.waiting.is_empty() && lane.active < self.limits.active_per_peer;
        if lane.in_ring {
            self.ring.push_back(peer.clone());
        }
        Some((peer, item))
    }

    /// A request of `peer` was answered. Whether one that waited may be taken now.
    pub(crate) fn done(&mut self, peer: &P) -> bool {
        let Some(lane) = self.lanes.get_mut(peer) else { return false };
        lane.active = lane.active.saturating_sub(1);
        if lane.waiting.is_empty() {
            if lane.active == 0 {
                self.lanes.remove(peer);
            }
            return false;
        }
        let was_held = !lane.in_ring;
        if was_held {
            lane.in_ring = true;
            self.ring.push_back(peer.clone());
        }
        was_held
    }
}

#[cfg(test)]
mod tests;
