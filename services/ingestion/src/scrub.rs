//! Reading old records for no other reason than to find damage.
//!
//! A record that nobody reads may be damaged for months, and its good copy (an archive, a backup) be gone by
//! the time somebody asks. So everything is read once a day, slowly.

use crate::SERVICE;
use gapless_journal::Journal;
use gapless_model::Position;
use gapless_service_kit::health::{Condition, condition};
use gapless_service_kit::metrics::{self, names};
use std::time::{Duration, Instant};

/// Read with each tick, about a second: 16 GiB take an hour and a quarter, and a disk hardly notices.
const TICK_BYTES: usize = 4 << 20;

/// From the end of one round to the next: disks lose bits over months.
const PAUSE: Duration = Duration::from_secs(24 * 3600);

/// How far the round is.
pub(crate) struct Scrub {
    next: Position,
    not_before: Instant,
}

impl Scrub {
    /// The first round begins at once: what a power loss did shows now.
    pub(crate) fn new(now: Instant) -> Scrub {
        Scrub { next: Position::FIRST, not_before: now }
    }

    /// Reads on a little.
    pub(crate) fn tick(&mut self, journal: &Journal, now: Instant) {
        if now < self.not_before {
            return;
        }
        match journal.read(self.next, TICK_BYTES) {
            Ok(read)
                if !read.records.is_empty()
                    && read.first.0 + (read.records.len() as u64) <= read.latest.0 =>
            {
                self.next = Position(read.first.0 + read.records.len() as u64);
            }
            Ok(_) => self.rest(now),
            Err(error) => {
                tracing::error!(%error, "the journal cannot be read to look for damage");
                self.rest(now);
            }
        }
    }

    fn rest(&mut self, now: Instant) {
        self.next = Position::FIRST;
        self.not_before = now + PAUSE;
    }
}

/// What is known of damage, as `/readyz` and the metrics tell it. The service works on meanwhile, so the
/// condition holds.
pub(crate) struct Intact(Condition);

impl Intact {
    pub(crate) fn new() -> Intact {
        let condition = condition(SERVICE, "journal-intact", "");
        condition.holds();
        Intact(condition)
    }

    pub(crate) fn look(&self, journal: &Journal) {
        let damage = journal.damage();
        let records: u64 = damage.iter().map(gapless_journal::Damage::records).sum();
        metrics::gauge(names::JOURNAL_DAMAGED, SERVICE, &[]).set(records as f64);
        match damage.first() {
            None => self.0.holds(),
            Some(first) => self.0.holds_but(match damage.len() {
                1 => first.to_string(),
                places => format!(
                    "{places} damaged places with {records} records that cannot be served any more, the first: {first}"
                ),
            }),
        }
    }
}
