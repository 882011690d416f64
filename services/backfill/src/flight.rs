//! Identical questions at the same time are answered by one look.
//!
//! After a burst of loss a thousand subscribers ask for the same range within a second. The first one's
//! worker looks; whoever asks the same meanwhile only leaves their name, and gets the same answer. Nothing
//! is kept afterwards: a cache of answers was rejected, since the newest ones are in memory anyway.

use std::collections::HashMap;
use std::hash::Hash;

/// Names that may wait for one look: their answers are made and queued by one worker.
pub(crate) const MAX_WAITERS: usize = 1024;

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boarding {
    /// Nobody looks yet: the caller does, and must call [`Flights::land`].
    Pilot,
    /// Somebody looks already: the answer will come.
    Passenger,
    /// Too many wait already.
    Full,
}

/// Looks under way: what for, and who waits for it.
#[derive(Debug)]
pub(crate) struct Flights<Q, W> {
    waiting: HashMap<Q, Vec<W>>,
}

impl<Q: Eq + Hash, W> Flights<Q, W> {
    pub(crate) fn new() -> Flights<Q, W> {
        Flights { waiting: HashMap::new() }
    }

    /// `who` asks `question`.
    pub(crate) fn board(&mut self, question: Q, who: W) -> Boarding {
        match self.waiting.get_mut(&question) {
            None => {
                self.waiting.insert(question, vec![who]);
                Boarding::Pilot
            }
            Some(waiting) if waiting.len() >= MAX_WAITERS => Boarding::Full,
            Some(waiting) => {
                waiting.push(who);
                Boarding::Passenger
            }
        }
    }

    /// The look is over: everybody who waited for it, in the order in which they asked.
    pub(crate) fn land(&mut self, question: &Q) -> Vec<W> {
        self.waiting.remove(question).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
