//! Mistakes that can be switched on, to test whether the simulation finds them.
//!
//! Each one is a mistake that a known system made. A crate asks [`on`] at the place where it would be made.
//! Without the feature `planted`, [`on`] is a constant `false` and the mistake is compiled away; with
//! it, a mistake is on for one thread while `with` runs. It is not fault injection: faults come from outside
//! and must be survived, these are wrong code and must be noticed.
//!
//! ```
//! use gapless_planted::{Bug, on};
//! assert!(!on(Bug::TailGapIgnored));
//! ```

/// Declares the mistakes, each with the sentence that its documentation and its description share.
macro_rules! bugs {
    ($($text:literal $name:ident,)*) => {
        /// A mistake in the code, by what goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Bug {
            $(#[doc = $text] $name,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Bug] = &[$(Bug::$name),*];

            /// What goes wrong, and who is known for it.
            pub fn describe(self) -> &'static str {
                match self {
                    $(Bug::$name => $text,)*
                }
            }
        }
    };
}

bugs! {
    "A watermark that proves a lost tail is not compared with what came: the last rows of a stream \
     that went quiet are missed. A follower that looks for gaps only between messages does this."
    TailGapIgnored,
    "A live batch behind a gap is handed over at once. Every feed handler that logs a gap and goes on \
     does this."
    LivePassesGap,
    "A batch that overlaps what was handed over is handed over whole. The usual mistake where a \
     snapshot and a live feed are joined."
    RowsTwice,
    "Rows that will not come are passed over without an event: a consumer whose offset is out of \
     range and is reset silently (Kafka's `auto.offset.reset`)."
    TruncationUntold,
    "The epoch changes and the old sequence is kept, as if it meant the same row."
    OldSequenceInNewEpoch,
    "Rows of a lost history are replaced without telling whoever got them, as Kafka's followers did \
     before leader epochs (KIP-101)."
    RewindUntold,
    "The row after the end of a page is left out: an off-by-one between an inclusive and an exclusive \
     bound."
    PageBorderSkipped,
    "What came too early is kept without a limit while a gap is open."
    BufferUnbounded,
    "Failed requests are repeated at once: no back-off."
    RetryStorm,
    "Rows of a history that is over are taken for rows of the current one: a fenced writer's messages \
     that are still under way."
    StaleEpochAccepted,
    "Of all epochs since, only the newest is looked at: a follower that slept through two losses \
     keeps rows that the first took (what KIP-279 mended in Kafka)."
    NewestEpochOnly,
    "A replay side that is behind the live feed is believed to have no such rows."
    NotYetTakenForGone,
    "The memory of producers' numbers is not rebuilt at a restart: a retry is taken twice, as with an \
     in-memory deduplication cache."
    ProducersForgotten,
    "Numbers given to a group that could not be written are not taken back: sequences have holes."
    NumbersKeptAfterFailure,
    "A write that failed is acknowledged."
    AcknowledgedUnwritten,
    "A receipt says synced before it is, as databases did over disks that lied about `fsync`."
    UnsyncedCalledSynced,
    "A segment begins without the state of the sequencer: after retention, sequences begin anew."
    SegmentWithoutState,
    "A record whose checksum is wrong is taken: half a write becomes a row."
    TornRecordAccepted,
    "Acknowledged records were lost and the epoch stays: two histories under one name."
    EpochSurvivesLoss,
    "A new epoch is named by the clock alone, which may have been set back."
    EpochFromClock,
    "Retention removes what a registered follower has not got."
    FollowersIgnored,
    "A file is put in place before its bytes are on the disk: after a power loss it is empty (the \
     zero-length files of ext4 and XFS)."
    RenamedUnsynced,
    "The cursor is stored before the rows that it stands for: at-most-once delivery called exactly- \
     once."
    CursorBeforeRows,
    "The journal is told that rows are safe before the archive has committed them."
    AcknowledgedUncommitted,
    "Rows that are still on their way are noted as missing for good."
    ViewTakenEarly,
    "Rows of a lost history that wait for their commit are committed after it."
    PendingKeptAfterRewind,
    "Rows of a lost history are still served from memory: a cache that is not emptied."
    HotKeptAfterRewind,
    "Derived batches are numbered by a counter that begins anew with the process: after a restart \
     they look like retries."
    DerivedCountedAnew,
    "A checkpoint leaves out what waits to be sent: after a restart it is never sent."
    CheckpointWithoutWaiting,
    "The watermark states one row more than there is."
    WatermarkAhead,
    "A checkpoint is believed whatever its checksums say: rotten bytes become state."
    DamagedCheckpointAccepted,
    "A checkpoint takes the place of an older one without being read back: backups that nobody ever \
     restored."
    CheckpointNotReadBack,
    "Of two checkpoints the one at the larger position counts as newer, whatever its history: after a \
     loss, those that are good are removed."
    NewestByPosition,
    "The journal lets go of everything before the newest checkpoint: once that is damaged, the one \
     before it leads nowhere."
    NewestCheckpointOnly,
    "A checkpoint of a lost history lets the journal go of records that only the lost ones stood for."
    CheckpointEpochIgnored,
    "After a loss the engine begins from a checkpoint that has the lost records, again and again."
    LostCheckpointTaken,
    "A state that is handed out in parts goes on changing meanwhile: a fuzzy snapshot."
    StateChangesUnderWay,
}

/// Whether `bug` is switched on, on this thread.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn on(_bug: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
mod switch {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Whether `bug` is switched on, on this thread.
    pub fn on(bug: Bug) -> bool {
        ON.get() == Some(bug)
    }

    /// Runs `work` with `bug` switched on for this thread; `None` switches nothing on.
    pub fn with<T>(bug: Option<Bug>, work: impl FnOnce() -> T) -> T {
        struct Off(Option<Bug>);
        impl Drop for Off {
            fn drop(&mut self) {
                ON.set(self.0);
            }
        }
        let _off = Off(ON.replace(bug));
        work()
    }
}

#[cfg(feature = "planted")]
pub use switch::{on, with};
