//! Who still needs which records: `followers.json`.

use crate::damage::Damage;
use crate::{Journal, JournalError, side};
use gapless_disk::Disk;
use gapless_model::{Position, UnixMillis};
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
    /// How long it was not heard of while the journal was open.
    #[serde(skip)]
    unseen: Duration,
}

impl Follower {
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

    /// Nobody has acknowledged what is not there: after a loss, positions are given out anew.
    pub(crate) fn cap(&mut self, latest: Position) {
        for follower in self.known.values_mut().filter(|follower| follower.acknowledged > latest.0) {
            follower.acknowledged = latest.0;
            self.unsaved = true;
        }
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

    fn save(&mut self) -> Result<(), JournalError> {
        side::store(&*self.disk, &self.dir, NAME, &self.known)?;
        self.unsaved = false;
        Ok(())
    }
}

impl Journal {
    /// Follower `id` needs nothing up to and with `position` any more; it is registered when it was not.
    /// A registration is durable when this returns, later positions with the next
    /// [`Journal::persist_followers`]. A position past the end counts as the end; a lower one than before
    /// is believed, since a follower that lost its state needs the records again.
    ///
    /// # Errors
    /// [`JournalError::Follower`] for an id that is not 1 to 128 printable ASCII characters and for more
    /// than [`MAX_FOLLOWERS`]; [`JournalError::NoSpace`] when the registration cannot be stored.
    pub fn acknowledge(&self, id: &str, position: Position, now: UnixMillis) -> Result<(), JournalError> {
        self.note(id, Some(position.min(self.latest())), now)
    }

    /// Follower `id` was heard of, without a position that means anything here: it needs what it needed
    /// before, and everything when it was not registered, which it is then.
    ///
    /// # Errors
    /// As [`Journal::acknowledge`].
    pub fn hear_of(&self, id: &str, now: UnixMillis) -> Result<(), JournalError> {
        self.note(id, None, now)
    }

    fn note(&self, id: &str, position: Option<Position>, now: UnixMillis) -> Result<(), JournalError> {
        let refuse = |reason| JournalError::Follower { id: id.chars().take(80).collect(), reason };
        if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refuse("an id has 1 to 128 printable ASCII characters without spaces"));
        }
        let mut followers = self.shared.followers();
        let before = followers.known.get(id).map(|known| Position(known.acknowledged));
        let acknowledged = position.or(before).unwrap_or_default().0;
        let follower = Follower { acknowledged, seen_ms: now.0, unseen: Duration::ZERO };
        if let Some(known) = followers.known.get_mut(id) {
            *known = follower;
            followers.unsaved = true;
            return Ok(());
        }
        if followers.known.len() >= MAX_FOLLOWERS {
            return Err(refuse("too many followers are registered: forget one that no longer exists"));
        }
        followers.known.insert(id.to_owned(), follower);
        tracing::info!(follower = id, acknowledged, "journal follower registered");
        let saved = followers.save();
        if saved.is_err() {
            followers.known.remove(id);
        }
        saved
    }

    /// Forgets follower `id`: it holds nothing back any more. Whether it was known.
    ///
    /// # Errors
    /// When that cannot be stored; then it is still known.
    pub fn forget_follower(&self, id: &str) -> Result<bool, JournalError> {
        let mut followers = self.shared.followers();
        let Some(known) = followers.known.remove(id) else { return Ok(false) };
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
        let mut followers = self.shared.followers();
        if followers.unsaved { followers.save() } else { Ok(()) }
    }
}
