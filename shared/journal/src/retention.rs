//! Retiring old records, whole segments at a time, oldest first.

use crate::error::io_error;
use crate::journal::Log;
use crate::segment::Segment;
use crate::{FollowerStatus, Journal, JournalError, Retention};
use gapless_model::{Position, UnixMillis};
use gapless_planted::{Bug, on};
use std::sync::Arc;

/// What was retired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retired {
    /// How many files were removed.
    pub segments: usize,
    /// How many bytes they had.
    pub bytes: u64,
    /// The last position that is gone; [`Position::NONE`] when nothing was removed.
    pub up_to: Position,
    /// A follower that still needs what would be retired otherwise.
    pub held_by: Option<String>,
    /// Followers whose lease was over and who held something back: they are not known any more. One that
    /// returns is told from where on records are left.
    pub forgotten: Vec<FollowerStatus>,
}

impl Journal {
    /// Removes segments that are older or more than the options keep, as far as every registered
    /// follower has acknowledged them or is gone for longer than its lease. The segment being written always
    /// stays. Then it stores what followers acknowledged: after, since a full disk may have room only then,
    /// and a follower that is remembered as further behind than it is only holds back more.
    ///
    /// To be called at least once a minute: leases count the time between two calls, a minute of it at most.
    ///
    /// It also looks whether the files are still in their place ([`Journal::halted`]); while the journal is halted
    /// nothing is removed.
    ///
    /// # Errors
    /// When files cannot be removed or followers not be stored; nothing that is needed is lost.
    /// [`JournalError::Halted`] when the files are not in their place.
    pub fn retire(&self, now: UnixMillis) -> Result<Retired, JournalError> {
        self.look_at_place()?;
        self.shared.followers().pass(now);
        let removed = match self.halted() {
            Some(_) => Ok(Retired::default()),
            None => self.remove_retirable(now),
        };
        self.persist_followers()?;
        removed
    }

    fn remove_retirable(&self, now: UnixMillis) -> Result<Retired, JournalError> {
        let mut retired = Retired::default();
        while let Some((segment, bytes, last)) = self.take_retirable(now, &mut retired) {
            if let Err(failed) = self.remove(&segment, last.next()) {
                self.put_back(segment, bytes);
                return Err(failed);
            }
            self.shared.damages.forget(last);
            // One by one, so that a power loss never leaves a hole.
            let dir = &self.shared.dir;
            self.shared.disk.sync_dir(dir).map_err(io_error("sync", dir))?;
            retired.segments += 1;
            retired.bytes += bytes;
            retired.up_to = last;
        }
        if retired.segments > 0 {
            tracing::info!(segments = retired.segments, bytes = retired.bytes, up_to = %retired.up_to,
                "journal segments retired");
        }
        Ok(retired)
    }

    /// Removes a segment, after it was noted that the oldest record is `earliest` from now on: a file that is missing
    /// without that was removed by somebody else. A full disk may have room for the note only after.
    fn remove(&self, segment: &Segment, earliest: Position) -> Result<(), JournalError> {
        let note = || self.shared.change_meta(|meta| meta.earliest = Some(earliest.0));
        let noted = match note() {
            Err(JournalError::NoSpace { .. }) => false,
            other => other.map(|()| true)?,
        };
        self.shared.disk.remove(&segment.path).map_err(io_error("remove", &segment.path))?;
        if !noted && let Err(error) = note() {
            tracing::warn!(%error, "the next start may say of a retired journal file that it is missing");
        }
        Ok(())
    }

    /// Takes the oldest segment out of the log if it may go: then no new reader finds it.
    fn take_retirable(
        &self,
        now: UnixMillis,
        retired: &mut Retired,
    ) -> Option<(Arc<Segment>, u64, Position)> {
        let mut followers = self.shared.followers();
        let mut log = self.shared.log();
        let (bytes, last) = retirable(&log, self.shared.retention, now)?;
        if let Some(lease) = self.shared.retention.follower_lease {
            let gone = followers.forget_gone(last, lease);
            gone.iter().for_each(|follower| say_forgotten(follower, log.latest, now));
            retired.forgotten.extend(gone);
        }
        let slowest = followers.slowest().filter(|(_, acknowledged)| *acknowledged < last);
        retired.held_by = slowest.map(|(id, _)| id.to_owned());
        if retired.held_by.is_some() && !on(Bug::FollowersIgnored) {
            return None;
        }
        log.sealed_bytes -= bytes;
        log.segments.pop_front().map(|segment| (segment, bytes, last))
    }

    /// A segment whose file stays, stays in the log: to retire the next one would leave a hole before it.
    fn put_back(&self, segment: Arc<Segment>, bytes: u64) {
        let mut log = self.shared.log();
        log.sealed_bytes += bytes;
        log.segments.push_front(segment);
    }
}

fn say_forgotten(follower: &FollowerStatus, latest: Position, now: UnixMillis) {
    let gone_s = now.0.saturating_sub(follower.seen.0) / 1000;
    tracing::warn!(follower = follower.id, gone_s, may_lose_from = %follower.acknowledged.next(), to = %latest,
        "a journal follower was not heard of for longer than its lease: what it needs is retired");
}

/// The bytes and the last position of the oldest segment if the retention wants it gone.
fn retirable(log: &Log, retention: Retention, now: UnixMillis) -> Option<(u64, Position)> {
    let next = log.segments.get(1)?;
    // The next segment was begun when the oldest got its last record.
    let age_ms = u64::try_from(now.0.saturating_sub(next.header.created.0)).unwrap_or_default();
    let old = retention.max_age.is_some_and(|max| u128::from(age_ms) > max.as_millis());
    let big = retention.max_bytes.is_some_and(|max| log.sealed_bytes + log.end > max);
    let last = Position(next.first().0.saturating_sub(1));
    (old || big).then_some((next.header.previous.bytes, last))
}
