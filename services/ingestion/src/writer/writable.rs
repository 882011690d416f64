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

    /// While it does not work: whether it would, so that nobody has to write for that.
    pub(super) fn look(&mut self, probe: impl FnOnce() -> Result<(), JournalError>) {
        if !self.works && probe().is_ok() {
            self.works();
        }
    }

    pub(super) fn fails(&mut self, error: &JournalError) {
        if self.works {
            tracing::warn!(%error, "the journal cannot be written: batches are refused until it can");
            self.works = false;
        }
        self.condition.fails(error.to_string());
    }
}
