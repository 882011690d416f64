//! What a subscription hands to the application.

use gapless_model::{Batch, Epoch, Position, Seq, SeqRange, StreamKey, UnixMillis, Watermark};
pub use gapless_protocol::{GapCause, Health, TruncateReason};

/// Something happened on a stream. Per stream the order is the truth: rows come in sequence, and what
/// interrupts them comes where it interrupts them.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The next rows; they follow on the last ones without a hole.
    Rows(Batch),
    /// Rows are missing; nothing newer of this stream comes before they are here.
    GapOpened {
        /// Which stream.
        key: StreamKey,
        /// What is missing.
        gap: Gap,
    },
    /// The missing rows were handed over.
    GapHealed {
        /// Which stream.
        key: StreamKey,
        /// What was missing.
        gap: Gap,
    },
    /// The history changed while the rows were missing: the gap is over. What of it exists in the new
    /// history comes next, mostly after a gap of its own.
    GapVoid {
        /// Which stream.
        key: StreamKey,
        /// What was missing.
        gap: Gap,
    },
    /// These rows are gone for good; mostly because retention removed them before they were read. A
    /// [`Event::State`] follows when live-engine answers, and the rows go on after the range.
    Truncated {
        /// Which stream.
        key: StreamKey,
        /// The epoch of the range.
        epoch: Epoch,
        /// What is gone.
        range: SeqRange,
        /// Why.
        reason: TruncateReason,
    },
    /// History was lost upstream: rows after `keep` never happened and are to be taken back.
    Rewind {
        /// Which stream.
        key: StreamKey,
        /// The history that was followed.
        from: Epoch,
        /// The history that is followed now.
        to: Epoch,
        /// The last row that stays.
        keep: Seq,
    },
    /// The stream began anew: every row is to be taken back.
    Reset {
        /// Which stream.
        key: StreamKey,
        /// The history that was followed.
        from: Epoch,
        /// The history that is followed now.
        to: Epoch,
    },
    /// The current state, after a truncation.
    State(Box<State>),
    /// The connection to a stream changed.
    Health {
        /// Which stream.
        key: StreamKey,
        /// What it is now.
        health: Health,
    },
    /// Everything that was there when the subscription asked has been handed over.
    CaughtUp {
        /// Which stream.
        key: StreamKey,
        /// The last row of it; [`Seq::NONE`] when the stream has no rows.
        at: Seq,
    },
}

/// A range that was missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The epoch of the range.
    pub epoch: Epoch,
    /// What was missing.
    pub range: SeqRange,
    /// How that was noticed.
    pub cause: GapCause,
    /// When it was noticed, on this machine's clock.
    pub detected: UnixMillis,
    /// When the rows were here; `None` while they are not.
    pub healed: Option<UnixMillis>,
}

/// What live-engine keeps of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Which stream.
    pub key: StreamKey,
    /// The state is that after this journal record.
    pub position: Position,
    /// How far the stream is.
    pub watermark: Watermark,
    /// The last rows; `None` when there are none.
    pub window: Option<Batch>,
    /// The row of a derived stream that is not closed yet; `None` when there is none.
    pub forming: Option<Batch>,
}

impl Event {
    /// Which stream it is about.
    pub fn key(&self) -> &StreamKey {
        match self {
            Event::Rows(batch) => &batch.key,
            Event::State(state) => &state.key,
            Event::GapOpened { key, .. }
            | Event::GapHealed { key, .. }
            | Event::GapVoid { key, .. }
            | Event::Truncated { key, .. }
            | Event::Rewind { key, .. }
            | Event::Reset { key, .. }
            | Event::Health { key, .. }
            | Event::CaughtUp { key, .. } => key,
        }
    }

    /// The rows, if it brings any.
    pub fn rows(&self) -> Option<&Batch> {
        match self {
            Event::Rows(batch) => Some(batch),
            _ => None,
        }
    }

    /// Whether the cursor moves when it is acknowledged.
    pub fn moves_cursor(&self) -> bool {
        match self {
            Event::Rows(_) | Event::Truncated { .. } | Event::Rewind { .. } | Event::Reset { .. } => true,
            Event::GapOpened { .. }
            | Event::GapHealed { .. }
            | Event::GapVoid { .. }
            | Event::State(_)
            | Event::Health { .. }
            | Event::CaughtUp { .. } => false,
        }
    }
}
