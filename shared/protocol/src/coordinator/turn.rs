//! Epoch changes: which rows that were handed over still hold?

use super::{Coordinator, Phase, Progress, Question};
use crate::epochs::EpochView;
use crate::{Begin, Event, GapCause, LogStatus, Output};
use gapless_model::{Epoch, Seq};
use gapless_planted::{Bug, on};

impl<T> Coordinator<T> {
    /// A newer epoch was stated, in which `latest` exists. Nothing is handed over until its history is
    /// known: the next row may follow on rows that were lost.
    pub(super) fn turn_to(&mut self, to: Epoch, latest: Seq) {
        self.phase = Phase::Turning { to, latest, is_bounded: self.phase != Phase::Bounding };
        self.older_epoch = 0;
        self.question = Question::Status;
        self.abandon_replay();
    }

    /// Nobody but a single live message knows of the newer epoch: goes on in the one that it is in.
    pub(super) fn resume_without_turning(&mut self, is_bounded: bool) {
        self.older_epoch = 0;
        self.phase = if is_bounded { Phase::Following } else { Phase::Bounding };
    }

    /// Enters the epoch of a status; `latest` is a row that is known to exist in it besides.
    pub(super) fn turn(&mut self, status: &LogStatus, latest: Seq) {
        let (from, to) = (self.tracker.view().epoch(), status.epoch);
        let applied = self.tracker.applied();
        let view = EpochView::of_status(status);
        let shared = view.shared_with(from);
        self.end_gaps();
        let goes_on_after = match shared {
            _ if !self.has_begun => self.begin_again(status, shared),
            Some(shared) if applied < shared => applied,
            Some(_) if on(Bug::OldSequenceInNewEpoch) => applied,
            Some(shared) if on(Bug::RewindUntold) => shared.previous(),
            Some(shared) => {
                self.emit(Event::Rewind { from, to, keep: shared.previous() });
                shared.previous()
            }
            // What the new history no longer has of its beginning is given up below, by its own event.
            None => {
                self.emit(Event::Reset { from, to });
                Seq::NONE
            }
        };
        self.enter(view, goes_on_after);
        self.status_latest = status.latest;
        self.learn_end(status.latest.max(latest), GapCause::EpochChange);
        self.trim(status.earliest);
    }

    /// A server without epochs has begun anew.
    pub(super) fn restart(&mut self, goes_on_after: Seq) {
        let epoch = self.tracker.view().epoch();
        self.end_gaps();
        self.emit(Event::Reset { from: epoch, to: epoch });
        self.enter(EpochView::new(epoch), goes_on_after);
        self.question = Question::Status;
    }

    /// Its rows prove that a server without epochs has begun anew.
    pub(super) fn begin_anew(&mut self) {
        if self.phase == Phase::Following && !self.tracker.view().epoch().is_stated() {
            self.restart(Seq::NONE);
            // Nothing was said yet about what the other history has.
            self.progress = Progress::Unproven;
        }
    }

    /// What was missing in the epoch so far need not exist in the next one; if it does, it is found again.
    fn end_gaps(&mut self) {
        for gap in self.gaps.void() {
            self.counts.gaps_void += u64::from(gap.cause != GapCause::Join);
            self.emit(Event::GapVoid(gap));
        }
    }

    fn enter(&mut self, view: EpochView, goes_on_after: Seq) {
        if goes_on_after != self.tracker.applied() || self.progress == Progress::Unproven {
            self.progress = Progress::Behind;
        }
        self.tracker.turn(view, goes_on_after);
        self.floor = goes_on_after;
        self.phase = Phase::Following;
        self.older_epoch = 0;
        self.status_latest = Seq::NONE;
        self.abandon_replay();
        self.replay.forgive();
    }

    /// Where one begins who has not got anything yet: there is nothing to take back.
    fn begin_again(&self, status: &LogStatus, shared: Option<Seq>) -> Seq {
        match (self.begin, shared) {
            (Begin::Earliest, _) => status.earliest.previous(),
            (Begin::At(first), _) => first.previous(),
            (Begin::Latest | Begin::Cursor { .. }, Some(shared)) => {
                self.tracker.applied().min(shared.previous())
            }
            (Begin::Latest, None) => status.latest,
            (Begin::Cursor { .. }, None) => Seq::NONE,
        }
    }

    pub(super) fn abandon_replay(&mut self) {
        if let Some(request) = self.replay.abandon(self.now) {
            self.outputs.push_back(Output::Abandon { request });
        }
    }
}
