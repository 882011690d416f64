//! When a decision may be told.

use super::Decision;
use crate::{AckWhen, Receipt, Refusal};
use gapless_journal::Appended;
use gapless_model::Position;
use gapless_planted::{Bug, on};

/// What to tell the submitter, and when.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// At once.
    Now(Result<Receipt, Refusal>),
    /// Once everything up to `position` is synced; then [`Receipt::synced`]. When the journal breaks before,
    /// [`Refusal::unwritten`].
    WhenSynced {
        /// What has to be synced.
        position: Position,
        /// The receipt, as if only written.
        receipt: Receipt,
    },
}

impl Decision {
    /// What to tell, after the decision's group was `appended` and published; `synced` is how far the journal
    /// is synced.
    pub fn answer(self, ack: AckWhen, appended: Appended, synced: Position) -> Answer {
        let receipt = match self {
            Decision::Refused(refusal) => return Answer::Now(Err(refusal)),
            Decision::Sequenced(receipt) | Decision::Duplicate(receipt) => receipt,
        };
        // An old duplicate has no known position: it lies before whatever is the last one now.
        let position = if receipt.position == Position::NONE { appended.last } else { receipt.position };
        if appended.synced || synced >= position || on(Bug::UnsyncedCalledSynced) {
            return Answer::Now(Ok(receipt.synced()));
        }
        match ack {
            AckWhen::Written => Answer::Now(Ok(receipt)),
            AckWhen::Synced => Answer::WhenSynced { position, receipt },
        }
    }
}
