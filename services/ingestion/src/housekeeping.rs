//! What happens once a second: followers' positions are stored, old segments retired, a piece of the
//! journal read for damage, gauges set.

use crate::core::Ledger;
use crate::intake::Intake;
use crate::scrub::{Intact, Scrub};
use crate::{SERVICE, clock};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use gapless_journal::{Journal, JournalError};
use gapless_service_kit::metrics::{self, names};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A follower's acknowledgement is at most this old on disk; retention in whole segments is not urgent.
const TICK: Duration = Duration::from_secs(1);

pub(crate) struct Housekeeping {
    pub(crate) journal: Journal,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) intake: Intake,
}

impl Housekeeping {
    /// Works until `stop` disconnects.
    pub(crate) fn run(self, stop: &Receiver<()>) {
        let mut held_by = None;
        let mut scrub = Scrub::new(Instant::now());
        let intact = Intact::new();
        loop {
            self.retire(&mut held_by);
            scrub.tick(&self.journal, Instant::now());
            intact.look(&self.journal);
            self.measure();
            match stop.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn retire(&self, held_by: &mut Option<String>) {
        match self.journal.retire(clock::now_ms()) {
            Ok(retired) => {
                // Said once per follower, not each second.
                if let Some(follower) = &retired.held_by
                    && *held_by != retired.held_by
                {
                    tracing::warn!(
                        follower,
                        "a follower holds back journal segments that are due to be retired"
                    );
                }
                *held_by = retired.held_by;
                let forgotten = metrics::counter(names::FOLLOWERS_FORGOTTEN, SERVICE, &[]);
                forgotten.increment(retired.forgotten.len() as u64);
            }
            // The journal has said so itself.
            Err(JournalError::Halted { .. }) => {}
            Err(error) => tracing::warn!(%error, "the journal could not be tidied"),
        }
    }

    fn measure(&self) {
        let gauge = |name, value: u64| metrics::gauge(name, SERVICE, &[]).set(value as f64);
        let status = self.journal.status();
        gauge(names::JOURNAL_POSITION, status.latest.0);
        gauge(names::JOURNAL_EARLIEST, status.earliest.0);
        gauge(names::JOURNAL_SIZE, status.bytes);
        gauge(names::JOURNAL_EPOCH, status.epoch.0);
        gauge(names::STREAMS, self.ledger.stream_count() as u64);
        let (waiting, _) = self.intake.queue().depth();
        metrics::gauge(names::QUEUE_ITEMS, SERVICE, &[("queue", "intake")]).set(waiting as f64);
    }
}
