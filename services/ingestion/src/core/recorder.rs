//! Deciding and writing as one step.

use super::decide::{Decision, decide};
use super::{Checked, Ledger};
use gapless_journal::{Appended, Appender, JournalError};
use gapless_model::{Position, UnixMillis};
use gapless_planted::{Bug, on};
use gapless_wire::Encoder;
use std::sync::Arc;

/// The one who gives out positions and sequences and writes them down.
///
/// A write may fail after the numbers were given out, so they are provisional until the journal has the
/// records: when it refuses, the sequencer takes all numbers of the group back. Whoever looks at the
/// [`Ledger`] meanwhile waits, and never sees what may be taken back.
#[derive(Debug)]
pub struct Recorder {
    ledger: Arc<Ledger>,
    appender: Appender,
    encoder: Encoder,
}

/// A group of submissions that is in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// One for each submission, in order.
    pub decisions: Vec<Decision>,
    /// The new records as the journal stores them and as they are published; one for each
    /// [`Decision::Sequenced`].
    pub records: Vec<Vec<u8>>,
    /// Their positions. Without records: the next one and the last one.
    pub appended: Appended,
}

impl Recorder {
    /// Goes on where `ledger` was restored to.
    pub fn new(ledger: Arc<Ledger>, appender: Appender) -> Recorder {
        Recorder { ledger, appender, encoder: Encoder::new() }
    }

    /// Decides on each submission of a group and writes all accepted ones with one append. `now_us` is what
    /// their batches say as time of publishing, Unix microseconds.
    ///
    /// # Errors
    /// What the journal said. Then nothing of the group is in the journal and nothing in the ledger: refuse
    /// all of it ([`Refusal::unwritten`](crate::Refusal::unwritten)).
    pub fn record(
        &mut self,
        group: impl IntoIterator<Item = Checked>,
        now_us: i64,
    ) -> Result<Recorded, JournalError> {
        let ledger = Arc::clone(&self.ledger);
        let mut sequencer = ledger.lock();
        let mut records = Vec::new();
        let decisions = group
            .into_iter()
            .map(|checked| decide(checked, now_us, &mut sequencer, &mut self.encoder, &mut records))
            .collect();
        match self.appender.append(&records) {
            Ok(appended) => {
                sequencer.commit(appended.last);
                Ok(Recorded { decisions, records, appended })
            }
            Err(error) if on(Bug::NumbersKeptAfterFailure) => {
                sequencer.commit(Position(u64::MAX));
                Err(error)
            }
            Err(_) if on(Bug::AcknowledgedUnwritten) => {
                sequencer.rollback();
                let next = self.appender.next_position();
                let appended = Appended { first: next, last: next, synced: false };
                Ok(Recorded { decisions, records: Vec::new(), appended })
            }
            Err(error) => {
                sequencer.rollback();
                Err(error)
            }
        }
    }

    /// A segment that is full is sealed; the next one opens with the ledger's state, from which
    /// [`Ledger::restore`] goes on. Whether there was one.
    ///
    /// # Errors
    /// What the journal said; the segment stays in use and the next call tries again.
    pub fn roll_if_due(&mut self, now: UnixMillis) -> Result<bool, JournalError> {
        if !self.appender.wants_roll(now) {
            return Ok(false);
        }
        let mut snapshot = self.ledger.lock().snapshot();
        if on(Bug::SegmentWithoutState) {
            snapshot.clear();
        }
        self.appender.roll(&snapshot, now)?;
        Ok(true)
    }

    /// Whether the disk has room again for the group that it refused last.
    ///
    /// # Errors
    /// What the journal said.
    pub fn probe(&self) -> Result<(), JournalError> {
        self.appender.probe()
    }

    /// The journal's writer, for closing it.
    pub fn into_appender(self) -> Appender {
        self.appender
    }
}
