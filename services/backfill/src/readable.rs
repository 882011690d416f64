//! What `/readyz` says about reading the archive.
//!
//! A look that failed for want of memory or of a free file may succeed the next time, damage does not heal:
//! it is said until somebody has looked, which is until the restart.

use crate::meters::SERVICE;
use gapless_model::StreamKey;
use gapless_service_kit::health::{Condition, condition};

/// Whether rows can be read.
pub(crate) struct Readable {
    condition: Condition,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    Failing,
    Damaged,
}

impl Readable {
    /// Nothing speaks against it.
    pub(crate) fn new() -> Readable {
        let condition = condition(SERVICE, "archive-readable", "");
        condition.holds();
        Readable { condition, state: State::Well }
    }

    /// Rows of `key` could not be read.
    pub(crate) fn failed(&mut self, key: &StreamKey, reason: &str, is_damage: bool) {
        if self.state == State::Damaged {
            return;
        }
        self.state = if is_damage { State::Damaged } else { State::Failing };
        let advice =
            if is_damage { ": `gapless verify` tells how much, --rebuild begins a new archive" } else { "" };
        self.condition.fails(format!("rows of {key} could not be read: {reason}{advice}"));
    }

    /// Rows came out of the archive.
    pub(crate) fn succeeded(&mut self) {
        if self.state == State::Failing {
            self.state = State::Well;
            self.condition.holds();
        }
    }
}
