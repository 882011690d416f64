//! The replay side: what its answers and its silence mean.

use super::{Coordinator, Phase, Question};
use crate::epochs::{EpochView, Standing};
use crate::replay_scheduler::{Answer, Verdict, is_for_good};
use crate::{Chunk, Failure, GapCause, LogStatus, RequestId, Source, TruncateReason};
use gapless_model::{Seq, SeqRange};
use std::cmp::Ordering;
use std::time::Duration;

impl<T> Coordinator<T> {
    pub(super) fn handle_status(&mut self, request: RequestId, status: LogStatus) {
        let asked_at = self.status.finish(request, self.now);
        if asked_at.is_none() && request.0 >= self.next_request {
            return;
        }
        self.liveness.status_heard(self.now);
        if asked_at.is_some() {
            self.status.succeed();
        }
        let was_suspicion = self.question == Question::Restart;
        if self.take_status(&plausible(status), asked_at) {
            self.question = Question::Nothing;
            self.refusals = 0;
            self.withdraw_status();
        }
        if asked_at.is_some() && (self.question != Question::Nothing || was_suspicion) {
            self.status.back_off(self.now, Duration::ZERO);
        }
    }

    /// Returns whether it answers the question. Only an answer that was awaited (`asked_at`) counts as
    /// another report of an older epoch: late ones prove nothing.
    fn take_status(&mut self, status: &LogStatus, asked_at: Option<Seq>) -> bool {
        match self.phase {
            Phase::Joining => self.join(status.epoch, status.latest),
            Phase::Turning { to, latest, is_bounded: _ } if status.epoch >= to => {
                let latest = if status.epoch == to { latest } else { Seq::NONE };
                self.turn(status, latest);
                return true;
            }
            Phase::Turning { is_bounded, .. } => {
                if !self.is_older_for_good(asked_at) {
                    return false;
                }
                self.resume_without_turning(is_bounded);
            }
            Phase::Bounding | Phase::Following => {}
        }
        match status.epoch.cmp(&self.tracker.view().epoch()) {
            Ordering::Greater => self.turn(status, Seq::NONE),
            Ordering::Equal => self.take_current_status(status, asked_at),
            Ordering::Less if self.is_older_for_good(asked_at) => self.turn(status, Seq::NONE),
            Ordering::Less => return false,
        }
        true
    }

    fn take_current_status(&mut self, status: &LogStatus, asked_at: Option<Seq>) {
        self.older_epoch = 0;
        let began_anew = asked_at.is_some_and(|applied| status.latest < applied);
        if self.question == Question::Restart && began_anew && !status.epoch.is_stated() {
            self.restart(status.earliest.previous());
        }
        self.tracker.learn(EpochView::of_status(status));
        self.status_latest = status.latest;
        self.learn_start(status.earliest.max(Seq::FIRST));
        self.learn_end(status.latest, GapCause::Tail);
        self.trim(status.earliest);
    }

    /// Counts a report of an older epoch and says whether there were so many, with nobody stating the
    /// newer one in between, that it must be believed.
    fn is_older_for_good(&mut self, asked_at: Option<Seq>) -> bool {
        self.older_epoch += u32::from(asked_at.is_some());
        self.older_epoch >= self.max_older_epoch
    }

    pub(super) fn handle_replayed(&mut self, request: RequestId, status: LogStatus, chunks: Vec<Chunk<T>>) {
        let asked = self.replay.finish(request, self.now);
        let was_asked = request != RequestId::UNSOLICITED && request.0 < self.next_request;
        // A late answer is welcome; but without epochs it may be one of the history before a restart.
        if !was_asked || (asked.is_none() && !status.epoch.is_stated()) {
            return;
        }
        let status = plausible(status);
        let before = self.tracker.applied();
        // What the server did send it has, also when there is no room here to keep it.
        let first = chunks.first().map(|chunk| chunk.range.start());
        let is_current = self.take_rows(&status, chunks);
        if asked.is_none() && self.tracker.applied() > before {
            self.replay.hurry(self.now);
        }
        if let Some(asked) = asked {
            let answer = self.judge(&status, asked, is_current);
            let end = first.filter(|first| *first > asked.start()).unwrap_or(Seq(u64::MAX));
            let known = SeqRange::new(Seq::NONE, end.min(status.latest.max(asked.start()).next()));
            self.settle(answer, asked.intersect(known));
        }
    }

    /// Takes the rows of an answer. Returns whether the server is in the follower's epoch.
    fn take_rows(&mut self, status: &LogStatus, chunks: Vec<Chunk<T>>) -> bool {
        if self.phase != Phase::Following {
            return false;
        }
        let standing = self.tracker.view().standing(status.epoch);
        match standing {
            Standing::Current => {
                self.older_epoch = 0;
                self.trim(status.earliest);
            }
            Standing::Newer => {
                self.turn_to(status.epoch, status.latest);
                return false;
            }
            Standing::Earlier { .. } => {}
            Standing::Stale => return false,
        }
        for chunk in chunks {
            let epoch = if chunk.epoch.is_stated() { chunk.epoch } else { status.epoch };
            if chunk.range.start() != Seq::NONE && !chunk.range.is_empty() {
                self.admit(Chunk { epoch, ..chunk }, Source::Replay);
            }
        }
        standing == Standing::Current
    }

    /// How the request went. A version 1 server does not state its newest row with the rows: then what it
    /// answered to the last status request counts, and it is asked again.
    fn judge(&mut self, status: &LogStatus, asked: SeqRange, is_current: bool) -> Answer {
        let expected = self.tracker.expected();
        if expected > asked.start() {
            return Answer::Progress;
        }
        let states_latest = status.epoch.is_stated() || status.latest != Seq::NONE;
        let latest = if states_latest { status.latest } else { self.status_latest };
        let has_it = is_current && latest >= expected;
        if !is_current || (!states_latest && !has_it) {
            self.question_status();
        }
        if has_it { Answer::NotServed } else { Answer::NotYet }
    }

    pub(super) fn handle_failed(&mut self, request: RequestId, failure: Failure) {
        if self.status.finish(request, self.now).is_some() {
            self.counts.requests_failed += 1;
            let retry_after = match failure {
                Failure::Busy { retry_after } => retry_after,
                Failure::NoReply | Failure::UnknownLog | Failure::Refused { .. } | Failure::Corrupt => {
                    Duration::ZERO
                }
            };
            self.status.back_off(self.now, retry_after);
            self.note_refusal(failure);
        } else if let Some(asked) = self.replay.finish(request, self.now) {
            self.counts.requests_failed += 1;
            if failure == (Failure::Refused { code: 410 }) {
                self.question_status();
            }
            self.settle(Answer::Failed(failure), asked);
        }
    }

    /// Without a status nothing is replayed, so a server that refuses it for good refuses the rows.
    fn note_refusal(&mut self, failure: Failure) {
        let Failure::Refused { code } = failure else { return };
        self.refusals += u32::from(is_for_good(code));
        if self.refusals >= self.max_strikes && self.phase == Phase::Following {
            self.give_up(self.tracker.missing(), TruncateReason::Refused { code });
        }
    }

    /// Draws the consequence of a finished replay request; `asked` is what would be given up.
    fn settle(&mut self, answer: Answer, asked: SeqRange) {
        let Verdict::GiveUp(reason) = self.replay.settle(answer, self.now) else { return };
        if self.phase != Phase::Following {
            return;
        }
        let missing = self.tracker.missing();
        let range = match reason {
            // Too large is about this request, any other refusal about the whole log.
            TruncateReason::Refused { code } if code != 413 => missing,
            TruncateReason::Refused { .. }
            | TruncateReason::Trimmed
            | TruncateReason::NotServed
            | TruncateReason::Corrupt => missing.intersect(asked),
        };
        if range.start() == self.tracker.expected() {
            self.give_up(range, reason);
        }
    }

    fn question_status(&mut self) {
        if self.question == Question::Nothing {
            self.question = Question::Status;
        }
    }
}

/// A status without contradiction: the earliest row is at most the one after the latest.
fn plausible(status: LogStatus) -> LogStatus {
    LogStatus { earliest: status.earliest.min(status.latest.next()), ..status }
}
