//! The archive as a transactional store should be: each write is there as a whole, or not at all.
//!
//! It stands in for DuckDB, with the rules that backfill's core states for an archive. What it holds is
//! what survives the process; the disk beneath it only decides whether and when a write works. Rows lie in it as
//! bytes with a checksum for each batch, as DuckDB has one for each block: whoever reads a batch with a flipped
//! bit is told so and gets nothing of it. How DuckDB itself finds damage is for the tests of `gapless-store`.

use gapless_backfill::core::{Shelf, Shelved, Write};
use gapless_disk::Disk;
use gapless_model::{
    Batch, Digest, Epoch, EpochStart, Position, Seq, SeqRange, StreamKey, StreamStatus, UnixMillis,
    UnixNanos, Watermark,
};
use gapless_store::Page;
use gapless_wire::{Limits, Message, decode_batch, encode_message};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// One stream.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its batches in order.
    batches: Vec<StoredBatch>,
    /// Rows that will not come.
    pub holes: Vec<SeqRange>,
    epochs: Vec<EpochStart>,
    latest: Seq,
}

/// One batch, as bytes.
#[derive(Debug, Clone)]
struct StoredBatch {
    range: SeqRange,
    /// Of its last row. As the service has it: in memory, whatever becomes of the rows.
    last_ts: UnixNanos,
    /// Of the stream up to its last row, as above; not known when damage kept it from being worked out.
    digest: Digest,
    bytes: Vec<u8>,
    check: u64,
}

/// What the archive holds.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Everything up to here is stored.
    pub position: Position,
    /// In this epoch.
    pub epoch: Epoch,
    /// Every stream by its topic.
    pub streams: BTreeMap<String, Stored>,
}

/// The archive; clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Archive(Arc<Mutex<Contents>>);

/// Why the archive cannot be read.
#[derive(Debug)]
pub struct Damaged(SeqRange);

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rows {} of the simulated archive are damaged", self.0)
    }
}

impl std::error::Error for Damaged {}

impl Archive {
    /// What it holds.
    pub fn look(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction over `disk`: the process may end in it, and then it was done or not.
    ///
    /// # Errors
    /// When the disk refuses; nothing has changed then, unless the process has ended.
    pub fn write(&self, disk: &crate::disk::SimDisk, write: &Write) -> Result<(), String> {
        let log = Path::new("/archive");
        disk.create_dir_all(log).map_err(|error| error.to_string())?;
        let was_parity = disk.counts().changes % 2;
        let logged = disk.create(&log.join("log")).and_then(|file| file.write_all_at(&[0; 64], 0));
        if let Err(error) = logged {
            if disk.is_ended() && was_parity == 0 {
                self.look().apply(write);
            }
            return Err(error.to_string());
        }
        self.look().apply(write);
        Ok(())
    }

    /// Flips a bit of one of its batches; the rows that this one holds, if there is any.
    pub fn flip(&self, dice: &mut fastrand::Rng) -> Option<(String, SeqRange)> {
        let mut contents = self.look();
        let batches = contents
            .streams
            .iter_mut()
            .flat_map(|(topic, stored)| stored.batches.iter_mut().map(move |batch| (topic, batch)));
        let (topic, batch) = dice.choice(batches.collect::<Vec<_>>())?;
        let at = dice.usize(..batch.bytes.len());
        batch.bytes[at] ^= 1 << dice.u8(..8);
        Some((topic.clone(), batch.range))
    }

    /// Whether any of its batches cannot be read.
    pub fn is_damaged(&self) -> bool {
        let contents = self.look();
        let mut batches = contents.streams.values().flat_map(|stored| &stored.batches);
        batches.any(|batch| !batch.is_whole())
    }

    /// Puts everything aside, as `--rebuild` does: it begins anew.
    pub fn put_aside(&self) {
        *self.look() = Contents::default();
    }
}

impl Contents {
    /// Whether a row is stored and can be read.
    pub fn has(&self, key: &StreamKey, seq: Seq) -> bool {
        let mut batches = self.streams.get(&key.topic()).into_iter().flat_map(|stored| &stored.batches);
        batches.any(|batch| batch.range.contains(seq) && batch.is_whole())
    }

    fn apply(&mut self, write: &Write) {
        match write {
            Write::Commit(records) => {
                records.iter().for_each(|(position, batch)| self.append(*position, batch))
            }
            Write::Rewind { keep, from, to, streams } => self.rewind(*keep, *from, *to, streams),
            Write::Reset { to } => *self = Contents { epoch: *to, ..Contents::default() },
            Write::SkipTo { position, epoch } if *position > self.position => {
                (self.position, self.epoch) = (*position, *epoch);
            }
            Write::SkipTo { .. } => {}
            Write::TakeView { streams } => streams.iter().for_each(|status| self.view(status)),
        }
    }

    fn append(&mut self, position: Position, batch: &Batch) {
        if position <= self.position {
            return;
        }
        self.position = position;
        self.epoch = self.epoch.max(batch.epoch);
        let stored = self.streams.entry(batch.key.topic()).or_insert_with(Stored::new);
        let fresh = batch.range().intersect(SeqRange::new(stored.latest.next(), batch.range().end()));
        if fresh.is_empty() {
            return;
        }
        stored.miss(fresh.start());
        if stored.epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch) < batch.epoch {
            stored.epochs.push(EpochStart { epoch: batch.epoch, first_sequence: fresh.start() });
        }
        stored.latest = fresh.last();
        stored.batches.push(StoredBatch::of(&batch.clone().cut(fresh)));
    }

    fn rewind(&mut self, keep: Position, from: Epoch, to: Epoch, streams: &[StreamStatus]) {
        let truth: BTreeMap<String, &StreamStatus> =
            streams.iter().map(|status| (status.key.topic(), status)).collect();
        self.streams.retain(|topic, _| truth.contains_key(topic));
        for (topic, stored) in &mut self.streams {
            let status = truth[topic];
            let new = status.epochs.iter().filter(|start| start.epoch > from);
            let before = new.map(|start| start.first_sequence.previous()).min();
            let latest = status.watermark.latest;
            stored.cut(before.map_or(latest, |before| before.min(latest)));
            stored.epochs.clone_from(&status.epochs);
        }
        self.position = self.position.min(keep);
        self.epoch = to;
    }

    fn view(&mut self, status: &StreamStatus) {
        let stored = self.streams.entry(status.key.topic()).or_insert_with(Stored::new);
        stored.epochs.clone_from(&status.epochs);
        stored.miss(status.watermark.latest.next());
    }

    /// The oldest row that is there, or would be next.
    fn status(&self, topic: &str) -> Option<Shelved> {
        let stored = self.streams.get(topic)?;
        let newest = stored.batches.last();
        let holes = stored.holes.clone();
        let first = holes.iter().find(|hole| hole.contains(Seq::FIRST)).map_or(Seq::FIRST, |hole| hole.end());
        let watermark = Watermark {
            epoch: stored.epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch),
            earliest: first,
            latest: stored.latest,
            latest_ts: newest.map(|batch| batch.last_ts).unwrap_or_default(),
            digest: newest
                .filter(|batch| batch.range.last() == stored.latest)
                .map_or(Digest(0), |batch| batch.digest),
        };
        let status = StreamStatus {
            key: topic.parse().ok()?,
            watermark,
            server_time: UnixMillis(0),
            epochs: stored.epochs.clone(),
        };
        let holes = holes.into_iter().filter(|hole| hole.start() >= first).collect();
        Some(Shelved { status, holes })
    }
}

impl Stored {
    /// Its batches in order, of those that can be read.
    pub fn batches(&self) -> impl Iterator<Item = Batch> {
        self.batches.iter().filter_map(|batch| batch.read().ok())
    }

    fn new() -> Stored {
        Stored { batches: Vec::new(), holes: Vec::new(), epochs: Vec::new(), latest: Seq::NONE }
    }

    /// Rows before `next` that are not here will not come.
    fn miss(&mut self, next: Seq) {
        let hole = SeqRange::new(self.latest.next(), next);
        if hole.is_empty() {
            return;
        }
        match self.holes.last_mut().filter(|last| last.end() == hole.start()) {
            Some(last) => *last = SeqRange::new(last.start(), hole.end()),
            None => self.holes.push(hole),
        }
        self.latest = next.previous();
    }

    fn cut(&mut self, keep: Seq) {
        let kept = SeqRange::new(Seq::NONE, keep.next());
        self.batches.retain_mut(|batch| batch.cut(kept));
        let holes = std::mem::take(&mut self.holes).into_iter().map(|hole| hole.intersect(kept));
        self.holes = holes.filter(|hole| !hole.is_empty()).collect();
        self.latest = self.latest.min(keep);
    }
}

impl StoredBatch {
    fn of(batch: &Batch) -> StoredBatch {
        let bytes = encode_message(&Message::Batch(batch.clone()), "");
        StoredBatch {
            range: batch.range(),
            last_ts: batch.rows.last_ts().unwrap_or_default(),
            digest: batch.digest,
            check: xxh3_64(&bytes),
            bytes,
        }
    }

    fn is_whole(&self) -> bool {
        xxh3_64(&self.bytes) == self.check
    }

    /// Its rows, unless they are not what was stored.
    fn read(&self) -> Result<Batch, Damaged> {
        let batch = decode_batch(&self.bytes, &Limits::live()).ok().filter(|_| self.is_whole());
        batch.ok_or(Damaged(self.range))
    }

    /// Only rows of `kept` stay; whether any do. What cannot be read stays unreadable.
    fn cut(&mut self, kept: SeqRange) -> bool {
        let range = self.range.intersect(kept);
        if range != self.range && !range.is_empty() {
            match self.read() {
                Ok(batch) => *self = StoredBatch::of(&batch.cut(range)),
                Err(_) => (self.range, self.digest) = (range, Digest(0)),
            }
        }
        !range.is_empty()
    }
}

impl Shelf for Archive {
    type Error = Damaged;

    fn stream(&self, key: &StreamKey) -> Option<Shelved> {
        self.look().status(&key.topic())
    }

    fn directory(&self, prefix: &str, after: &str, limit: usize) -> (Vec<StreamStatus>, bool) {
        let contents = self.look();
        let wanted = contents
            .streams
            .keys()
            .filter(|topic| topic.starts_with(prefix) && (after.is_empty() || topic.as_str() > after));
        let mut found: Vec<StreamStatus> = wanted
            .take(limit + 1)
            .filter_map(|topic| contents.status(topic))
            .map(|shelved| shelved.status)
            .collect();
        let more = found.len() > limit;
        found.truncate(limit);
        (found, more)
    }

    fn page(
        &self,
        key: &StreamKey,
        range: SeqRange,
        limit: u64,
        max_bytes: usize,
    ) -> Result<Option<Page>, Damaged> {
        let contents = self.look();
        let topic = key.topic();
        let Some(Shelved { status, .. }) = contents.status(&topic) else { return Ok(None) };
        let wanted = SeqRange::of_len(range.start(), range.len().min(limit));
        let mut batches: Vec<Batch> = Vec::new();
        let (mut next, mut bytes) = (wanted.start(), 0);
        for stored in contents.streams.get(&topic).into_iter().flat_map(|stored| &stored.batches) {
            let part = stored.range.intersect(wanted);
            if part.is_empty() || part.start() != next || (bytes >= max_bytes && !batches.is_empty()) {
                continue;
            }
            let batch = stored.read()?;
            next = part.end();
            bytes += batch.rows.approx_bytes();
            batches.push(batch.cut(part));
        }
        let digests = batches.iter().map(|batch| Digest::of(batch.start, &batch.rows)).collect();
        Ok(Some(Page { batches, digests, served: SeqRange::new(wanted.start(), next), status }))
    }

    fn seq_at_time(&self, key: &StreamKey, ts: UnixNanos) -> Result<Option<Seq>, Damaged> {
        let contents = self.look();
        let stored = contents.streams.get(&key.topic());
        for batch in stored.into_iter().flat_map(|stored| &stored.batches) {
            let batch = batch.read()?;
            let mut rows = 0..batch.rows.len();
            let found = rows.find(|row| batch.rows.ts(*row).is_some_and(|found| found >= ts));
            if let Some(row) = found {
                return Ok(Some(batch.start.plus(row as u64)));
            }
        }
        Ok(None)
    }
}
