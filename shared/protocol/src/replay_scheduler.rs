//! Decides which range to ask the replay side for, when, and when to stop asking.
//!
//! It asks for the first missing stretch, a chunk at a time, one request at a time, and backs off on every
//! kind of failure. What cannot be healed must end: a server that claims to have rows and does not send
//! them, refuses, or sends damaged ones collects strikes, and after enough of them in a row the range is
//! given up. Silence, "busy" and "not yet" are no strikes, however often: they say nothing about the rows.
//!
//! Several chunks in flight were rejected: they would compete for the same bounded buffer, and one chunk
//! of some ten thousand rows already hides the round trip.

use crate::backoff::Backoff;
use crate::request_slot::RequestSlot;
use crate::{Failure, RequestId, Settings, TruncateReason};
use gapless_model::{MonoTime, SeqRange};
use gapless_planted::{Bug, on};
use std::time::Duration;

/// The longest wait for a server that answers but does not have the rows yet. A second, as often as the live
/// feed itself tells how far it is: the answer is cheap, and the rows come at any moment.
const NOT_YET_WAIT: Duration = Duration::from_secs(1);

/// How a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The first row asked for has been handed over.
    Progress,
    /// The server does not have the first row yet.
    NotYet,
    /// The server has the first row, as it says, and did not send it.
    NotServed,
    /// There was no usable answer.
    Failed(Failure),
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on asking.
    Continue,
    /// The range that was asked for will not come.
    GiveUp(TruncateReason),
}

/// Decides which range to ask for.
#[derive(Debug)]
pub(crate) struct ReplayScheduler {
    slot: RequestSlot<SeqRange>,
    chunk_rows: u64,
    max_strikes: u32,
    strikes: u32,
    /// How often the chunk is halved: damage or a size limit may concern only a part of it.
    halvings: u32,
}

impl ReplayScheduler {
    /// A scheduler with nothing to ask for.
    pub(crate) fn new(settings: &Settings, seed: u64) -> ReplayScheduler {
        let backoff = Backoff::new(settings.backoff_initial, settings.backoff_max, seed);
        ReplayScheduler {
            slot: RequestSlot::new(settings.request_timeout, backoff),
            chunk_rows: settings.chunk_rows.max(1),
            max_strikes: settings.max_strikes.max(1),
            strikes: 0,
            halvings: 0,
        }
    }

    /// The range to ask for now, if any, given the first missing stretch; it then is in flight.
    pub(crate) fn request(
        &mut self,
        missing: SeqRange,
        request: RequestId,
        now: MonoTime,
    ) -> Option<SeqRange> {
        if missing.is_empty() || !self.slot.is_ready(now) {
            return None;
        }
        let rows = (self.chunk_rows >> self.halvings.min(63)).max(1);
        let range = missing.intersect(SeqRange::of_len(missing.start(), rows));
        self.slot.start(request, range, now);
        Some(range)
    }

    /// The range that is in flight.
    pub(crate) fn in_flight(&self) -> Option<SeqRange> {
        self.slot.asked().copied()
    }

    /// Ends the request if it is this one and returns the range that was asked for; then
    /// [`ReplayScheduler::settle`] must follow.
    pub(crate) fn finish(&mut self, request: RequestId, now: MonoTime) -> Option<SeqRange> {
        self.slot.finish(request, now)
    }

    /// The driver holds the request back, or has sent it.
    pub(crate) fn hold(&mut self, request: RequestId, now: MonoTime, is_held: bool) {
        self.slot.hold(request, now, is_held);
    }

    /// Nobody wants the answer any more. Returns the request that was in flight.
    pub(crate) fn abandon(&mut self, now: MonoTime) -> Option<RequestId> {
        self.slot.abandon(now)
    }

    /// Ends the request when its deadline has come.
    pub(crate) fn expire(&mut self, now: MonoTime) -> Option<RequestId> {
        let expired = self.slot.expire(now)?;
        self.slot.back_off(now, Duration::ZERO);
        Some(expired)
    }

    /// Says how the finished request went.
    pub(crate) fn settle(&mut self, answer: Answer, now: MonoTime) -> Verdict {
        match answer {
            Answer::Progress => {
                self.slot.succeed();
                (self.strikes, self.halvings) = (0, 0);
                Verdict::Continue
            }
            Answer::NotYet if on(Bug::NotYetTakenForGone) => Verdict::GiveUp(TruncateReason::NotServed),
            Answer::NotYet => {
                self.slot.back_off_within(now, NOT_YET_WAIT);
                Verdict::Continue
            }
            Answer::NotServed => self.strike(TruncateReason::NotServed, now),
            Answer::Failed(failure) => self.settle_failure(failure, now),
        }
    }

    /// Another history: what the server did in the last one does not count.
    pub(crate) fn forgive(&mut self) {
        self.slot.succeed();
        (self.strikes, self.halvings) = (0, 0);
    }

    /// The reason to wait is gone: see [`RequestSlot::hurry`].
    pub(crate) fn hurry(&mut self, now: MonoTime) {
        self.slot.hurry(now);
    }

    /// When something is to be done.
    pub(crate) fn deadline(&self, is_wanted: bool) -> Option<MonoTime> {
        self.slot.deadline(is_wanted)
    }

    fn settle_failure(&mut self, failure: Failure, now: MonoTime) -> Verdict {
        match failure {
            Failure::NoReply | Failure::UnknownLog => self.wait(now, Duration::ZERO),
            Failure::Busy { retry_after } => self.wait(now, retry_after),
            Failure::Refused { code } if !is_for_good(code) => self.wait(now, Duration::ZERO),
            Failure::Refused { code: 410 } => self.strike(TruncateReason::Trimmed, now),
            Failure::Refused { code } => {
                self.halvings += u32::from(code == 413);
                self.strike(TruncateReason::Refused { code }, now)
            }
            Failure::Corrupt => {
                self.halvings += 1;
                self.strike(TruncateReason::Corrupt, now)
            }
        }
    }

    fn wait(&mut self, now: MonoTime, retry_after: Duration) -> Verdict {
        self.slot.back_off(now, retry_after);
        Verdict::Continue
    }

    /// After a range was given up the next one has a single chance, until one works: a log that is
    /// missing as a whole shall not cost all strikes for each of its chunks.
    fn strike(&mut self, reason: TruncateReason, now: MonoTime) -> Verdict {
        self.strikes += 1;
        if self.strikes < self.max_strikes {
            return self.wait(now, Duration::ZERO);
        }
        self.strikes = self.max_strikes - 1;
        self.slot.succeed();
        self.slot.back_off(now, Duration::ZERO);
        Verdict::GiveUp(reason)
    }
}

/// Whether a refusal with this code will not pass: 404 (not known yet), 429 and the server's own trouble do.
pub(crate) fn is_for_good(code: u32) -> bool {
    !matches!(code, 404 | 429 | 500..=599)
}

#[cfg(test)]
mod tests;
