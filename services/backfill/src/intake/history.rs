//! What happens when the journal's history is not what it was.

use super::{Held, Intake, Output, Phase, Then, Write};
use gapless_model::{Epoch, Position};
use gapless_planted::{Bug, on};
use gapless_wire::JournalStatusResponse;

impl Intake {
    /// From here on the journal is followed in this epoch. A new one gives numbers of lost rows again, also
    /// where no record after those read here is lost: a damaged one may have been the last of its stream. So
    /// which rows stay is asked, before any is taken of it.
    pub(super) fn note_epoch(&mut self, epoch: Epoch) {
        let has_nothing = self.taken == Position::NONE || !self.journal_epoch.is_stated();
        if has_nothing {
            self.journal_epoch = epoch;
            self.view = self.view.take().filter(|view| view.epoch == epoch);
        } else if epoch > self.journal_epoch {
            // What is held back came in epochs before this one, of which it lost nothing.
            let is_held = matches!(self.phase, Phase::Rewinding { .. });
            let keep = if is_held { Position(u64::MAX) } else { self.taken };
            self.rewind(self.journal_epoch, epoch, keep);
        }
    }

    /// Asks for the journal's view of the streams when it may tell something new: in an epoch that lost
    /// nothing here histories change all the same, also those of quiet streams, and rows may be missing. Only
    /// once the journal is read: before that, a rewind may be on its way.
    pub(super) fn want_view(&mut self) {
        let is_following = matches!(self.phase, Phase::Following);
        if self.is_caught_up && is_following && self.view.is_none() && self.journal_epoch != self.viewed {
            self.outputs.push_back(Output::RequestStreams);
        }
    }

    /// The journal's view of every stream.
    pub(super) fn handle_streams(&mut self, status: JournalStatusResponse) {
        match std::mem::replace(&mut self.phase, Phase::Following) {
            // One of another epoch speaks of rows that are not those here: its own watermark asks anew.
            Phase::Following if status.epoch != self.journal_epoch => {}
            Phase::Following => {
                self.view = Some(status);
                self.take_view_in_turn();
            }
            Phase::Rewinding { from, to, keep, held } if status.epoch != to => {
                // It answers a question from before the rewind; or one more epoch began, in which what is held
                // back may be void, which the follower is yet to tell.
                self.phase = Phase::Rewinding { from, to, keep, held };
                self.outputs.push_back(Output::RequestStreams);
            }
            Phase::Rewinding { from, to, keep, held } => {
                let write = Write::Rewind { keep, from, to, streams: status.streams };
                self.next = Some((write, Then::GoOn(held)));
            }
        }
    }

    /// A view speaks of rows up to its position: what of them is not here by then will not come.
    pub(super) fn take_view_in_turn(&mut self) {
        let is_early = |view: &JournalStatusResponse| view.latest > self.taken && !on(Bug::ViewTakenEarly);
        if self.next.is_some() || self.view.as_ref().is_none_or(is_early) {
            return;
        }
        if let Some(view) = self.view.take() {
            self.next = Some((Write::TakeView { streams: view.streams }, Then::Viewed(view.epoch)));
        }
    }

    /// The journal lost records after `keep`. What came of them goes at once, from memory and from what is
    /// not committed; which rows of the archive go is known when the journal has told its streams.
    pub(super) fn handle_rewind(&mut self, from: Epoch, to: Epoch, keep: Position) {
        tracing::warn!(%from, %to, keep = keep.0, "the journal lost acknowledged records");
        self.is_caught_up = false;
        let reason = "the journal lost records: asking which rows stay".to_owned();
        self.outputs.push_back(Output::Behind { reason });
        self.rewind(from, to, keep);
    }

    fn rewind(&mut self, from: Epoch, to: Epoch, keep: Position) {
        self.journal_epoch = to;
        self.view = None;
        if !on(Bug::PendingKeptAfterRewind) {
            self.pending.keep_to(keep);
        }
        if !on(Bug::HotKeptAfterRewind) {
            self.hot.write(|hot| hot.clear(self.position));
        }
        self.phase = match std::mem::replace(&mut self.phase, Phase::Following) {
            Phase::Following => Phase::Rewinding { from, to, keep, held: Held::default() },
            // The archive goes back as far as either says; what is held came after the first.
            Phase::Rewinding { from, keep: before, held, .. } => {
                Phase::Rewinding { from, to, keep: keep.min(before), held: held.keep_to(keep) }
            }
        };
        self.outputs.push_back(Output::RequestStreams);
    }

    /// What the journal lost is taken back: on with what came since. The view that told it was of a moment
    /// before all of this was read, so another one is wanted.
    pub(super) fn go_on(&mut self, mut held: Held) {
        tracing::warn!(position = self.position.0, "took back what the journal lost");
        self.outputs.push_back(Output::TakeBack { epoch: self.epoch, position: self.position });
        self.taken = self.position;
        if !on(Bug::HotKeptAfterRewind) {
            self.hot.write(|hot| hot.clear(self.position));
        }
        self.viewed = Epoch::UNSTATED;
        held.events.append(&mut self.backlog);
        self.backlog = held.events;
    }

    /// The journal is another one.
    pub(super) fn handle_reset(&mut self, from: Epoch, to: Epoch) {
        tracing::warn!(%from, %to, "the journal is another one: keeping the archive as a file, beginning anew");
        self.journal_epoch = to;
        self.phase = Phase::Following;
        self.is_caught_up = false;
        self.view = None;
        self.viewed = Epoch::UNSTATED;
        self.taken = Position::NONE;
        self.outputs.push_back(Output::Behind { reason: "reading another journal".to_owned() });
        self.next = Some((Write::Reset { to }, Then::BeginAnew));
    }

    /// The archive is empty.
    pub(super) fn begin_anew(&mut self) {
        self.hot.write(|hot| hot.clear(Position::NONE));
        self.outputs.push_back(Output::TakeBack { epoch: self.epoch, position: Position::NONE });
    }

    /// Too much came while the journal's view of the streams did not: the journal keeps it.
    pub(super) fn follow_anew(&mut self) {
        tracing::warn!("the journal does not tell its streams: following it anew");
        self.phase = Phase::Following;
        self.backlog.clear();
        self.pending.take();
        self.commit_at = None;
        self.taken = self.position;
        self.outputs.push_back(Output::FollowAnew(self.begin()));
    }
}
