//! All artifacts below one folder: which one rows go into, when one is begun, completed and removed.

mod opening;
mod sessions;

use crate::artifact::{Artifact, PartSettings, What, Written, hole, unseen};
use crate::clock;
use crate::error::Error;
use crate::manifest::{Cursor, Group};
use crate::record::{Item, Stand};
use crate::retention::{Kept, Limits, expired};
use crate::retired::Retired;
use gapless::Event;
use gapless_model::{Batch, Epoch, Seq, SeqRange, StreamKey};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often retention is looked at: artifacts are completed seldom, and ages count in hours.
const RETAIN_EVERY: Duration = Duration::from_secs(60);
/// How long a session whose successor has begun waits for its last streams to say that they begin anew too.
/// They all learn of it from the same server within seconds; one that is still silent is gone.
const SUPERSEDED_REST: Duration = Duration::from_secs(60);
/// How often such sessions are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a shelf has to know.
#[derive(Debug, Clone)]
pub(crate) struct ShelfSettings {
    pub(crate) folder: PathBuf,
    pub(crate) group: Group,
    pub(crate) parts: PartSettings,
    /// Rows and bytes that wait over all streams; beyond, what waits is written early.
    pub(crate) max_rows: u64,
    pub(crate) max_bytes: u64,
    pub(crate) latest_every: Duration,
    pub(crate) limits: Limits,
    /// The address of the live feed, for the manifests.
    pub(crate) live: String,
}

/// All artifacts below one folder.
pub(crate) struct Shelf {
    settings: ShelfSettings,
    /// Those that are being written, by the order in which they were begun or opened here.
    live: BTreeMap<u64, Artifact>,
    /// The key of the next one.
    next: u64,
    /// By name, the live ones, oldest first.
    by_name: HashMap<String, Vec<u64>>,
    /// The live one that the rows of a stream went into last.
    open_in: HashMap<StreamKey, u64>,
    /// Rows that wait, and about how many bytes they take.
    waiting: (u64, u64),
    complete: Vec<Complete>,
    /// Where each stream stands.
    stands: HashMap<StreamKey, Stand>,
    retired: Retired,
    next_retention: Option<Instant>,
    next_look: Option<Instant>,
    /// When a superseded session was seen idle first.
    superseded: HashMap<u64, Instant>,
    _lock: Box<dyn Any + Send + Sync>,
}

/// A complete artifact.
#[derive(Debug, Clone)]
struct Complete {
    folder: PathBuf,
    name: String,
    number: u64,
    completed_at: String,
    bytes: u64,
}

/// What a turn of work came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) written: Written,
    /// Artifacts that were completed.
    pub(crate) completed: u64,
    /// Artifacts that were removed.
    pub(crate) removed: u64,
}

impl std::ops::AddAssign for Done {
    fn add_assign(&mut self, other: Done) {
        self.written.rows += other.written.rows;
        self.written.parts += other.written.parts;
        self.written.bytes += other.written.bytes;
        self.completed += other.completed;
        self.removed += other.removed;
    }
}

impl Shelf {
    /// Where every known stream goes on.
    pub(crate) fn cursors(&self) -> Vec<(StreamKey, Cursor)> {
        self.stands.iter().filter_map(|(key, stand)| Some((key.clone(), stand.cursor?))).collect()
    }

    /// How many artifacts are being written, and how many are complete.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.live.len(), self.complete.len())
    }

    /// Rows that wait, and about how many bytes they take.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        self.waiting
    }

    /// Counts anew what waits: after anything but a plain addition.
    fn count_waiting(&mut self) {
        let sum = |(rows, bytes), (r, b)| (rows + r, bytes + b);
        self.waiting = self.live.values().map(Artifact::waiting).fold((0, 0), sum);
    }

    /// Whether no more may wait.
    pub(crate) fn is_full(&self) -> bool {
        let (rows, bytes) = self.waiting;
        rows >= self.settings.max_rows || bytes >= self.settings.max_bytes
    }

    /// Takes what happened to a stream.
    ///
    /// # Errors
    /// When the disk does not take what has to be written first. Then nothing of it was taken: hand it over
    /// again.
    pub(crate) fn handle(&mut self, event: &Event, now: Instant) -> Result<(), Error> {
        match event {
            Event::Rows(batch) => self.rows(batch, now),
            Event::Truncated { key, epoch, range, reason } => {
                self.truncated(key, *epoch, *range, format!("{reason:?}"), now)
            }
            Event::Rewind { key, to, keep, .. } => self.rewind(key, *to, *keep),
            Event::Reset { key, .. } => self.reset(key, now),
            Event::GapOpened { .. }
            | Event::GapHealed { .. }
            | Event::GapVoid { .. }
            | Event::State(_)
            | Event::Health { .. }
            | Event::CaughtUp { .. } => Ok(()),
        }
    }

    fn rows(&mut self, batch: &Batch, now: Instant) -> Result<(), Error> {
        let key = &batch.key;
        let stands = self.stand(key).cursor;
        let batch = unseen(batch.clone(), stands.map_or(0, |cursor| cursor.sequence));
        if batch.rows.is_empty() {
            return Ok(());
        }
        if let Some(due) = stands.map(|cursor| Seq(cursor.sequence).next()).filter(|due| batch.start > *due) {
            tracing::error!(%key, %due, found = %batch.start, "rows were not handed over: this is a bug, they are noted as missing");
            self.truncated(key, batch.epoch, SeqRange::new(due, batch.start), "not handed over".into(), now)?;
        }
        let at = self.place_for(key, batch.epoch)?;
        self.add(at, key, Item::Rows(batch), now);
        Ok(())
    }

    fn truncated(
        &mut self,
        key: &StreamKey,
        epoch: Epoch,
        range: SeqRange,
        reason: String,
        now: Instant,
    ) -> Result<(), Error> {
        // From where the stream stands: nothing between may be left out.
        let start = self.stand(key).cursor.map_or(range.start(), |cursor| Seq(cursor.sequence).next());
        let range = SeqRange::new(start, range.end());
        if range.is_empty() {
            return Ok(());
        }
        tracing::warn!(%key, %range, reason, "rows are not to be had: noted in the manifest");
        let at = self.place_for(key, epoch)?;
        self.add(at, key, Item::Hole(hole(range.start(), range.last(), epoch, reason)), now);
        Ok(())
    }

    fn add(&mut self, at: u64, key: &StreamKey, item: Item, now: Instant) {
        let stand = self.stand(key);
        if let Item::Rows(batch) = &item {
            self.waiting.0 += batch.rows.len() as u64;
            self.waiting.1 += batch.rows.approx_bytes() as u64;
        }
        if let Some(artifact) = self.live.get_mut(&at) {
            let stand = artifact.add(key, stand, item, now);
            self.stands.insert(key.clone(), stand);
            self.open_in.insert(key.clone(), at);
        }
    }

    /// Puts an artifact with the live ones.
    fn put(&mut self, artifact: Artifact) -> u64 {
        let at = self.next;
        self.next += 1;
        self.by_name.entry(artifact.name().to_owned()).or_default().push(at);
        self.live.insert(at, artifact);
        at
    }

    /// Takes an artifact out of the live ones.
    fn take_out(&mut self, at: u64) -> Option<Artifact> {
        let artifact = self.live.remove(&at)?;
        if let Some(same) = self.by_name.get_mut(artifact.name()) {
            same.retain(|other| *other != at);
            if same.is_empty() {
                self.by_name.remove(artifact.name());
            }
        }
        Some(artifact)
    }

    fn stand(&self, key: &StreamKey) -> Stand {
        self.stands.get(key).copied().unwrap_or_default()
    }

    /// When there is work to do next.
    pub(crate) fn next_due(&self, now: Instant) -> Instant {
        let mut due = self.next_retention.unwrap_or(now).min(now + RETAIN_EVERY);
        for artifact in self.live.values() {
            let parts = artifact.due(&self.settings.parts, now).map(|(due, _)| due);
            let latest = artifact.latest_due(self.settings.latest_every, now);
            due = [parts, latest].into_iter().flatten().fold(due, Instant::min);
        }
        due
    }

    /// Does the most urgent piece of work whose time has come: parts of one artifact, or the last state of
    /// one, or retention. `None` when there is none.
    ///
    /// # Errors
    /// When the disk does not take it: what waits still waits.
    pub(crate) fn work(&mut self, now: Instant) -> Result<Option<Done>, Error> {
        self.rest_superseded(now);
        if let Some((at, what)) = self.due_parts(now) {
            return self.write(at, what, now).map(Some);
        }
        let every = self.settings.latest_every;
        let due = |artifact: &Artifact| artifact.latest_due(every, now).is_some_and(|due| due <= now);
        if let Some(artifact) = self.live.values_mut().find(|artifact| due(artifact)) {
            artifact.write_latest(now)?;
            return Ok(Some(Done::default()));
        }
        if self.next_retention.is_none_or(|due| due <= now) {
            self.next_retention = Some(now + RETAIN_EVERY);
            return self.retain().map(|removed| Some(Done { removed, ..Done::default() }));
        }
        Ok(None)
    }

    /// The artifact that has waited longest of those that are due; any when too much waits.
    fn due_parts(&self, now: Instant) -> Option<(u64, What)> {
        let is_full = self.is_full();
        let due = self.live.iter().filter_map(|(&at, artifact)| {
            let (due, what) = artifact.due(&self.settings.parts, now)?;
            match is_full {
                true => Some((std::cmp::Reverse(artifact.waiting().1), due, at, What::All)),
                false => (due <= now).then_some((std::cmp::Reverse(0), due, at, what)),
            }
        });
        due.min_by_key(|(bytes, due, at, _)| (*bytes, *due, *at)).map(|(_, _, at, what)| (at, what))
    }

    /// Writes what waits of one artifact, and moves it to the complete ones when it is.
    fn write(&mut self, at: u64, what: What, now: Instant) -> Result<Done, Error> {
        let Some(artifact) = self.live.get_mut(&at) else { return Ok(Done::default()) };
        let written = artifact.write(what, &self.settings.parts)?;
        let mut done = Done { written, ..Done::default() };
        if artifact.is_complete()
            && let Some(artifact) = self.take_out(at)
        {
            self.complete(artifact, now);
            done.completed = 1;
            // What is kept may be one too many now.
            self.next_retention = None;
        }
        self.count_waiting();
        Ok(done)
    }

    fn complete(&mut self, mut artifact: Artifact, now: Instant) {
        if let Err(error) = artifact.write_latest(now) {
            tracing::warn!(%error, "the last state of a complete artifact is not the newest");
        }
        let manifest = artifact.manifest();
        tracing::info!(artifact = %artifact.folder().display(), streams = manifest.streams.len(), "artifact complete");
        self.complete.push(Complete {
            folder: artifact.folder().to_path_buf(),
            name: manifest.name.clone(),
            number: manifest.number,
            completed_at: manifest.completed_at.clone().unwrap_or_default(),
            bytes: manifest.file_bytes(),
        });
    }

    /// Writes everything that waits; what it was, and the first thing that went wrong. `until` bounds it: what
    /// is not written by then comes again at the next start.
    pub(crate) fn write_all(&mut self, until: Instant) -> (Done, Result<(), Error>) {
        let (mut total, mut result) = (Done::default(), Ok(()));
        for at in self.live.keys().copied().collect::<Vec<u64>>() {
            if Instant::now() >= until {
                break;
            }
            match self.write(at, What::All, Instant::now()) {
                Ok(done) => total += done,
                Err(error) => result = result.and(Err(error)),
            }
            let now = Instant::now();
            let changed = |artifact: &&mut Artifact| artifact.latest_due(Duration::ZERO, now).is_some();
            if let Some(artifact) = self.live.get_mut(&at).filter(changed) {
                result = result.and(artifact.write_latest(now));
            }
        }
        (total, result)
    }

    /// Removes what is too much.
    fn retain(&mut self) -> Result<u64, Error> {
        let now = clock::now();
        let kept: Vec<Kept> = self
            .complete
            .iter()
            .map(|one| Kept {
                name: one.name.clone(),
                number: one.number,
                age: clock::age(&one.completed_at, now),
                bytes: one.bytes,
            })
            .collect();
        let gone = expired(&kept, self.settings.limits);
        for at in gone.iter().rev() {
            let folder = self.complete.get(*at).map(|one| one.folder.clone()).unwrap_or_default();
            self.remove(&folder)?;
            self.complete.remove(*at);
        }
        Ok(gone.len() as u64)
    }
}

#[cfg(test)]
mod tests;
