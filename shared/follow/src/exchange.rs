//! Requests in flight over one connection.
//!
//! A budget bounds them over all logs; a correlation id ties a reply to what was asked. When a request
//! had no reply in time and nothing else came since it was sent, the connection itself is suspect: it
//! is replaced, and everything in flight on it counts as unanswered.

use gapless_model::{Epoch, MonoTime, SeqRange};
use gapless_protocol::{RequestBudget, RequestId};
use gapless_wire::{Envelope, Limits, Message, decode, encode_message, peek_correlation_id};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Requests given up whose answer would still be taken; the oldest are forgotten first.
const MAX_ABANDONED: usize = 64;

/// What was asked. `Q` is what a follower asks for itself, beside what its coordinators ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked<Q> {
    Status,
    Replay { epoch: Epoch, range: SeqRange },
    Own(Q),
}

/// One request: whose it is, its name there, and what it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question<Q> {
    pub(crate) owner: u32,
    pub(crate) request: RequestId,
    pub(crate) asked: Asked<Q>,
    /// Whether it was last asked in the words of version 1.
    pub(crate) version1: bool,
}

impl<Q> Question<Q> {
    pub(crate) fn new(owner: u32, request: RequestId, asked: Asked<Q>) -> Question<Q> {
        Question { owner, request, asked, version1: false }
    }
}

/// What came back for a question.
pub(crate) struct Answer<Q> {
    pub(crate) question: Question<Q>,
    /// `None` when it cannot be read.
    pub(crate) envelope: Option<Envelope>,
}

struct Flight<Q> {
    question: Question<Q>,
    sent: MonoTime,
    abandoned: bool,
}

/// What is lost when a request had no reply in time.
pub(crate) struct Lost<Q> {
    /// Whether the connection is to be replaced.
    pub(crate) renew: bool,
    pub(crate) questions: Vec<Question<Q>>,
}

impl<Q> Lost<Q> {
    fn nothing() -> Lost<Q> {
        Lost { renew: false, questions: Vec::new() }
    }
}

pub(crate) struct Exchange<Q> {
    budget: RequestBudget<u32>,
    held: HashMap<(u32, RequestId), Question<Q>>,
    flights: BTreeMap<u64, Flight<Q>>,
    last_correlation: u64,
    heard: MonoTime,
    timeout: Duration,
}

impl<Q: Clone> Exchange<Q> {
    pub(crate) fn new(limit: usize, timeout: Duration) -> Exchange<Q> {
        Exchange {
            budget: RequestBudget::new(limit),
            held: HashMap::new(),
            flights: BTreeMap::new(),
            last_correlation: 0,
            heard: MonoTime(0),
            timeout,
        }
    }

    /// Whether the question may be sent now; otherwise it is held and comes out of
    /// [`Exchange::next_held`] later.
    pub(crate) fn submit(&mut self, question: Question<Q>) -> Option<Question<Q>> {
        if self.budget.submit(question.owner, question.request) {
            return Some(question);
        }
        self.held.insert((question.owner, question.request), question);
        None
    }

    /// A held question that may be sent now.
    pub(crate) fn next_held(&mut self) -> Option<Question<Q>> {
        while let Some(name) = self.budget.poll_output() {
            match self.held.remove(&name) {
                Some(question) => return Some(question),
                None => self.budget.finish(&name.0, name.1),
            }
        }
        None
    }

    /// The bytes of `message` for a question that the budget let through, and the flight's number.
    pub(crate) fn send(&mut self, question: Question<Q>, message: &Message, now: MonoTime) -> (u64, Vec<u8>) {
        self.last_correlation += 1;
        let bytes = encode_message(message, &self.last_correlation.to_string());
        self.flights.insert(self.last_correlation, Flight { question, sent: now, abandoned: false });
        (self.last_correlation, bytes)
    }

    /// A flight that did not leave; its question ends, unless nobody waits for it any more.
    pub(crate) fn unsent(&mut self, flight: u64) -> Option<Question<Q>> {
        let flight = self.flights.remove(&flight).filter(|flight| !flight.abandoned)?;
        self.budget.finish(&flight.question.owner, flight.question.request);
        Some(flight.question)
    }

    /// Ends a question that was let through but never sent.
    pub(crate) fn cancel(&mut self, question: &Question<Q>) {
        self.budget.finish(&question.owner, question.request);
    }

    /// What a reply answers; `None` when nothing that was asked.
    pub(crate) fn take(&mut self, reply: &[u8], now: MonoTime) -> Option<Answer<Q>> {
        self.heard = now;
        let correlation = peek_correlation_id(reply).parse().ok()?;
        let flight = self.flights.remove(&correlation)?;
        if !flight.abandoned {
            self.budget.finish(&flight.question.owner, flight.question.request);
        }
        let envelope = decode(reply, &Limits::reply())
            .inspect_err(|error| tracing::warn!(%error, "a reply cannot be read"));
        Some(Answer { question: flight.question, envelope: envelope.ok() })
    }

    /// The coordinator no longer waits. Returns what else is lost when the connection was replaced.
    pub(crate) fn abandon(&mut self, owner: u32, request: RequestId, now: MonoTime) -> Lost<Q> {
        self.budget.finish(&owner, request);
        self.held.remove(&(owner, request));
        let found = self.flights.iter_mut().find(|(_, flight)| {
            !flight.abandoned && flight.question.owner == owner && flight.question.request == request
        });
        let Some((_, flight)) = found else { return Lost::nothing() };
        flight.abandoned = true;
        let sent = flight.sent;
        let timed_out = now.since(sent) >= self.timeout;
        self.forget_abandoned();
        if timed_out { self.suspect(sent) } else { Lost::nothing() }
    }

    /// The connection broke: what is in flight gets no reply. What a coordinator asked is remembered all the
    /// same, since a request that had not left yet is sent when the server is back.
    pub(crate) fn lose(&mut self) -> Vec<Question<Q>> {
        let mut questions = Vec::new();
        for flight in self.flights.values_mut().filter(|flight| !flight.abandoned) {
            flight.abandoned = true;
            questions.push(flight.question.clone());
        }
        self.flights.retain(|_, flight| !matches!(flight.question.asked, Asked::Own(_)));
        for question in &questions {
            self.budget.finish(&question.owner, question.request);
        }
        self.forget_abandoned();
        questions
    }

    /// Questions of the follower itself that had no reply in time, and what was lost with them.
    pub(crate) fn expire(&mut self, now: MonoTime) -> Lost<Q> {
        let late = |flight: &Flight<Q>| {
            matches!(flight.question.asked, Asked::Own(_)) && now.since(flight.sent) >= self.timeout
        };
        let late: Vec<u64> =
            self.flights.iter().filter(|(_, flight)| late(flight)).map(|(id, _)| *id).collect();
        let mut lost = Lost::nothing();
        for id in late {
            if let Some(flight) = self.flights.remove(&id) {
                self.budget.finish(&flight.question.owner, flight.question.request);
                lost.questions.push(flight.question);
                let others = self.suspect(flight.sent);
                lost.renew |= others.renew;
                lost.questions.extend(others.questions);
            }
        }
        lost
    }

    /// When [`Exchange::expire`] has something to do.
    pub(crate) fn next_expiry(&self) -> Option<MonoTime> {
        let own = self.flights.values().filter(|flight| matches!(flight.question.asked, Asked::Own(_)));
        own.map(|flight| flight.sent.after(self.timeout)).min()
    }

    /// A request of `sent` timed out: when the server was silent since, the connection is replaced.
    fn suspect(&mut self, sent: MonoTime) -> Lost<Q> {
        if self.heard > sent {
            return Lost::nothing();
        }
        let lost = std::mem::take(&mut self.flights);
        let lost = lost.into_values().filter(|flight| !flight.abandoned).map(|flight| flight.question);
        let questions: Vec<Question<Q>> = lost.collect();
        for question in &questions {
            self.budget.finish(&question.owner, question.request);
        }
        Lost { renew: true, questions }
    }

    fn forget_abandoned(&mut self) {
        let abandoned = self.flights.iter().filter(|(_, flight)| flight.abandoned).map(|(id, _)| *id);
        let abandoned: Vec<u64> = abandoned.collect();
        for id in abandoned.iter().take(abandoned.len().saturating_sub(MAX_ABANDONED)) {
            self.flights.remove(id);
        }
    }
}
