//! Which checkpoints an engine may begin from.
//!
//! The journal's coordinator judges in the end: it compares the checkpoint's epoch and position with the
//! epochs that the journal states, and says so when they do not fit. What it said rules out all those that
//! it would refuse again, so that each attempt begins further back and there is a last one.

use gapless_model::{Epoch, Position};
use gapless_planted::{Bug, on};
use gapless_protocol::Event;

/// Why an engine begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// It is the first one.
    Fresh,
    /// The journal lost records after `keep`.
    Rewind {
        /// The epoch until now.
        from: Epoch,
        /// The last record that stays.
        keep: Position,
    },
    /// The journal is another one.
    Reset {
        /// The epoch until now.
        from: Epoch,
    },
}

impl Restart {
    /// What an event of the journal's follower asks for; `None` when it is no reason to begin anew.
    pub fn of(event: &Event) -> Option<Restart> {
        match event {
            Event::Rewind { from, keep, .. } => Some(Restart::Rewind { from: *from, keep: Position(keep.0) }),
            Event::Reset { from, .. } => Some(Restart::Reset { from: *from }),
            Event::GapOpened(_)
            | Event::GapHealed(_)
            | Event::GapVoid(_)
            | Event::Truncated { .. }
            | Event::CaughtUp { .. }
            | Event::Health(_) => None,
        }
    }

    /// Whether the state of `epoch` after `position` may be begun from.
    pub fn allows(&self, epoch: Epoch, position: Position) -> bool {
        match self {
            Restart::Fresh => true,
            Restart::Rewind { from, keep } => {
                epoch <= *from && (position <= *keep || on(Bug::LostCheckpointTaken))
            }
            Restart::Reset { from } => epoch < *from,
        }
    }
}

#[cfg(test)]
mod tests;
