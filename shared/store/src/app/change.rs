//! What can change in an application's file, and where its streams stand.

use gapless_model::{Batch, Digest, Epoch, Seq, SeqRange, StreamKey, UnixMillis};

/// One step; [`AppStore::commit`](super::AppStore::commit) applies any number of them at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Rows that continue the stream. A batch without rows changes nothing.
    Rows(Batch),
    /// The server lost its newest history: rows after `keep` never happened.
    Rewind {
        /// Which stream.
        key: StreamKey,
        /// The last row that stays; [`Seq::NONE`]: none does.
        keep: Seq,
        /// The epoch from now on.
        epoch: Epoch,
    },
    /// The server began anew: every row of the stream goes, sequences start again at 1.
    Reset {
        /// Which stream.
        key: StreamKey,
        /// The epoch from now on.
        epoch: Epoch,
    },
    /// A line for the gap ledger; a later one about the same gap replaces it.
    Gap(GapLine),
    /// A gap that cannot be healed: the cursor moves past it, and the line stays in the ledger.
    Truncated(GapLine),
}

/// A line of the gap ledger, table `gapless_gaps`.
///
/// Two lines are about the same gap when stream, epoch, range and `detected` are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapLine {
    /// Which stream.
    pub key: StreamKey,
    /// In which history.
    pub epoch: Epoch,
    /// The missing rows.
    pub range: SeqRange,
    /// Why they were missing: `missed`, `tail`, `join`, `retention` ...
    pub cause: String,
    /// When it was noticed.
    pub detected: UnixMillis,
    /// What became of it.
    pub state: GapState,
    /// When the last missing row was handed over; `None` unless healed.
    pub healed: Option<UnixMillis>,
    /// What healed it, such as `replay`; empty unless healed.
    pub healed_by: String,
}

/// What became of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapState {
    /// Still missing.
    Open,
    /// Every row was handed over after all.
    Healed,
    /// Rows cannot be had any more. A truncation is a line of its own with exactly these rows and the reason
    /// as cause; a gap that ended by it, and may have been longer, is another.
    Truncated,
    /// The history changed: what was missing is no row of the new one, or in a line of its own.
    Void,
}

impl GapState {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            GapState::Open => "open",
            GapState::Healed => "healed",
            GapState::Truncated => "truncated",
            GapState::Void => "void",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<GapState> {
        let all = [GapState::Open, GapState::Healed, GapState::Truncated, GapState::Void];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// Where a stream stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Which stream.
    pub key: StreamKey,
    /// The newest epoch heard of; 0 when no server stated one.
    pub epoch: Epoch,
    /// The last row stored, or known to be lost; [`Seq::NONE`] before the first.
    pub applied: Seq,
    /// The stream's running digest from sequence 1 to `applied`; 0 when it is not known, as after a
    /// truncation until the sender states it again.
    pub digest: Digest,
    /// When it last moved, by this machine's clock.
    pub updated: UnixMillis,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Committed {
    /// Rows stored.
    pub rows: u64,
    /// Rows left out, being there already.
    pub duplicates: u64,
    /// Rows taken back by rewinds and resets.
    pub removed: u64,
}

/// A cursor without its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) epoch: Epoch,
    pub(super) applied: Seq,
    /// `None`: not known.
    pub(super) running: Option<Digest>,
    pub(super) updated: UnixMillis,
}

impl Place {
    pub(super) fn cursor(&self, key: &StreamKey) -> Cursor {
        Cursor {
            key: key.clone(),
            epoch: self.epoch,
            applied: self.applied,
            digest: self.running.unwrap_or_default(),
            updated: self.updated,
        }
    }
}
