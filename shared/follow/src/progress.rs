//! How far one log is followed.

use gapless_model::{Epoch, MonoTime, Seq};
use gapless_protocol::{Coordinator, Counts, Health};

/// How far one log is followed, for screens and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The epoch of `applied`: with it, what a cursor stores.
    pub epoch: Epoch,
    /// The last row that was handed over; [`Seq::NONE`] when none was.
    pub applied: Seq,
    /// The newest row heard of.
    pub seen: Seq,
    /// How the follower is.
    pub health: Health,
    /// What was counted since the start.
    pub counts: Counts,
    /// When the live side last gave a sign of life, on the follower's [`crate::Clock`].
    pub last_sign_of_life: Option<MonoTime>,
}

impl Progress {
    pub(crate) fn of<T>(coordinator: &Coordinator<T>) -> Progress {
        let (epoch, applied) = coordinator.applied();
        Progress {
            epoch,
            applied,
            seen: coordinator.seen(),
            health: coordinator.health(),
            counts: coordinator.counts(),
            last_sign_of_life: coordinator.last_sign_of_life(),
        }
    }

    /// Rows known to exist and not handed over.
    pub fn lag(&self) -> u64 {
        self.seen.0.saturating_sub(self.applied.0)
    }
}
