//! Whether the journal can be written, as `/readyz` and the log tell it.

use crate::SERVICE;
use gapless_journal::JournalError;
use gapless_service_kit::health::{Condition, condition};

/// Says each change once, however many groups are refused meanwhile.
pub(super) struct Writable {
    condition: Condition,
    works: bool,
}

impl Writable {
    pub(super) fn new() -> Writable {
        let condition = condition(SERVICE, "journal-writable", "not open yet");
        condition.holds();
        Writable { condition, works: true }
    }

    pub(super) fn works(&mut self) {
        if !self.works {
            tracing::info!("the journal is written again");
            self.condition.holds();
            self.works = true;
        }
    }

    /// Whether it would work, so that nobody has to write for that. `halted` says why it does not for good.
    pub(super) fn look(
        &mut self,
        halted: Option<JournalError>,
        probe: impl FnOnce() -> Result<(), JournalError>,
    ) {
        if let Some(error) = halted {
            return self.fails(&error);
        }
        if !self.works && probe().is_ok() {
            self.works();
        }
    }

    pub(super) fn fails(&mut self, error: &JournalError) {
        // The journal has said itself that it is halted.
        if self.works && !matches!(error, JournalError::Halted { .. }) {
            tracing::warn!(%error, "the journal cannot be written: batches are refused until it can");
        }
        self.works = false;
        self.condition.fails(error.to_string());
    }
}
