//! Bounds the requests in flight over many coordinators, first come, first served.
//!
//! A coordinator has at most one replay and one status request out, so a queue is fair: whoever was
//! served stands at the end again. Priorities were rejected: a stream that lags most would starve the
//! others exactly when the server is slow.

use crate::RequestId;
use std::collections::{BTreeSet, VecDeque};

/// Decides which request may be sent now. `K` names the coordinator.
#[derive(Debug)]
pub struct RequestBudget<K> {
    limit: usize,
    in_flight: BTreeSet<(K, RequestId)>,
    waiting: VecDeque<(K, RequestId)>,
}

impl<K: Ord + Clone> RequestBudget<K> {
    /// At most `limit` requests in flight; 0 is taken as 1.
    pub fn new(limit: usize) -> RequestBudget<K> {
        RequestBudget { limit: limit.max(1), in_flight: BTreeSet::new(), waiting: VecDeque::new() }
    }

    /// A coordinator wants to send. When the answer is false the request waits: tell the coordinator
    /// [`Input::Queued`](crate::Input::Queued), and [`Input::Sent`](crate::Input::Sent) once
    /// [`RequestBudget::poll_output`] returns it.
    pub fn submit(&mut self, owner: K, request: RequestId) -> bool {
        let free = self.waiting.is_empty() && self.in_flight.len() < self.limit;
        if free {
            self.in_flight.insert((owner, request));
        } else {
            self.waiting.push_back((owner, request));
        }
        free
    }

    /// A request was answered, failed or is no longer wanted.
    pub fn finish(&mut self, owner: &K, request: RequestId) {
        let entry = (owner.clone(), request);
        if !self.in_flight.remove(&entry) {
            self.waiting.retain(|other| *other != entry);
        }
    }

    /// The next waiting request that may be sent now.
    pub fn poll_output(&mut self) -> Option<(K, RequestId)> {
        if self.in_flight.len() >= self.limit {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.in_flight.insert(next.clone());
        Some(next)
    }

    /// How many requests are out.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests;
