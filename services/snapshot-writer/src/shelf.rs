//! All artifacts below one folder: which one rows go into, when one is begun, completed and removed.

mod held;
mod opening;
mod sessions;
mod troubles;
mod work;

use crate::artifact::{Artifact, PartSettings, Written, hole, unseen};
use crate::error::Error;
use crate::manifest::{Cursor, Group, Manifest};
use crate::record::{Item, Stand};
use crate::retention::Limits;
use crate::retired::Retired;
use gapless::Event;
use gapless_model::{Batch, Epoch, Seq, SeqRange, StreamKey};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use held::Held;
use troubles::Troubles;

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
    /// Events that could not be taken yet.
    held: Held,
    troubles: Troubles,
    /// What cannot be written takes all the memory.
    is_stuck: bool,
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

impl Complete {
    fn of(folder: &Path, manifest: &Manifest) -> Complete {
        Complete {
            folder: folder.to_path_buf(),
            name: manifest.name.clone(),
            number: manifest.number,
            completed_at: manifest.completed_at.clone().unwrap_or_default(),
            bytes: manifest.file_bytes(),
        }
    }
}

/// What a turn of work came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) written: Written,
    /// Artifacts that were completed.
    pub(crate) completed: u64,
    /// Artifacts that were removed.
    pub(crate) removed: u64,
    /// What the disk did not take.
    pub(crate) failures: u64,
}

impl std::ops::AddAssign for Done {
    fn add_assign(&mut self, other: Done) {
        self.written.rows += other.written.rows;
        self.written.parts += other.written.parts;
        self.written.bytes += other.written.bytes;
        self.completed += other.completed;
        self.removed += other.removed;
        self.failures += other.failures;
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
        self.waiting = self.live.values().map(Artifact::waiting).fold(self.held.waiting(), sum);
    }

    /// Whether no more may wait.
    pub(crate) fn is_full(&self) -> bool {
        let (rows, bytes) = self.waiting;
        rows >= self.settings.max_rows || bytes >= self.settings.max_bytes
    }

    /// What cannot be written, and why; `None` when all is well.
    pub(crate) fn trouble(&self) -> Option<String> {
        let words = self.troubles.words()?;
        Some(match self.is_stuck {
            true => {
                format!("{words}; this takes all memory for rows: nothing more is read until it is written")
            }
            false => words,
        })
    }

    /// Takes what happened to a stream. When the disk does not take what has to be written first, the event waits
    /// here, and so do the later ones that it concerns.
    pub(crate) fn handle(&mut self, event: Event, now: Instant) {
        let Some(name) = held::name_for(self.settings.group, &event) else { return };
        if !self.held.has(&name) {
            let Err(error) = self.apply(&event, now) else { return };
            self.troubles.note(&name, &error, now);
        }
        let (rows, bytes) = held::size(&event);
        self.waiting = (self.waiting.0 + rows, self.waiting.1 + bytes);
        self.held.push(&name, event);
    }

    /// Takes the events that were held for artifacts of that name, as far as the disk lets them in.
    fn take_held(&mut self, name: &str, now: Instant) -> Done {
        let mut result = Ok(Done::default());
        while let Some(event) = self.held.take(name) {
            if let Err(error) = self.apply(&event, now) {
                self.held.put_back(name, event);
                result = Err(error);
                break;
            }
        }
        self.count_waiting();
        self.noted(name, result, now)
    }

    fn apply(&mut self, event: &Event, now: Instant) -> Result<(), Error> {
        match event {
            Event::Rows(batch) => self.rows(batch, now),
            Event::Truncated { key, epoch, range, reason } => {
                self.truncated(key, *epoch, *range, format!("{reason:?}"), now)
            }
            Event::Rewind { key, to, keep, .. } => self.rewind(key, *to, *keep),
            Event::Reset { key, .. } => {
                self.reset(key, now);
                Ok(())
            }
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
}

#[cfg(test)]
mod tests;
