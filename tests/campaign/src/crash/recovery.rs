//! How long a client takes to be gapless again.
//!
//! Measured from the moment at which a fault has ended (the process was started again, got SIGCONT, the disk
//! has space) to the moment at which the client has handed over every row that had been acknowledged to a
//! producer by then. That watermark comes from the producers' books, so no service needs to be asked, and a
//! client that lost nothing has a time of about zero.

use super::schedule::{Fault, Target};
use crate::client::Seen;
use gapless::StreamKey;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The end of one fault, as one client sees it.
#[derive(Debug)]
struct Recovery {
    fault: usize,
    began: Instant,
    goals: BTreeMap<StreamKey, u64>,
    /// Another fault began before it was over.
    disturbed: bool,
}

/// One that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recovered {
    /// Which fault, by its place in the schedule.
    pub(super) fault: usize,
    pub(super) took: Duration,
    pub(super) disturbed: bool,
}

/// The recoveries of one client.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    open: Vec<Recovery>,
    pub(super) done: Vec<Recovered>,
}

impl Recoveries {
    /// A fault has ended.
    pub(super) fn begin(&mut self, fault: usize, goals: BTreeMap<StreamKey, u64>, others: bool) {
        self.open.push(Recovery { fault, began: Instant::now(), goals, disturbed: others });
    }

    /// Another fault has begun.
    pub(super) fn disturb(&mut self) {
        self.open.iter_mut().for_each(|recovery| recovery.disturbed = true);
    }

    /// Looks how far the client is.
    pub(super) fn look(&mut self, seen: &Seen) {
        let now = Instant::now();
        let (over, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|recovery| seen.lag(&recovery.goals) == 0);
        self.open = open;
        self.done.extend(over.into_iter().map(|recovery| Recovered {
            fault: recovery.fault,
            took: now - recovery.began,
            disturbed: recovery.disturbed,
        }));
    }

    /// Those that are not over.
    pub(super) fn left(&self) -> usize {
        self.open.len()
    }
}

/// Whether a fault concerns a client: those of services concern all, those of a client itself alone.
pub(super) fn concerns(fault: &Fault, client: Target) -> bool {
    match fault.target {
        Target::Ingestion | Target::LiveEngine | Target::Backfill => true,
        Target::Producer => false,
        other => other == client,
    }
}

#[cfg(test)]
mod tests;
