//! Tells whether a server without epochs still tells the history that is followed.
//!
//! The intuition: sequences of such a server begin at 1 again when it restarts, so a number alone proves nothing. But
//! rows do. The hash of the last row that was handed over is kept, as an anchor, and after every interruption the
//! server is asked for the row of that number before anything newer is believed: the same row means the same
//! history.
//!
//! The complication is what comes live meanwhile. It is let go, as if the network had lost it, and what was let go is
//! known to be missing once the history is proven, so that replay brings it.
//!
//! Comparing numbers only was rejected: a server that restarted and has outrun the follower looks like one that went
//! on, and two histories would be mixed without a word. Taking every interruption for a restart was rejected too: it
//! would cost everything that was ever received at each blink of the network.

use gapless_model::{Digest, Epoch, Seq, SeqRange};

/// How often in a row a server may say that it has no row of the anchor's number before that is believed. Its replay side
/// may be a moment behind its live feed.
const MAX_DENIALS: u32 = 3;

/// What is known of one log of a server without epochs. A server that states epochs never gets here.
#[derive(Debug, Clone, Default)]
pub struct Continuity {
    /// The last row that was handed over.
    anchor: Option<Anchor>,
    /// The hash of row 1, when it was handed over: it tells a late row 1 from that of another history.
    first: Option<Digest>,
    proof: Proof,
    /// Numbers the questions: an answer to an older one proves nothing.
    round: u64,
    denials: u32,
    /// The newest row that was let go.
    withheld: Seq,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Anchor {
    seq: Seq,
    /// Its hash; `None` when only the number was stored.
    digest: Option<Digest>,
    /// Whether the server has shown it since it was handed over.
    is_confirmed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Proof {
    /// The server tells the history that is followed.
    #[default]
    Given,
    /// It must be asked.
    Wanted,
    /// It was asked.
    Asked,
}

/// What is to be done with rows that came live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// They may be handed on.
    Pass,
    /// They are to be let go: whether they are of the history that is followed is not known.
    Withhold,
}

/// What the answer about the anchor means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same history. Rows up to `withheld` were let go and exist; [`Seq::NONE`]: none.
    Same {
        /// The newest row that was let go.
        withheld: Seq,
    },
    /// Another history: everything is to be taken back.
    Another,
    /// The answer proves nothing: ask again, after a pause.
    Unknown,
}

impl Continuity {
    /// Begins after a stored row, in no stated epoch. `digest` is that row's, if it is known.
    pub fn resume(seq: Seq, digest: Option<Digest>) -> Continuity {
        let anchor = (seq != Seq::NONE).then_some(Anchor { seq, digest, is_confirmed: false });
        let proof = if anchor.is_some() { Proof::Wanted } else { Proof::Given };
        Continuity { anchor, proof, ..Continuity::default() }
    }

    /// Whether there is something to lose by believing a number.
    pub fn is_anchored(&self) -> bool {
        self.anchor.is_some()
    }

    /// Whether the server was not proven to tell the same history.
    pub fn is_in_doubt(&self) -> bool {
        self.proof != Proof::Given
    }

    /// A row was handed over; `digest` is that of this row alone. One with a stated epoch needs no anchor.
    pub fn handed_over(&mut self, epoch: Epoch, seq: Seq, digest: Digest) {
        if epoch.is_stated() {
            self.forget();
        } else if self.proof == Proof::Given {
            self.anchor = Some(Anchor { seq, digest: Some(digest), is_confirmed: false });
        }
    }

    /// Row 1 was handed over, in no stated epoch.
    pub fn begun(&mut self, first: Digest) {
        self.first = Some(first);
    }

    /// The log began anew, or states epochs now: nothing of the past is to be proven.
    pub fn forget(&mut self) {
        *self = Continuity { round: self.round + 1, ..Continuity::default() };
    }

    /// The connection broke: whoever is at its other end from now on must prove what it tells.
    pub fn interrupted(&mut self) {
        if self.is_anchored() {
            self.proof = Proof::Wanted;
            self.denials = 0;
        }
    }

    /// Rows came live, the first of them with the hash `first`. A repeated number is an interruption: it is a row that
    /// came before, or one of another history. Row 1 passes unless it is the one that was handed over: that a server
    /// begins there with other rows says by itself that it began anew.
    pub fn admit(&mut self, epoch: Epoch, range: SeqRange, first: impl FnOnce() -> Digest) -> Admission {
        let Some(anchor) = self.anchor else { return Admission::Pass };
        if epoch.is_stated() || (range.start() <= Seq::FIRST && self.first != Some(first())) {
            return Admission::Pass;
        }
        if self.proof == Proof::Given && range.start() <= anchor.seq {
            self.interrupted();
        }
        if self.proof == Proof::Given {
            return Admission::Pass;
        }
        self.withheld = self.withheld.max(range.last());
        Admission::Withhold
    }

    /// The row to ask for, once, and the number of the question.
    pub fn poll_question(&mut self) -> Option<(Seq, u64)> {
        let anchor = self.anchor.filter(|_| self.proof == Proof::Wanted)?;
        self.proof = Proof::Asked;
        self.round += 1;
        Some((anchor.seq, self.round))
    }

    /// The question was not answered.
    pub fn unanswered(&mut self, round: u64) {
        if round == self.round && self.proof == Proof::Asked {
            self.proof = Proof::Wanted;
        }
    }

    /// The question was answered: `row` is the row of the anchor's number, if the server has it.
    pub fn answered(&mut self, round: u64, row: Option<Digest>) -> Verdict {
        let Some(anchor) = self.anchor.filter(|_| round == self.round && self.proof == Proof::Asked) else {
            return Verdict::Unknown;
        };
        match (row, anchor.digest) {
            (Some(found), Some(kept)) if found != kept => Verdict::Another,
            (Some(found), _) => {
                self.anchor = Some(Anchor { digest: Some(found), is_confirmed: true, ..anchor });
                self.proof = Proof::Given;
                self.denials = 0;
                Verdict::Same { withheld: std::mem::replace(&mut self.withheld, Seq::NONE) }
            }
            (None, _) => {
                self.denials += 1;
                self.proof = Proof::Wanted;
                if self.denials < MAX_DENIALS { Verdict::Unknown } else { Verdict::Another }
            }
        }
    }

    /// Where a replay of `range` shall begin, so that its answer proves itself: one row earlier when that is the anchor
    /// and the server has not shown it yet.
    pub fn overlap(&self, range: SeqRange) -> Seq {
        let shown = self.anchor.filter(|anchor| anchor.digest.is_some() && !anchor.is_confirmed);
        shown.map(|anchor| anchor.seq).filter(|seq| seq.next() == range.start()).unwrap_or(range.start())
    }

    /// A replay brought a row beside those that were wanted. Returns whether it contradicts the anchor; then the server
    /// has to prove itself.
    pub fn contradicts(&mut self, seq: Seq, digest: Digest) -> bool {
        let Some(anchor) = self.anchor.as_mut().filter(|anchor| anchor.seq == seq) else { return false };
        let same = anchor.digest.is_none_or(|kept| kept == digest);
        anchor.is_confirmed |= same;
        if !same {
            self.interrupted();
        }
        !same
    }
}

#[cfg(test)]
mod tests;
