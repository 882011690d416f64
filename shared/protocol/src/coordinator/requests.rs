//! What is asked of the replay side, and when.

use super::{Coordinator, Phase, Question};
use crate::replay_scheduler::{Answer, Verdict};
use crate::{Output, RequestId};
use std::time::Duration;

impl<T> Coordinator<T> {
    /// Sends the requests that are wanted and may go out now: at most one of each kind.
    pub(super) fn ask(&mut self) {
        if self.liveness.poll(self.now) && self.question == Question::Nothing {
            self.question = Question::Status;
        }
        self.ask_status();
        if self.phase == Phase::Following {
            self.drop_needless_replay();
            self.ask_replay();
        }
    }

    fn ask_status(&mut self) {
        if self.question != Question::Nothing && self.status.is_ready(self.now) {
            let request = self.take_request_id();
            self.status.start(request, self.tracker.applied(), self.now);
            self.outputs.push_back(Output::RequestStatus { request });
        }
    }

    /// Rows are asked for once the history is known that they must belong to.
    pub(super) fn wants_rows(&self) -> bool {
        let is_placed = self.phase == Phase::Following && self.tracker.view().is_known();
        is_placed && !self.tracker.missing().is_empty()
    }

    /// A status was found elsewhere before the request for it was polled.
    pub(super) fn withdraw_status(&mut self) {
        let queued = |output: &Output<T>| matches!(output, Output::RequestStatus { .. });
        if self.outputs.iter().any(queued) {
            self.outputs.retain(|output| !queued(output));
            self.status.abandon(self.now);
        }
    }

    fn ask_replay(&mut self) {
        if !self.wants_rows() {
            return;
        }
        let request = RequestId(self.next_request);
        if let Some(range) = self.replay.request(self.tracker.missing(), request, self.now) {
            self.next_request += 1;
            let epoch = self.tracker.view().epoch();
            self.outputs.push_back(Output::RequestReplay { request, epoch, range });
        }
    }

    /// The live feed brought, late, all that was asked for.
    fn drop_needless_replay(&mut self) {
        if self.replay.in_flight().is_some_and(|range| range.end() <= self.tracker.expected()) {
            self.abandon_replay();
            let verdict = self.replay.settle(Answer::Progress, self.now);
            debug_assert_eq!(verdict, Verdict::Continue);
        }
    }

    pub(super) fn expire_requests(&mut self) {
        if let Some(request) = self.status.expire(self.now) {
            self.status.back_off(self.now, Duration::ZERO);
            self.note_expired(request);
        }
        if let Some(request) = self.replay.expire(self.now) {
            self.note_expired(request);
        }
    }

    pub(super) fn hold(&mut self, request: RequestId, is_held: bool) {
        self.status.hold(request, self.now, is_held);
        self.replay.hold(request, self.now, is_held);
    }

    /// The replay side is back.
    pub(super) fn hurry(&mut self) {
        self.status.hurry(self.now);
        self.replay.hurry(self.now);
    }

    fn note_expired(&mut self, request: RequestId) {
        self.counts.requests_failed += 1;
        self.outputs.push_back(Output::Abandon { request });
    }

    fn take_request_id(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request - 1)
    }
}
