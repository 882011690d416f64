//! A missing range, the health of a follower, and what it has counted.

use gapless_model::{Epoch, MonoTime, SeqRange};

/// A range of rows known to exist and not handed over: one line of the gap ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The epoch in which it was found.
    pub epoch: Epoch,
    /// Which rows.
    pub range: SeqRange,
    /// How it was found.
    pub cause: GapCause,
    /// When it was found.
    pub detected: MonoTime,
    /// When its last row was handed over; `None` while it is open.
    pub healed: Option<MonoTime>,
}

/// How a gap was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapCause {
    /// The log was ahead of the cursor at the beginning: not a loss.
    Join,
    /// A live chunk began after the expected row.
    Missed,
    /// A heartbeat or status told of rows that the live feed did not bring.
    Tail,
    /// A live chunk came whose rows do not continue what was handed over, by their running digest.
    Damaged,
    /// The follower's own buffer was full and forgot rows.
    Overflow,
    /// The epoch changed; what follows the shared history is read again.
    EpochChange,
}

impl GapCause {
    /// Its name in text forms and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            GapCause::Join => "join",
            GapCause::Missed => "missed",
            GapCause::Tail => "tail",
            GapCause::Damaged => "damaged",
            GapCause::Overflow => "overflow",
            GapCause::EpochChange => "epoch_change",
        }
    }
}

/// How a follower is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// The live connection is lost, as the driver told.
    Disconnected,
    /// Nothing was heard yet.
    Connecting,
    /// Connected and idle: the log proves its end, no rows come.
    Subscribed,
    /// Rows are coming.
    Receiving,
    /// Rows are missing and being replayed.
    Backfilling,
    /// A heartbeat is overdue, or missing rows do not come.
    Stalled,
}

impl Health {
    /// Its name in text forms.
    pub fn name(self) -> &'static str {
        match self {
            Health::Disconnected => "disconnected",
            Health::Connecting => "connecting",
            Health::Subscribed => "subscribed",
            Health::Receiving => "receiving",
            Health::Backfilling => "backfilling",
            Health::Stalled => "stalled",
        }
    }
}

/// What a coordinator has counted since it was made.
///
/// A late start ([`GapCause::Join`]) is no loss: its gap counts only when rows of it were given up. So at
/// all times `gaps_found == gaps_healed + gaps_truncated + gaps_void +` the open ones of other causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Gaps found.
    pub gaps_found: u64,
    /// Gaps whose rows all came.
    pub gaps_healed: u64,
    /// Gaps that ended by giving up rows.
    pub gaps_truncated: u64,
    /// Gaps that an epoch change made meaningless.
    pub gaps_void: u64,
    /// Rows handed over.
    pub rows_delivered: u64,
    /// Rows given up.
    pub rows_truncated: u64,
    /// Rows that came again and were dropped.
    pub rows_duplicate: u64,
    /// Rows that the full buffer forgot (and replay brought).
    pub rows_overflowed: u64,
    /// Chunks of an epoch that is over.
    pub chunks_stale: u64,
    /// Live chunks that were refused because their rows do not continue what was handed over.
    pub chunks_damaged: u64,
    /// Requests that came to nothing, for whatever reason.
    pub requests_failed: u64,
}
