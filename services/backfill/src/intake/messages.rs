//! What an intake is told, what it wants done, and what it wants written.

use gapless_follow::JournalEvent;
use gapless_model::{Batch, Epoch, Position, StreamStatus};
use gapless_protocol::Begin;

/// Something that happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The journal's follower tells this. Its events wait here while
    /// [`takes_events`](super::Intake::takes_events) is `false`.
    Journal(JournalEvent),
    /// The write that was polled last is done; the archive is here now.
    Written {
        /// Its position.
        position: Position,
        /// Its epoch.
        epoch: Epoch,
    },
    /// The write that was polled last came to nothing, and nothing changed in the archive.
    Failed {
        /// The write, given back.
        write: Write,
        /// What the archive said.
        reason: String,
    },
    /// Whatever is pending shall be committed at once.
    Flush,
}

/// Something for the driver to do, in the order in which it is polled.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Do this to the archive, then bring [`Input::Written`] or [`Input::Failed`]. No other write comes
    /// before.
    Write(Write),
    /// Everything up to here is safe: tell the journal's follower.
    Acknowledge {
        /// The epoch in which the position is meant.
        epoch: Epoch,
        /// The last record that is safe.
        position: Position,
    },
    /// Nothing after this is safe any more: tell the journal's follower.
    TakeBack {
        /// The epoch in which the position is meant.
        epoch: Epoch,
        /// The last record that is safe.
        position: Position,
    },
    /// Ask the journal for its view of every stream.
    RequestStreams,
    /// Replace the journal's follower by one that begins here.
    FollowAnew(Begin),
    /// Everything that the journal has is served: unknown streams do not exist.
    Ready,
    /// It is not so any more.
    Behind {
        /// Why.
        reason: String,
    },
    /// The archive takes rows again.
    Writable,
    /// The archive does not take rows.
    Unwritable {
        /// What it said.
        reason: String,
    },
    /// The archive has not taken rows for a minute: stop, somebody has to look.
    GiveUp {
        /// What it said last.
        reason: String,
    },
}

/// A change of the archive. Each is one transaction: wholly there, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Rows and the position of the last record.
    Commit(Vec<(Position, Batch)>),
    /// The journal lost what came after `keep`.
    Rewind {
        /// The last record that stays.
        keep: Position,
        /// The epoch until now.
        from: Epoch,
        /// The epoch from now on.
        to: Epoch,
        /// The journal's view of every stream.
        streams: Vec<StreamStatus>,
    },
    /// The journal is another one: begin anew, keeping what there is beside.
    Reset {
        /// The other journal's epoch.
        to: Epoch,
    },
    /// The journal no longer has the records up to this one.
    SkipTo {
        /// The last record that it no longer has.
        position: Position,
        /// The journal's epoch.
        epoch: Epoch,
    },
    /// The journal's view of every stream, as of a position that the archive has reached. Its epoch
    /// histories are taken over, and rows that it gave out and that are not here are missing for good.
    TakeView {
        /// The view.
        streams: Vec<StreamStatus>,
    },
}
