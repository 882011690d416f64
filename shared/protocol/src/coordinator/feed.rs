//! The live side: chunks and heartbeats, and handing rows over in order.

use super::{Coordinator, Phase, Progress, Question};
use crate::epochs::{EpochView, Standing};
use crate::gap_tracker::Admit;
use crate::liveness::Sign;
use crate::{Begin, Chunk, Event, GapCause, Output, Source, TruncateReason};
use gapless_model::{Epoch, Seq, SeqRange};
use gapless_planted::{Bug, on};

impl<T> Coordinator<T> {
    pub(super) fn handle_live(&mut self, chunk: Chunk<T>) {
        let range = chunk.range;
        if range.is_empty() {
            return self.handle_heartbeat(chunk.epoch, Seq::NONE, range.start());
        }
        if range.start() == Seq::NONE {
            self.counts.chunks_stale += 1;
            return;
        }
        if self.phase == Phase::Joining {
            self.join(chunk.epoch, range.start().previous());
        }
        if self.place(chunk.epoch, range.last(), Sign::Rows).is_some() {
            self.notice_restart(range.start());
            self.admit(chunk, Source::Live);
        }
    }

    pub(super) fn handle_heartbeat(&mut self, epoch: Epoch, earliest: Seq, next: Seq) {
        if next == Seq::NONE {
            self.counts.chunks_stale += 1;
            return;
        }
        if self.phase == Phase::Joining {
            self.join(epoch, next.previous());
        }
        if let Some(latest) = self.place(epoch, next.previous(), Sign::Heartbeat) {
            self.notice_restart(next);
            if on(Bug::TailGapIgnored) {
                return;
            }
            self.learn_start(earliest.min(next));
            self.learn_end(latest, GapCause::Tail);
            self.trim(earliest.min(next));
        }
    }

    /// Takes its place in the epoch that was stated first. `end` is where one who wants only what is new
    /// has everything.
    pub(super) fn join(&mut self, epoch: Epoch, end: Seq) {
        let (applied, phase) = match self.begin {
            Begin::Earliest => (Seq::NONE, Phase::Bounding),
            Begin::Latest => (end, Phase::Following),
            Begin::At(first) => (first.previous(), Phase::Following),
            Begin::Cursor { applied, .. } => (applied, Phase::Following),
        };
        self.tracker.turn(EpochView::new(epoch), applied);
        self.floor = applied;
        self.phase = phase;
        // A replay side that did not know the log until now knows it soon.
        self.status.hurry(self.now);
    }

    /// What a live statement about an epoch means here: returns up to which row it holds, `None` when
    /// the follower can do nothing with it now.
    fn place(&mut self, epoch: Epoch, latest: Seq, sign: Sign) -> Option<Seq> {
        if let Phase::Turning { to, latest: known, is_bounded } = self.phase {
            if epoch < to {
                self.counts.chunks_stale += 1;
            } else {
                self.liveness.heard(sign, self.now);
                let latest = if epoch == to { latest.max(known) } else { latest };
                self.phase = Phase::Turning { to: epoch, latest, is_bounded };
                self.older_epoch = 0;
            }
            return None;
        }
        match self.tracker.view().standing(epoch) {
            Standing::Current => {
                self.older_epoch = 0;
                self.liveness.heard(sign, self.now);
                Some(latest)
            }
            Standing::Earlier { shared } => {
                self.liveness.heard(sign, self.now);
                Some(latest.min(shared.previous()))
            }
            Standing::Newer => {
                self.liveness.heard(sign, self.now);
                self.turn_to(epoch, latest);
                None
            }
            Standing::Stale => {
                self.counts.chunks_stale += 1;
                None
            }
        }
    }

    /// Puts a chunk into its place and hands over what is in order.
    pub(super) fn admit(&mut self, chunk: Chunk<T>, source: Source) {
        let range = chunk.range;
        match self.tracker.admit(chunk, source) {
            Admit::InOrder { chunk, wanted } => {
                self.counts.rows_duplicate += wanted.start().0 - range.start().0;
                self.deliver(chunk, wanted, source);
                self.deliver_kept();
                self.learn_start(Seq::FIRST);
            }
            Admit::Ahead { hole, forgotten } => {
                if self.phase == Phase::Following {
                    self.open_gap(hole, GapCause::Missed);
                    self.gaps.grow(forgotten.span);
                }
                self.counts.rows_overflowed += forgotten.rows;
            }
            Admit::Duplicate => {
                self.counts.rows_duplicate += range.len();
            }
            Admit::Damaged { hole } => {
                self.counts.chunks_damaged += 1;
                if self.phase == Phase::Following {
                    self.open_gap(hole, GapCause::Damaged);
                }
            }
            Admit::StaleEpoch | Admit::NewerEpoch => self.counts.chunks_stale += 1,
        }
    }

    pub(super) fn deliver_kept(&mut self) {
        while let Some((chunk, wanted, source)) = self.tracker.next_kept() {
            self.deliver(chunk, wanted, source);
        }
        for range in self.tracker.take_damaged() {
            self.counts.chunks_damaged += 1;
            let begin = range.start().max(self.tracker.expected());
            self.open_gap(SeqRange::new(begin, range.end()), GapCause::Damaged);
        }
    }

    fn deliver(&mut self, chunk: Chunk<T>, wanted: SeqRange, source: Source) {
        let wanted = if on(Bug::RowsTwice) { chunk.range } else { wanted };
        self.has_begun = true;
        self.counts.rows_delivered += wanted.len();
        self.liveness.delivered(self.now);
        self.outputs.push_back(Output::Deliver { chunk, wanted, source });
    }

    /// The oldest row is known, which one who wants everything waits for.
    pub(super) fn learn_start(&mut self, earliest: Seq) {
        if self.phase != Phase::Bounding || earliest == Seq::NONE {
            return;
        }
        self.phase = Phase::Following;
        self.tracker.skip_to(earliest);
        self.deliver_kept();
        for hole in self.tracker.holes() {
            self.open_gap(hole, GapCause::Join);
        }
    }

    /// Rows up to `latest` exist.
    pub(super) fn learn_end(&mut self, latest: Seq, cause: GapCause) {
        let hole = self.tracker.hear_of(latest);
        if self.phase == Phase::Following {
            self.open_gap(hole, cause);
        }
        if self.progress == Progress::Unproven {
            self.progress = Progress::Behind;
        }
    }

    /// Rows before `earliest` are gone: gives up those that are missing.
    pub(super) fn trim(&mut self, earliest: Seq) {
        while self.phase == Phase::Following && earliest > self.tracker.expected() {
            self.learn_end(earliest.previous(), GapCause::Tail);
            let gone = self.tracker.missing().intersect(SeqRange::new(Seq::NONE, earliest));
            self.give_up(gone, TruncateReason::Trimmed);
        }
    }

    /// Goes on after rows that will not come.
    pub(super) fn give_up(&mut self, range: SeqRange, reason: TruncateReason) {
        assert_eq!(range.start(), self.tracker.expected(), "only what comes next can be given up");
        if range.is_empty() {
            return;
        }
        let epoch = self.tracker.view().epoch();
        if !on(Bug::TruncationUntold) {
            self.emit(Event::Truncated { epoch, range, reason });
        }
        self.has_begun = true;
        self.counts.rows_truncated = self.counts.rows_truncated.saturating_add(range.len());
        let truncation = self.gaps.truncate(range.end(), self.now);
        let joins = truncation.ended.iter().filter(|gap| gap.cause == GapCause::Join).count();
        self.counts.gaps_truncated += truncation.ended.len() as u64;
        self.counts.gaps_found += joins as u64;
        if let Some(rest) = truncation.rest {
            self.counts.gaps_found += u64::from(rest.cause != GapCause::Join);
            self.emit(Event::GapOpened(rest));
        }
        self.tracker.skip_to(range.end());
        self.deliver_kept();
    }

    /// A server without epochs that begins at row 1 again has begun another history. Taking that for a
    /// duplicate would mix two histories silently; the other mistake is only a reset too many. When the
    /// feed repeats later rows, row 1 may have been missed: then the replay side is asked.
    fn notice_restart(&mut self, start: Seq) {
        if self.tracker.view().epoch().is_stated() || start >= self.tracker.expected() {
            return;
        }
        if start == Seq::FIRST && self.has_begun {
            self.restart(Seq::NONE);
        } else {
            self.question = Question::Restart;
        }
    }
}
