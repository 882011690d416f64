//! Who still needs which records: `followers.json`.

use crate::damage::Damage;
use crate::{Journal, JournalError, side};
use gapless_disk::Disk;
use gapless_model::{Epoch, Position, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "followers.json";

/// What to do when it cannot be read.
const REMEDY: &str = "remove followers.json and followers.json.copy, followers say again what they have";

/// More followers than any installation has services; it keeps the file and every look at it small.
pub const MAX_FOLLOWERS: usize = 1000;

/// The longest follower id, in bytes: as for producers.
const MAX_ID_BYTES: usize = 128;

/// What one look adds to the time for which a follower was not heard of, at most.
const MAX_PASSED: Duration = Duration::from_secs(60);

/// How far one follower is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowerStatus {
    /// What it calls itself.
    pub id: String,
    /// It needs nothing up to and with this one any more.
    pub acknowledged: Position,
    /// When it last said so.
    pub seen: UnixMillis,
}

#[derive(Debug)]
pub(crate) struct Followers {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    known: BTreeMap<String, Follower>,
    /// When leases were looked at last.
    looked: Option<UnixMillis>,
    /// Something changed since the file was written.
    unsaved: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Follower {
    acknowledged: u64,
    seen_ms: i64,
    /// Where the journal ended at the first open after which this follower has not said yet that it has no other
    /// records than the journal; `None`: it has. Later records may be others than it has, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unconfirmed_after: Option<u64>,
    /// It acknowledged more than the journal has, in the same epoch.
    #[serde(default, skip_serializing_if = "is_false")]
    overtakes: bool,
    /// How long it was not heard of while the journal was open.
    #[serde(skip)]
    unseen: Duration,
}

// The shape that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What a follower says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// That it is there.
    Here,
    /// That it needs nothing up to here; in which epoch it does not say.
    Unstated(Position),
    /// The same, in the journal's epoch.
    Has(Position),
    /// The same, and the journal does not have that record.
    Ahead(Position),
}

impl Follower {
    /// One that was never heard of, of a journal that ended at `opened_at` when it was opened.
    fn unknown(opened_at: Position) -> Follower {
        Follower {
            acknowledged: 0,
            seen_ms: 0,
            unconfirmed_after: Some(opened_at.0),
            overtakes: false,
            unseen: Duration::ZERO,
        }
    }

    fn hear(&mut self, word: Word, now: UnixMillis) {
        (self.seen_ms, self.unseen) = (now.0, Duration::ZERO);
        match word {
            Word::Here => {}
            Word::Unstated(position) => self.acknowledged = position.0,
            Word::Has(position) => (self.acknowledged, self.unconfirmed_after) = (position.0, None),
            Word::Ahead(position) => (self.acknowledged, self.overtakes) = (position.0, true),
        }
    }

    fn is_ahead(&self, latest: Position) -> bool {
        self.overtakes || self.acknowledged > latest.0
    }

    fn status(&self, id: &str) -> FollowerStatus {
        FollowerStatus {
            id: id.to_owned(),
            acknowledged: Position(self.acknowledged),
            seen: UnixMillis(self.seen_ms),
        }
    }
}

impl Followers {
    pub(crate) fn load(disk: &Arc<dyn Disk>, dir: &Path) -> Result<(Followers, Vec<Damage>), JournalError> {
        let loaded = side::load(&**disk, dir, NAME, REMEDY)?;
        let (known, damages) =
            loaded.map_or_else(Default::default, |loaded| (loaded.content, loaded.damages));
        let unsaved = !damages.is_empty();
        let followers =
            Followers { disk: Arc::clone(disk), dir: dir.to_path_buf(), known, looked: None, unsaved };
        Ok((followers, damages))
    }

    /// The journal was opened and ends at `latest`, in a new epoch if one has `begun`. Nobody has acknowledged what
    /// is not there: after a loss, positions are given out anew.
    pub(crate) fn opened(&mut self, latest: Position, begun: bool) {
        let kept = if begun { self.shared(latest) } else { latest };
        for follower in self.known.values_mut() {
            let unconfirmed_after = follower.unconfirmed_after.filter(|_| !begun).or(Some(latest.0));
            let acknowledged = follower.acknowledged.min(kept.0);
            self.unsaved |= acknowledged != follower.acknowledged
                || unconfirmed_after != follower.unconfirmed_after
                || follower.overtakes;
            *follower = Follower { acknowledged, unconfirmed_after, overtakes: false, ..*follower };
        }
    }

    /// Whether somebody has records that a journal which ends at `latest` does not have.
    pub(crate) fn are_ahead(&self, latest: Position) -> bool {
        self.known.values().any(|follower| follower.is_ahead(latest))
    }

    /// Up to here everybody has the same records as a journal that ends at `latest`. Records were added to an older
    /// copy only when somebody overtook it; who merely acknowledged more than is there saw its end being lost.
    pub(crate) fn shared(&self, latest: Position) -> Position {
        let overtaking = self.known.values().filter(|follower| follower.overtakes);
        let shared = overtaking.filter_map(|follower| follower.unconfirmed_after).min();
        Position(shared.unwrap_or(u64::MAX)).min(latest)
    }

    /// The newest record that a follower has: so far the journal was, whatever its files say now.
    pub(crate) fn furthest(&self) -> Position {
        Position(self.known.values().map(|follower| follower.acknowledged).max().unwrap_or_default())
    }

    /// The follower that holds back the most, if there is any.
    pub(crate) fn slowest(&self) -> Option<(&str, Position)> {
        let slowest = self.known.iter().min_by_key(|(_, follower)| follower.acknowledged)?;
        Some((slowest.0, Position(slowest.1.acknowledged)))
    }

    /// Lets time pass for every lease. The clock of the wall is set now and then, and a machine sleeps: one
    /// look counts as a minute at most, so that nobody is gone because of that.
    pub(crate) fn pass(&mut self, now: UnixMillis) {
        let before = self.looked.replace(now).unwrap_or(now);
        let passed = u64::try_from(now.0.saturating_sub(before.0)).unwrap_or_default();
        let passed = Duration::from_millis(passed).min(MAX_PASSED);
        for follower in self.known.values_mut() {
            follower.unseen += passed;
        }
    }

    /// Forgets those who need something up to `last` and were not heard of for longer than `lease`.
    pub(crate) fn forget_gone(&mut self, last: Position, lease: Duration) -> Vec<FollowerStatus> {
        let is_gone = |follower: &Follower| follower.acknowledged < last.0 && follower.unseen > lease;
        let gone: Vec<_> = self.known.extract_if(.., |_, follower| is_gone(follower)).collect();
        self.unsaved |= !gone.is_empty();
        gone.iter().map(|(id, follower)| follower.status(id)).collect()
    }

    pub(crate) fn save(&mut self) -> Result<(), JournalError> {
        side::store(&*self.disk, &self.dir, NAME, &self.known)?;
        self.unsaved = false;
        Ok(())
    }
}

impl Journal {
    /// Follower `id` needs nothing up to and with `position` of `epoch` any more; it is registered when it was not.
    /// A registration is durable when this returns, later positions with the next [`Journal::persist_followers`].
    /// A lower position than before is believed, since a follower that lost its state needs the records again.
    ///
    /// A position of another epoch may be another record here, and only shows that the follower is there. One past
    /// the end in the journal's own epoch proves that records are missing here: then the journal is halted
    /// ([`Journal::halted`]), and the next open begins a new epoch. Without a stated epoch it counts as the end.
    ///
    /// # Errors
    /// [`JournalError::Follower`] for an id that is not 1 to 128 printable ASCII characters and for more
    /// than [`MAX_FOLLOWERS`]; [`JournalError::NoSpace`] when the registration cannot be stored.
    pub fn acknowledge(
        &self,
        id: &str,
        epoch: Epoch,
        position: Position,
        now: UnixMillis,
    ) -> Result<(), JournalError> {
        check_id(id)?;
        let latest = self.latest();
        let word = match epoch {
            Epoch::UNSTATED => Word::Unstated(position.min(latest)),
            epoch if epoch != self.epoch() => Word::Here,
            _ if position > latest => {
                self.overtaken_by(id, position, latest);
                Word::Ahead(position)
            }
            _ => Word::Has(position),
        };
        match word {
            // Which records such a position means is not known.
            Word::Unstated(_) | Word::Has(_) if self.halted().is_some() => self.note(id, Word::Here, now),
            word => self.note(id, word, now),
        }
    }

    /// Follower `id` was heard of, without a position that means anything here: it needs what it needed
    /// before, and everything when it was not registered, which it is then.
    ///
    /// # Errors
    /// As [`Journal::acknowledge`].
    pub fn hear_of(&self, id: &str, now: UnixMillis) -> Result<(), JournalError> {
        check_id(id)?;
        self.note(id, Word::Here, now)
    }

    fn note(&self, id: &str, word: Word, now: UnixMillis) -> Result<(), JournalError> {
        let mut followers = self.shared.followers();
        let before = followers.known.get(id).copied();
        if before.is_none() && followers.known.len() >= MAX_FOLLOWERS {
            return Err(refused(id, "too many followers are registered: forget one that no longer exists"));
        }
        let mut follower = before.unwrap_or_else(|| Follower::unknown(self.shared.opened_at));
        follower.hear(word, now);
        followers.unsaved = true;
        followers.known.insert(id.to_owned(), follower);
        match before {
            Some(before) if before.overtakes == follower.overtakes => return Ok(()),
            Some(_) => {}
            None => {
                tracing::info!(
                    follower = id,
                    acknowledged = follower.acknowledged,
                    "journal follower registered"
                );
            }
        }
        let saved = self.check_place().and_then(|()| followers.save());
        if saved.is_err() && before.is_none() && !follower.overtakes {
            followers.known.remove(id);
        }
        saved
    }

    /// Forgets follower `id`: it holds nothing back any more. Whether it was known.
    ///
    /// # Errors
    /// When that cannot be stored; then it is still known.
    pub fn forget_follower(&self, id: &str) -> Result<bool, JournalError> {
        self.check_place()?;
        let mut followers = self.shared.followers();
        let Some(known) = followers.known.remove(id) else { return Ok(false) };
        if known.overtakes {
            followers.known.insert(id.to_owned(), known);
            return Err(refused(id, "it has records that are missing here: open the journal again first"));
        }
        if let Err(error) = followers.save() {
            followers.known.insert(id.to_owned(), known);
            return Err(error);
        }
        tracing::info!(follower = id, "journal follower forgotten");
        Ok(true)
    }

    /// Everybody who is registered.
    pub fn followers(&self) -> Vec<FollowerStatus> {
        self.shared.followers().known.iter().map(|(id, follower)| follower.status(id)).collect()
    }

    /// Stores what followers acknowledged since the last time.
    ///
    /// # Errors
    /// When the file cannot be written; what it said before still holds, and holds back more.
    pub fn persist_followers(&self) -> Result<(), JournalError> {
        self.check_place()?;
        let mut followers = self.shared.followers();
        if followers.unsaved { followers.save() } else { Ok(()) }
    }
}

fn check_id(id: &str) -> Result<(), JournalError> {
    if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(refused(id, "an id has 1 to 128 printable ASCII characters without spaces"));
    }
    Ok(())
}

fn refused(id: &str, reason: &'static str) -> JournalError {
    JournalError::Follower { id: id.chars().take(80).collect(), reason }
}
