//! Identical questions at the same time are answered by one look, and the next question of a reader by a look ahead.
//!
//! After a burst of loss a thousand subscribers ask for the same range within a second. The first one's
//! worker looks; whoever asks the same meanwhile only leaves their name, and gets the same answer.
//!
//! A client that reads history asks for one page after the other, and is busy with each before it asks for the next.
//! A worker that has nothing else to do looks for that one meanwhile. What a look ahead found is kept for whoever asks
//! within a moment: to them it is an answer that was a little longer on its way. It is forgotten with the next question
//! after that, or to make room. Other answers are not kept: a cache was rejected, since the newest rows are in memory
//! anyway.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Names that may wait for one look: their answers are made and queued by one worker.
pub(crate) const MAX_WAITERS: usize = 1024;
/// Looks ahead that are kept: some megabytes each, for as many readers as there are workers by default, twice.
const MAX_KEPT: usize = 8;
/// How long they are: a client that takes longer for a page than this does not wait for the next one.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boarding<F> {
    /// Nobody looks yet: the caller does, and must call [`Flights::land`].
    Pilot,
    /// Somebody looks already: the answer will come.
    Passenger,
    /// Somebody looked ahead, and found this.
    Found(F),
    /// Too many wait already.
    Full,
}

/// Looks under way: what for, and who waits for it.
#[derive(Debug)]
pub(crate) struct Flights<Q, W, F> {
    waiting: HashMap<Q, Vec<W>>,
    kept: VecDeque<(Q, F, Instant)>,
}

impl<Q: Eq + Hash, W, F> Flights<Q, W, F> {
    pub(crate) fn new() -> Flights<Q, W, F> {
        Flights { waiting: HashMap::new(), kept: VecDeque::new() }
    }

    /// `who` asks `question`; they are given back with what was found ahead.
    pub(crate) fn board(&mut self, question: &Q, who: W, now: Instant) -> (Boarding<F>, Option<W>)
    where
        Q: Clone,
    {
        self.forget(now);
        if let Some(at) = self.kept.iter().position(|(kept, ..)| kept == question)
            && let Some((_, found, _)) = self.kept.remove(at)
        {
            return (Boarding::Found(found), Some(who));
        }
        match self.waiting.get_mut(question) {
            None => {
                self.waiting.insert(question.clone(), vec![who]);
                (Boarding::Pilot, None)
            }
            Some(waiting) if waiting.len() >= MAX_WAITERS => (Boarding::Full, Some(who)),
            Some(waiting) => {
                waiting.push(who);
                (Boarding::Passenger, None)
            }
        }
    }

    /// Whether the caller may look for `question` before anybody asks; then it must call [`Flights::land_ahead`].
    pub(crate) fn board_ahead(&mut self, question: &Q, now: Instant) -> bool
    where
        Q: Clone,
    {
        self.forget(now);
        let is_known =
            self.waiting.contains_key(question) || self.kept.iter().any(|(kept, ..)| kept == question);
        if !is_known {
            self.waiting.insert(question.clone(), Vec::new());
        }
        !is_known
    }

    /// The look is over: everybody who waited for it, in the order in which they asked.
    pub(crate) fn land(&mut self, question: &Q) -> Vec<W> {
        self.waiting.remove(question).unwrap_or_default()
    }

    /// A look ahead is over: everybody who asked meanwhile. When nobody did, what was found is kept, if anything was.
    pub(crate) fn land_ahead<E>(&mut self, question: &Q, found: &Result<Option<F>, E>, now: Instant) -> Vec<W>
    where
        Q: Clone,
        F: Clone,
    {
        let waiting = self.land(question);
        if waiting.is_empty()
            && let Ok(Some(found)) = found
        {
            if self.kept.len() >= MAX_KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back((question.clone(), found.clone(), now));
        }
        waiting
    }

    fn forget(&mut self, now: Instant) {
        while self.kept.front().is_some_and(|(_, _, since)| now.duration_since(*since) > KEPT_FOR) {
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
