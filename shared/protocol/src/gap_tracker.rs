//! Puts chunks in order: hands on what is next, keeps what came too early, drops what came before.
//!
//! One number, `applied`, decides everything: what begins at or before `applied + 1` and ends after it is
//! next, what ends before is a duplicate, what begins after is ahead and kept. `seen`, the newest row heard
//! of, tells whether anything is missing at the end.
//!
//! The complication is that the buffer is bounded while a gap may be as long as the log. When it is full
//! it forgets its *oldest* rows: the replay that closes the gap arrives there first anyway and just goes
//! on, while the newest rows are those that the replay side may not have yet. Refusing the newest was
//! rejected for that reason.
//!
//! Rows that came live are compared with what was handed over before they are: see [`Claim`]. Replayed ones were
//! compared with the digest of their answer already, and are what damage is healed with, so they always count.

use crate::epochs::{EpochView, Standing};
use crate::{Chunk, Claim, Settings, Source};
use gapless_model::{Digest, Epoch, Seq, SeqRange};
use gapless_planted::{Bug, on};
use std::collections::BTreeMap;

/// What became of a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admit<T> {
    /// It is next: hand over `wanted`. Then ask for [`GapTracker::next_kept`].
    InOrder { chunk: Chunk<T>, wanted: SeqRange },
    /// It is kept until what lies before it came. `hole` is what is missing that was not known before,
    /// `forgotten` what the full buffer dropped for it.
    Ahead { hole: SeqRange, forgotten: Forgotten },
    /// All of it came before.
    Duplicate,
    /// It belongs to a history that is over.
    StaleEpoch,
    /// It belongs to a history that is not known yet.
    NewerEpoch,
    /// It is next, but does not continue what was handed over: it counts as not received. `hole` is what is missing
    /// that was not known before.
    Damaged { hole: SeqRange },
}

/// Rows that a full buffer dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten {
    /// From the first to the last of them.
    pub(crate) span: SeqRange,
    /// How many.
    pub(crate) rows: u64,
}

/// Puts the chunks of one log in order.
#[derive(Debug)]
pub(crate) struct GapTracker<T> {
    view: EpochView,
    applied: Seq,
    seen: Seq,
    kept: BTreeMap<Seq, Kept<T>>,
    kept_rows: u64,
    kept_bytes: usize,
    max_rows: u64,
    max_bytes: usize,
    /// What a payload says of the running digest, if payloads do.
    claim: Option<fn(&T, SeqRange) -> Claim>,
    /// The running digest up to `applied`, where it is known.
    running: Option<Digest>,
    /// Rows that were kept and do not continue what was handed over.
    damaged: Vec<SeqRange>,
}

#[derive(Debug)]
struct Kept<T> {
    chunk: Chunk<T>,
    /// The part of the chunk that belongs to the view's history.
    usable: SeqRange,
    source: Source,
}

impl<T> GapTracker<T> {
    /// A tracker that has everything up to `applied`.
    pub(crate) fn new(settings: &Settings, epoch: Epoch, applied: Seq) -> GapTracker<T> {
        GapTracker {
            view: EpochView::new(epoch),
            applied,
            seen: applied,
            kept: BTreeMap::new(),
            kept_rows: 0,
            kept_bytes: 0,
            max_rows: settings.max_buffer_rows,
            max_bytes: settings.max_buffer_bytes,
            claim: None,
            running: of_nothing(applied),
            damaged: Vec::new(),
        }
    }

    /// From now on what came live must continue what was handed over.
    pub(crate) fn compare(&mut self, claim: fn(&T, SeqRange) -> Claim) {
        self.claim = Some(claim);
    }

    /// Takes a chunk in. When it is in order, `applied` has moved to its end.
    pub(crate) fn admit(&mut self, chunk: Chunk<T>, source: Source) -> Admit<T> {
        let usable = match self.view.standing(chunk.epoch) {
            Standing::Current => chunk.range,
            Standing::Earlier { shared } => chunk.range.intersect(SeqRange::new(Seq::NONE, shared)),
            Standing::Newer => return Admit::NewerEpoch,
            Standing::Stale => return Admit::StaleEpoch,
        };
        if usable.is_empty() {
            return Admit::StaleEpoch;
        }
        if usable.end() <= self.expected() || self.is_kept(usable) {
            return Admit::Duplicate;
        }
        if on(Bug::LivePassesGap) && source == Source::Live {
            self.skip_to(usable.start());
        }
        let hole = self.hear_of(usable.start().previous());
        self.seen = self.seen.max(usable.last());
        let kept = Kept { chunk, usable, source };
        if usable.start() <= self.expected() {
            return match self.apply(kept) {
                Some((chunk, wanted, _)) => Admit::InOrder { chunk, wanted },
                None => Admit::Damaged { hole: SeqRange::new(hole.start(), usable.end()) },
            };
        }
        self.keep(kept);
        Admit::Ahead { hole, forgotten: self.forget_too_much() }
    }

    /// A kept chunk that is in order by now.
    pub(crate) fn next_kept(&mut self) -> Option<(Chunk<T>, SeqRange, Source)> {
        loop {
            let entry = self.kept.first_entry().filter(|entry| *entry.key() <= self.applied.next())?;
            let kept = entry.remove();
            self.kept_rows -= kept.usable.len();
            self.kept_bytes -= kept.chunk.bytes;
            let usable = kept.usable;
            if usable.end() <= self.expected() {
                continue;
            }
            match self.apply(kept) {
                Some(next) => return Some(next),
                None => self.damaged.push(usable),
            }
        }
    }

    /// Rows that were kept, turned out not to continue what was handed over, and are missing again.
    pub(crate) fn take_damaged(&mut self) -> Vec<SeqRange> {
        std::mem::take(&mut self.damaged)
    }

    /// Rows up to `latest` exist. Returns what is missing that was not known before.
    pub(crate) fn hear_of(&mut self, latest: Seq) -> SeqRange {
        let hole = SeqRange::new(self.seen.next(), latest.next());
        self.seen = self.seen.max(latest);
        hole
    }

    /// Gives up everything before `expected`; nothing happens when that was handed over.
    pub(crate) fn skip_to(&mut self, expected: Seq) {
        if expected > self.expected() {
            self.applied = expected.previous();
            self.running = None;
        }
        self.seen = self.seen.max(self.applied);
    }

    /// Learns the past of the epoch that it is in.
    pub(crate) fn learn(&mut self, view: EpochView) {
        assert_eq!(view.epoch(), self.view.epoch(), "only a turn changes the epoch");
        self.view = view;
    }

    /// Goes on after `applied` in another epoch. What was kept is forgotten: replay has it.
    pub(crate) fn turn(&mut self, view: EpochView, applied: Seq) {
        self.view = view;
        self.applied = applied;
        self.running = of_nothing(applied);
        self.seen = applied;
        self.kept.clear();
        (self.kept_rows, self.kept_bytes) = (0, 0);
    }

    /// The first stretch that is missing; empty when nothing is.
    pub(crate) fn missing(&self) -> SeqRange {
        let end = self.kept.keys().next().copied().unwrap_or(self.seen.next());
        SeqRange::new(self.expected(), end)
    }

    /// Every stretch that is missing, in order.
    pub(crate) fn holes(&self) -> Vec<SeqRange> {
        let mut holes = Vec::new();
        let mut expected = self.expected();
        for kept in self.kept.values() {
            holes.push(SeqRange::new(expected, kept.usable.start()));
            expected = expected.max(kept.usable.end());
        }
        holes.push(SeqRange::new(expected, self.seen.next()));
        holes.retain(|hole| !hole.is_empty());
        holes
    }

    /// The epoch with its past.
    pub(crate) fn view(&self) -> &EpochView {
        &self.view
    }
    /// The last row handed over.
    pub(crate) fn applied(&self) -> Seq {
        self.applied
    }
    /// The row that comes next.
    pub(crate) fn expected(&self) -> Seq {
        self.applied.next()
    }
    /// The newest row heard of.
    pub(crate) fn seen(&self) -> Seq {
        self.seen
    }

    /// What must hold between two mutations.
    pub(crate) fn check(&self) {
        assert!(self.seen >= self.applied, "seen {} is behind applied {}", self.seen, self.applied);
        assert!(self.kept_rows <= self.max_rows, "the buffer holds {} rows", self.kept_rows);
        assert!(self.kept_bytes <= self.max_bytes, "the buffer holds {} bytes", self.kept_bytes);
        if let Some(first) = self.kept.keys().next() {
            assert!(*first > self.expected(), "row {first} is kept though it is next");
        }
    }

    /// The one place where `applied` moves on with rows. `None`: they do not continue what was handed over.
    fn apply(&mut self, kept: Kept<T>) -> Option<(Chunk<T>, SeqRange, Source)> {
        let wanted = kept.usable.intersect(SeqRange::new(self.expected(), Seq(u64::MAX)));
        assert_eq!(wanted.start(), self.expected(), "rows are handed over in order");
        if let Some(claim) = self.claim {
            let claim = claim(&kept.chunk.payload, wanted);
            let running = claim.before.or(self.running);
            if kept.source == Source::Live && self.running.is_some_and(|known| running != Some(known)) {
                return None;
            }
            self.running = running.map(|before| before + claim.rows);
        }
        self.applied = wanted.last();
        if on(Bug::PageBorderSkipped) && kept.source == Source::Replay && wanted.len() > 1 {
            self.skip_to(wanted.end().next());
        }
        Some((Chunk { epoch: self.view.epoch(), ..kept.chunk }, wanted, kept.source))
    }

    fn is_kept(&self, range: SeqRange) -> bool {
        let before = self.kept.range(..=range.start()).next_back();
        before.is_some_and(|(_, kept)| kept.usable.end() >= range.end())
    }

    fn keep(&mut self, kept: Kept<T>) {
        self.kept_rows += kept.usable.len();
        self.kept_bytes += kept.chunk.bytes;
        if let Some(shorter) = self.kept.insert(kept.usable.start(), kept) {
            self.kept_rows -= shorter.usable.len();
            self.kept_bytes -= shorter.chunk.bytes;
        }
    }

    fn forget_too_much(&mut self) -> Forgotten {
        let mut forgotten = Forgotten { span: SeqRange::new(self.expected(), self.expected()), rows: 0 };
        while !on(Bug::BufferUnbounded)
            && (self.kept_rows > self.max_rows || self.kept_bytes > self.max_bytes)
        {
            let Some((start, oldest)) = self.kept.pop_first() else { break };
            self.kept_rows -= oldest.usable.len();
            self.kept_bytes -= oldest.chunk.bytes;
            let first = if forgotten.rows == 0 { start } else { forgotten.span.start() };
            forgotten.span = SeqRange::new(first, forgotten.span.end().max(oldest.usable.end()));
            forgotten.rows += oldest.usable.len();
        }
        forgotten
    }
}

/// The digest of no rows, for one who has none.
fn of_nothing(applied: Seq) -> Option<Digest> {
    (applied == Seq::NONE).then(Digest::default)
}

#[cfg(test)]
mod tests;
