//! Compares epochs: which rows does another history share with this one?
//!
//! An epoch's rows are those of the epoch before it up to its first sequence, then its own. So two epochs
//! of one history share what lies before the *smallest* first sequence of all epochs after the older one:
//! each of them may have started further back than the last. Comparing only with the newest epoch was
//! rejected: a reader that slept through two losses would keep rows that the first of them took.

use crate::LogStatus;
use gapless_model::{Epoch, EpochStart, Seq};
use gapless_planted::{Bug, on};

/// The epoch that a follower is in, with what is known of its past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EpochView {
    epoch: Epoch,
    /// Oldest first, the current one last; empty when nothing was told yet.
    history: Vec<EpochStart>,
}

/// What a stated epoch is to a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The same.
    Current,
    /// A past one: rows before `shared` are the same in both.
    Earlier { shared: Seq },
    /// One that began after everything known here.
    Newer,
    /// One that is not part of this history.
    Stale,
}

impl EpochView {
    /// A view of which only the epoch is known.
    pub(crate) fn new(epoch: Epoch) -> EpochView {
        EpochView { epoch, history: Vec::new() }
    }

    /// The view of a server that was asked for its history. One that makes no sense counts as none.
    pub(crate) fn of_status(status: &LogStatus) -> EpochView {
        let ascending = status.epochs.windows(2).all(|pair| match pair {
            [older, newer] => older.epoch < newer.epoch,
            _ => true,
        });
        let ends_here = status.epochs.last().is_some_and(|start| start.epoch == status.epoch);
        let history = if ascending && ends_here {
            status.epochs.clone()
        } else {
            vec![EpochStart { epoch: status.epoch, first_sequence: Seq::FIRST }]
        };
        EpochView { epoch: status.epoch, history }
    }

    /// The current epoch.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether a server was asked for the past. Before, rows of a past epoch cannot be told from stale ones.
    pub(crate) fn is_known(&self) -> bool {
        !self.history.is_empty()
    }

    /// What `epoch` is to this view.
    pub(crate) fn standing(&self, epoch: Epoch) -> Standing {
        if epoch == self.epoch || (on(Bug::StaleEpochAccepted) && epoch < self.epoch) {
            return Standing::Current;
        }
        if epoch > self.epoch {
            return Standing::Newer;
        }
        match self.shared_with(epoch) {
            Some(shared) => Standing::Earlier { shared },
            None => Standing::Stale,
        }
    }

    /// Rows before this one are the same here and in `epoch`; `None` when it is not part of the history.
    pub(crate) fn shared_with(&self, epoch: Epoch) -> Option<Seq> {
        let at = self.history.iter().position(|start| start.epoch == epoch)?;
        let mut later = self.history.iter().skip(at + 1).map(|start| start.first_sequence);
        let shared = if on(Bug::NewestEpochOnly) { later.next_back() } else { later.min() };
        Some(shared.unwrap_or(Seq(u64::MAX)))
    }
}

#[cfg(test)]
mod tests;
