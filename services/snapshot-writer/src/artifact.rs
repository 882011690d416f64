//! One artifact that is being written.
//!
//! Rows wait in memory, become files, and count once the manifest names them. The order is always the same:
//! files durable, their names durable, manifest replaced, what is no longer named removed. Whatever moment
//! the process is killed at, the folder holds what its manifest says, and files that it does not name.

mod folder;
mod lost;

pub(crate) use folder::{is_gone, put_aside};

use crate::buffer::{Buffer, columns};
use crate::clock;
use crate::error::Error;
use crate::latest::{Board, LatestRow};
use crate::manifest::{Closed, Hole, LATEST, Manifest, Part, State, StreamRecord};
use crate::part::{self, Stream};
use crate::record::{Item, Stand, absorb, rewound};
use gapless_disk::{Disk, RealDisk, write_atomically};
use gapless_formats::FileForm;
use gapless_model::{Batch, Epoch, Seq, StreamKey};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How parts are made.
#[derive(Debug, Clone)]
pub(crate) struct PartSettings {
    pub(crate) forms: Vec<FileForm>,
    /// Rows of one stream that wait at most.
    pub(crate) write_rows: u64,
    /// How long rows wait at most.
    pub(crate) write_every: Duration,
    /// Rows of one part at most.
    pub(crate) part_rows: u64,
}

/// Which of what waits is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Everything.
    All,
    /// The streams of which as many rows wait as may.
    Full,
}

/// What a write came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) parts: u64,
    pub(crate) bytes: u64,
}

/// An artifact that is being written.
#[derive(Debug)]
pub(crate) struct Artifact {
    folder: PathBuf,
    /// As on the disk, its streams apart.
    head: Manifest,
    slots: Vec<Slot>,
    /// Where the slot of a stream is.
    places: HashMap<StreamKey, usize>,
    latest: Board,
    /// Since when something waits.
    waiting_since: Option<Instant>,
    /// A write failed half-way: files that no manifest names may be left.
    is_untidy: bool,
}

#[derive(Debug)]
struct Slot {
    key: StreamKey,
    /// As the manifest on the disk has it.
    durable: StreamRecord,
    /// With everything that waits.
    next: StreamRecord,
    buffer: Buffer,
    /// Parts may be read and written again together with new ones.
    absorbs: bool,
}

impl Artifact {
    pub(crate) fn number(&self) -> u64 {
        self.head.number
    }

    pub(crate) fn name(&self) -> &str {
        &self.head.name
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it is called in complaints: its folder's name.
    pub(crate) fn label(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// What its last state is called in complaints.
    pub(crate) fn latest_label(&self) -> String {
        format!("{}/{LATEST}", self.label())
    }

    /// Why nothing more of the stream comes here: `None` when it has no such stream.
    pub(crate) fn closed(&self, key: &StreamKey) -> Option<Option<Closed>> {
        self.slot(key).map(|slot| slot.next.closed)
    }

    /// Whether all of its streams are over, so that it can be completed.
    pub(crate) fn is_over(&self) -> bool {
        !self.slots.is_empty() && self.slots.iter().all(|slot| slot.next.closed.is_some())
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.head.state == State::Complete
    }

    /// Where a stream stands; `None` when it has no such stream.
    pub(crate) fn stand(&self, key: &StreamKey) -> Option<Stand> {
        self.slot(key).map(|slot| slot.next.stand())
    }

    /// Rows that wait, and about how many bytes they take.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        self.slots
            .iter()
            .fold((0, 0), |(rows, bytes), slot| (rows + slot.buffer.rows(), bytes + slot.buffer.bytes()))
    }

    /// Whether nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.slots.iter().all(|slot| slot.buffer.is_empty())
    }

    /// When it is to be written or completed, and what of it.
    pub(crate) fn due(&self, settings: &PartSettings, now: Instant) -> Option<(Instant, What)> {
        if self.is_over() {
            return Some((self.waiting_since.unwrap_or(now), What::All));
        }
        let since = self.waiting_since?;
        if since + settings.write_every <= now {
            return Some((since, What::All));
        }
        if self.slots.iter().any(|slot| slot.buffer.rows() >= settings.write_rows) {
            return Some((since, What::Full));
        }
        Some((since + settings.write_every, What::All))
    }

    /// Adds what happened to a stream that stands at `stand`; where it stands then.
    pub(crate) fn add(&mut self, key: &StreamKey, stand: Stand, item: Item, now: Instant) -> Stand {
        if let Item::Rows(batch) = &item
            && self.head.session.first_publish.is_none()
            && batch.ts_publish_us > 0
        {
            let at = gapless_model::UnixNanos(batch.ts_publish_us.saturating_mul(1000));
            self.head.session.first_publish = Some(clock::text(at));
        }
        let slot = self.slot_or_new(key, stand);
        slot.next.take(&item);
        let last = match &item {
            Item::Rows(batch) => LatestRow::of(batch, slot.next.running_digest),
            Item::Hole(_) | Item::Rewound(_) | Item::Reset => None,
        };
        let (topic, stand) = (slot.next.topic.clone(), slot.next.stand());
        slot.buffer.push(item);
        if let Some(last) = last {
            self.latest.note(&topic, last);
        }
        self.waiting_since.get_or_insert(now);
        stand
    }

    /// Rows after `keep` never happened. What is on the disk is corrected at once.
    pub(crate) fn rewind(
        &mut self,
        key: &StreamKey,
        to: Epoch,
        keep: Seq,
        forms: &[FileForm],
    ) -> Result<(), Error> {
        let Some(&at) = self.places.get(key) else { return Ok(()) };
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let topic = slot.durable.topic.clone();
        if keep.0 >= slot.durable.cursor.sequence {
            slot.buffer.rewind(to, keep);
            slot.next = slot.buffer.applied_to(&slot.durable);
            self.waiting_since.get_or_insert_with(Instant::now);
            self.latest.rewind(&topic, keep);
            return Ok(());
        }
        let plan = rewound(&slot.durable.parts, keep);
        let mut record = slot.durable.clone();
        let gone: Vec<Part> = record.parts.get(plan.stay..).unwrap_or_default().to_vec();
        match (plan.cut, gone.first()) {
            (Some(range), Some(part)) => {
                let stream = Stream { key, folder: &slot.durable.folder };
                let kept = part::rows_of(&self.folder, key, part, range);
                match kept.and_then(|rows| part::write(&self.folder, &stream, forms, &[], &rows)) {
                    Ok(cut) => record.rewind(to, keep, Some(cut)),
                    Err(error @ Error::Damaged { .. }) => {
                        tracing::error!(%error, "rows before a rewind are lost with their damaged file");
                        record.rewind(to, keep, None);
                        record.truncated.push(damaged(range.start(), keep, to));
                    }
                    Err(error) => return Err(self.untidy(error)),
                }
            }
            _ => record.rewind(to, keep, None),
        }
        slot.next = record.clone();
        slot.buffer.clear();
        self.sync_streams(&[at])?;
        self.commit(vec![(at, record)], &gone)?;
        self.latest.rewind(&topic, keep);
        Ok(())
    }

    /// Writes what waits. Nothing is lost when it fails: it still waits.
    pub(crate) fn write(&mut self, what: What, settings: &PartSettings) -> Result<Written, Error> {
        let mut done = Written::default();
        let (mut records, mut gone, mut touched) = (Vec::new(), Vec::new(), Vec::new());
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if slot.buffer.is_empty() || (what == What::Full && slot.buffer.rows() < settings.write_rows) {
                continue;
            }
            match slot.write(&self.folder, settings, &mut gone, &mut done) {
                Ok(record) => records.push((at, record)),
                Err(error) => return Err(self.untidy(error)),
            }
            touched.push(at);
        }
        if records.is_empty() {
            return Ok(done);
        }
        self.sync_streams(&touched)?;
        self.commit(records, &gone)?;
        Ok(done)
    }

    /// Says that it is complete, once every file that it names is there.
    ///
    /// # Errors
    /// [`Error::Incomplete`] when one is not: it stays live. [`Error::Write`].
    pub(crate) fn complete(&mut self) -> Result<(), Error> {
        let now = clock::text(clock::now());
        let manifest = Manifest {
            state: State::Complete,
            updated_at: now.clone(),
            completed_at: Some(now),
            ..self.manifest()
        };
        folder::check_files(&self.folder, &manifest)?;
        folder::write_manifest(&self.folder, &manifest)?;
        self.head = Manifest { streams: Vec::new(), ..manifest };
        self.latest.touch();
        Ok(())
    }

    /// Says that its streams are over although their sources did not: they belong to a history that is gone.
    pub(crate) fn close(&mut self, now: Instant) {
        for slot in self.slots.iter_mut().filter(|slot| slot.next.closed.is_none()) {
            slot.next.take(&Item::Reset);
            slot.buffer.push(Item::Reset);
            self.waiting_since.get_or_insert(now);
        }
    }

    /// When the last state is to be written; `None`: it need not be.
    pub(crate) fn latest_due(&self, every: Duration, now: Instant) -> Option<Instant> {
        self.latest.due(every, now)
    }

    /// Writes the last state.
    pub(crate) fn write_latest(&mut self, now: Instant) -> Result<(), Error> {
        let head = &self.head;
        let bytes = self.latest.bytes(&head.written_by, head.state, &head.session, clock::now());
        let path = self.folder.join(LATEST);
        write_atomically(&RealDisk, &self.folder, LATEST, &[&bytes]).map_err(|e| Error::write(&path, e))?;
        self.latest.written(now);
        Ok(())
    }

    /// The manifest as it is on the disk.
    pub(crate) fn manifest(&self) -> Manifest {
        let streams = self.slots.iter().map(|slot| slot.durable.clone()).collect();
        Manifest { streams, ..self.head.clone() }
    }

    /// Replaces the manifest, with these records as they are to be, then removes the files of `gone`.
    fn commit(&mut self, records: Vec<(usize, StreamRecord)>, gone: &[Part]) -> Result<(), Error> {
        let mut manifest = self.manifest();
        for (at, record) in &records {
            if let Some(slot) = manifest.streams.get_mut(*at) {
                slot.clone_from(record);
            }
        }
        manifest.updated_at = clock::text(clock::now());
        folder::write_manifest(&self.folder, &manifest).map_err(|error| self.untidy(error))?;
        self.head = Manifest { streams: Vec::new(), ..manifest };
        for (at, record) in records {
            if let Some(slot) = self.slots.get_mut(at) {
                slot.next.clone_from(&record);
                slot.durable = record;
                slot.buffer.clear();
            }
        }
        if self.slots.iter().all(|slot| slot.buffer.is_empty()) {
            self.waiting_since = None;
        }
        if std::mem::take(&mut self.is_untidy) {
            folder::sweep(&self.folder, &self.manifest());
        }
        folder::remove_parts(&self.folder, gone);
        Ok(())
    }

    fn sync_streams(&mut self, slots: &[usize]) -> Result<(), Error> {
        for slot in slots.iter().filter_map(|at| self.slots.get(*at)) {
            let folder = self.folder.join(&slot.durable.folder);
            if folder.is_dir() {
                RealDisk.sync_dir(&folder).map_err(|e| Error::write(&folder, e))?;
            }
        }
        Ok(())
    }

    fn untidy(&mut self, error: Error) -> Error {
        self.is_untidy = true;
        error
    }

    fn slot(&self, key: &StreamKey) -> Option<&Slot> {
        self.slots.get(*self.places.get(key)?)
    }

    fn slot_or_new(&mut self, key: &StreamKey, stand: Stand) -> &mut Slot {
        let at = *self.places.entry(key.clone()).or_insert_with(|| {
            self.slots.push(Slot::new(key.clone(), StreamRecord::begin(key, stand)));
            self.slots.len() - 1
        });
        // A place is one of a slot, and slots are only ever added.
        &mut self.slots[at]
    }
}

impl Slot {
    fn new(key: StreamKey, durable: StreamRecord) -> Slot {
        let next = durable.clone();
        Slot { key, durable, next, buffer: Buffer::default(), absorbs: true }
    }

    /// Writes the parts of what waits; the record with them.
    fn write(
        &mut self,
        artifact: &Path,
        settings: &PartSettings,
        gone: &mut Vec<Part>,
        done: &mut Written,
    ) -> Result<StreamRecord, Error> {
        let mut record = self.durable.clone();
        let stream = Stream { key: &self.key, folder: &self.durable.folder };
        folder::make_stream_folder(artifact, stream.folder)?;
        for run in self.buffer.runs(settings.part_rows) {
            let rows: u64 = run.iter().map(|batch| batch.rows.len() as u64).sum();
            let mut absorbed = match run.first() {
                Some(first) if self.absorbs => {
                    absorb(&record.parts, first.start, columns(&first.rows), rows, settings.part_rows)
                }
                _ => 0,
            };
            let old = record.parts.get(record.parts.len() - absorbed..).unwrap_or_default().to_vec();
            let part = match part::write(artifact, &stream, &settings.forms, &old, &run) {
                Err(error @ Error::Damaged { .. }) => {
                    tracing::error!(%error, "it is left as it is; `gapless verify` says which rows are concerned");
                    self.absorbs = false;
                    absorbed = 0;
                    part::write(artifact, &stream, &settings.forms, &[], &run)?
                }
                other => other?,
            };
            done.rows += rows;
            done.parts += 1;
            done.bytes += part.files.iter().map(|file| file.bytes).sum::<u64>();
            if absorbed > 0 {
                gone.extend(old);
            }
            record.add_part(absorbed, part);
        }
        Ok(self.buffer.applied_to(&record))
    }
}

fn damaged(from: Seq, to: Seq, epoch: Epoch) -> Hole {
    Hole {
        from: from.0,
        to: to.0,
        epoch: epoch.0,
        reason: "their file was damaged".into(),
        noticed_at: clock::text(clock::now()),
    }
}

/// Rows that were not to be had.
pub(crate) fn hole(from: Seq, to: Seq, epoch: Epoch, reason: String) -> Hole {
    Hole { reason, ..damaged(from, to, epoch) }
}

/// The rows of a batch that come after `cursor`.
pub(crate) fn unseen(batch: Batch, cursor: u64) -> Batch {
    let range = gapless_model::SeqRange::new(Seq(cursor).next(), batch.range().end());
    if batch.start.0 > cursor { batch } else { batch.cut(range) }
}

#[cfg(test)]
mod tests;
