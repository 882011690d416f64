//! The reference model: what was sequenced, what was promised, and what may be gone.
//!
//! It learns each record when ingestion has appended it, before anybody is told, and reads the journal
//! again whenever ingestion opens it. Everybody else is judged by it. It decides nothing and the machines
//! never ask it.

mod checkpoints;
mod reopened;
mod rows;

pub use reopened::{Ending, Reopened};
pub use rows::row_hashes;

use crate::disk::SimDisk;
use crate::node::Archive;
use checkpoints::Checkpoints;
use gapless_model::{Batch, Digest, Epoch, EpochStart, Position, Seq, SeqRange, StreamKey, Watermark};
use gapless_wire::{JournalRecordView, Limits, decode_batch};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// How records lie in a file of the journal: a header that tells the length of what follows it, then records,
/// each behind a head that begins with its length.
const HEADER_BYTES: usize = 64;
const PREAMBLE_AT: usize = 12;
const HEAD_BYTES: usize = 20;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule; the same for the same kind of failure.
    pub rule: &'static str,
    /// By whom and how.
    pub detail: String,
}

/// One record of the current history.
#[derive(Debug, Clone)]
pub struct RecordTruth {
    /// Of all its bytes.
    pub hash: u64,
    /// As they are in the journal.
    pub bytes: Vec<u8>,
    /// The history in which it was written.
    pub epoch: Epoch,
    /// Its stream's number.
    pub stream: usize,
    /// Its rows.
    pub range: SeqRange,
    /// Who sent it, and as which number.
    pub sent_by: (String, u64),
    /// Somebody was told that it is synced.
    promised: bool,
}

/// One stream of the current history.
#[derive(Debug, Clone)]
pub struct StreamTruth {
    /// Which one.
    pub key: StreamKey,
    /// Row 1 first.
    pub rows: Vec<RowTruth>,
}

/// One row of the current history.
#[derive(Debug, Clone, Copy)]
pub struct RowTruth {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its hash.
    pub hash: u64,
    /// The stream's running digest with it.
    pub running: Digest,
    /// Its record.
    pub position: Position,
}

/// What is true.
#[derive(Debug, Default)]
pub struct Truth {
    records: Vec<RecordTruth>,
    streams: Vec<StreamTruth>,
    numbers: BTreeMap<StreamKey, usize>,
    epochs: Vec<EpochStart>,
    /// What each (stream, epoch, sequence) that anybody heard of names.
    named: HashMap<(usize, u64, u64), u64>,
    /// The position at which each producer's batch lies in the current history.
    batches: HashMap<(String, u64, usize), Position>,
    /// Up to here the journal said that a power loss costs nothing.
    durable: Position,
    /// Records in which a bit was flipped.
    damaged: Vec<SeqRange>,
    /// Files of the journal, by their first position, in whose head a bit was flipped since they were read.
    damaged_heads: Vec<Position>,
    /// What says how the journal was left last is damaged since it was read.
    ending_doubted: bool,
    /// Bits that were flipped in the journal's files.
    journal_flips: usize,
    /// The oldest record that the journal still had when it was last asked.
    earliest: Position,
    archive: Archive,
    checkpoints: Checkpoints,
    violation: Option<Violation>,
}

impl Truth {
    /// Nothing has happened yet; `archive` is what backfill is going to fill.
    pub fn new(archive: Archive) -> Truth {
        Truth { archive, ..Truth::default() }
    }

    /// Notes that a rule was broken; the first one counts.
    pub fn violate(&mut self, rule: &'static str, detail: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { rule, detail: detail() });
        }
    }

    /// Notes it unless `holds`.
    pub fn require(&mut self, holds: bool, rule: &'static str, detail: impl FnOnce() -> String) {
        if !holds {
            self.violate(rule, detail);
        }
    }

    /// The first rule that was broken.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The newest record.
    pub fn latest(&self) -> Position {
        Position(self.records.len() as u64)
    }

    /// The current epoch.
    pub fn epoch(&self) -> Epoch {
        self.epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch)
    }

    /// A record of the current history.
    pub fn record(&self, position: Position) -> Option<&RecordTruth> {
        self.records.get(usize::try_from(position.0).ok()?.checked_sub(1)?)
    }

    /// Every record of the current history, record 1 first.
    pub fn records(&self) -> &[RecordTruth] {
        &self.records
    }

    /// Whether a bit was flipped in a record.
    pub fn is_damaged_record(&self, position: Position) -> bool {
        self.is_damaged_at(Seq(position.0))
    }

    /// Whether nobody can read any record after `position`.
    pub fn is_rest_gone(&self, position: Position) -> bool {
        position <= self.latest() && (position.0..self.latest().0).all(|at| self.is_gone(Position(at + 1)))
    }

    /// A stream, if it has rows.
    pub fn stream(&self, key: &StreamKey) -> Option<&StreamTruth> {
        self.numbers.get(key).and_then(|number| self.streams.get(*number))
    }

    /// Every stream that ever had rows.
    pub fn streams(&self) -> &[StreamTruth] {
        &self.streams
    }

    /// Ingestion has appended a record.
    pub fn appended(&mut self, bytes: &[u8]) {
        let Some((position, record, hashes)) = self.read(bytes) else { return };
        self.require(position == self.latest().next(), "records are contiguous", || {
            format!("record {position} was appended")
        });
        self.mended(position);
        self.push(position, record, &hashes);
    }

    /// The journal says that everything up to `position` survives a power loss.
    pub fn durable(&mut self, position: Position) {
        let latest = self.latest();
        self.require(position <= latest, "only records are synced", || format!("{position} of {latest}"));
        self.durable = self.durable.max(position);
    }

    /// Up to here a power loss costs nothing, as was said.
    pub fn durable_up_to(&self) -> Position {
        self.durable
    }

    /// A producer was told that its batch `number` lies at `position`.
    pub fn acknowledged(&mut self, sent_by: (&str, u64), position: Position, epoch: Epoch, synced: bool) {
        if position == Position::NONE {
            return;
        }
        let durable = self.durable;
        self.require(
            !synced || position <= durable || self.is_lost(position, epoch),
            "synced is synced",
            || format!("record {position} was said to be synced, the journal is at {durable}"),
        );
        if self.is_lost(position, epoch) {
            return;
        }
        let found = self.record(position).map(|record| record.sent_by.clone());
        let expected = (sent_by.0.to_owned(), sent_by.1);
        self.require(found.as_ref() == Some(&expected), "an acknowledged batch is in the journal", || {
            format!("{sent_by:?} was acknowledged at {position} in {epoch}; there is {found:?}")
        });
        if let Some(record) = self.records.get_mut(position.0 as usize - 1) {
            record.promised |= synced;
        }
    }

    /// Rows that somebody handed on or hands out: each must be what was sequenced under its name.
    pub fn check_rows(&mut self, who: &str, batch: &Batch) {
        let number = self.numbers.get(&batch.key).copied().unwrap_or(usize::MAX);
        for (hash, seq) in row_hashes(batch).into_iter().zip(batch.start.0..) {
            let named = self.named.get(&(number, batch.epoch.0, seq)).copied();
            if named != Some(hash) {
                self.violate("a row is what was sequenced", || {
                    format!("{who}: row {seq} of {} in {} is another one ({named:?})", batch.key, batch.epoch)
                });
                return;
            }
        }
    }

    /// How far somebody says that a stream is.
    pub fn check_watermark(&mut self, who: &str, key: &StreamKey, mark: &Watermark) {
        let Some(stream) = self.stream(key) else { return };
        let row = mark.latest.0.checked_sub(1).and_then(|at| stream.rows.get(at as usize));
        let Some(RowTruth { running, .. }) = row.copied() else { return };
        let is_known = mark.epoch == self.epoch() && mark.digest != Digest::default();
        self.require(!is_known || running == mark.digest, "digests agree", || {
            format!("{who} says {mark:?} of {key}, the rows give {running}")
        });
    }

    /// A reader of the journal was told that it will not get these records.
    pub fn records_given_up(&mut self, who: &str, range: SeqRange) {
        for seq in (range.start().0..range.end().0).map(Seq) {
            let position = Position(seq.0);
            let is_gone = self.is_gone(position) || position > self.latest();
            let earliest = self.earliest;
            self.require(is_gone, "no record is given up that is there", || {
                format!("{who} gives up {range} although record {position} is there (earliest {earliest})")
            });
        }
    }

    /// A client was told that it will not get these rows.
    pub fn rows_given_up(&mut self, who: &str, key: &StreamKey, epoch: Epoch, range: SeqRange) {
        let mut rows = range.start().0..range.end().0;
        let there = rows.find(|row| self.is_there(key, Seq(*row)));
        let is_current = epoch == self.epoch();
        self.require(!is_current || there.is_none(), "no row is given up that is there", || {
            format!("{who} gives up {range} of {key} in {epoch}; row {there:?} is there")
        });
    }

    /// Whether whoever asks can still get a row: from the archive, or because it will get there.
    pub fn is_there(&self, key: &StreamKey, seq: Seq) -> bool {
        let row = self.stream(key).zip(seq.0.checked_sub(1));
        let row = row.and_then(|(stream, at)| stream.rows.get(at as usize));
        row.is_some_and(|row| !self.is_gone(row.position)) || self.archive.look().has(key, seq)
    }

    /// Whether nobody can read this record any more.
    fn is_gone(&self, position: Position) -> bool {
        position < self.earliest || self.is_damaged_at(Seq(position.0))
    }

    /// Whether a bit was flipped in this record.
    fn is_damaged_at(&self, position: Seq) -> bool {
        self.damaged.iter().any(|damaged| damaged.contains(position))
    }

    /// What a follower has acknowledged is safe with it when the journal retires records `up_to` there.
    pub fn check_safe(&mut self, follower: &str, up_to: Position) {
        let (position, epoch) = {
            let contents = self.archive.look();
            (contents.position, contents.epoch)
        };
        let is_archive = follower == "backfill" && epoch == self.epoch();
        self.require(!is_archive || up_to <= position, "what is acknowledged is safe", || {
            format!("records up to {up_to} are retired, the archive of {follower} is at {position}")
        });
    }

    /// A bit was flipped in a file of the journal, in these records or beside all of them.
    pub fn damage(&mut self, records: SeqRange) {
        self.journal_flips += 1;
        self.damaged.extend((!records.is_empty()).then_some(records));
    }

    /// A bit was flipped in the head of the file that begins at `first`: all its records hang on it.
    pub fn damage_head(&mut self, first: Position) {
        self.damaged_heads.push(first);
    }

    /// A bit was flipped in what says how the journal was left: its copy may be one change older.
    pub fn doubt_ending(&mut self) {
        self.ending_doubted = true;
    }

    /// Whether any bit was flipped in the journal.
    pub fn is_damaged(&self) -> bool {
        self.journal_flips > 0
    }

    /// Whether so much is damaged that a person has to look: one bit alone stops nobody.
    pub fn is_badly_damaged(&self) -> bool {
        self.journal_flips > 1
    }

    /// What was written at this position since is another record.
    fn mended(&mut self, position: Position) {
        self.damaged.retain(|range| !range.contains(Seq(position.0)));
    }

    /// Which record has its bytes at `at` of a file of the journal: an empty range when none has.
    pub fn records_at(&self, path: &Path, at: u64, disk: &SimDisk) -> SeqRange {
        let none = SeqRange::new(Seq::FIRST, Seq::FIRST);
        let Some(first) = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()) else {
            return none;
        };
        let bytes = disk.pristine(path);
        let word = |at: usize| {
            let word = bytes.get(at..)?.first_chunk()?;
            Some(u32::from_le_bytes(*word) as usize)
        };
        let Some(mut end) = word(PREAMBLE_AT).map(|preamble| HEADER_BYTES + preamble) else { return none };
        if (at as usize) < end {
            return none;
        }
        for position in first.. {
            let Some(payload) = word(end) else { break };
            end += HEAD_BYTES + payload;
            if end > bytes.len() {
                break;
            }
            if (at as usize) < end {
                return SeqRange::of_len(Seq(position), 1);
            }
        }
        none
    }

    /// The journal's oldest record by its own word.
    pub fn retired_before(&mut self, earliest: Position) {
        self.earliest = self.earliest.max(earliest);
    }

    /// Whether a position of an earlier epoch names something that was lost.
    fn is_lost(&self, position: Position, epoch: Epoch) -> bool {
        (epoch != self.epoch()
            && self.epochs.iter().any(|start| start.epoch > epoch && start.first_sequence.0 <= position.0))
            || !self.epochs.iter().any(|start| start.epoch == epoch)
    }

    /// What a record says; what cannot be read is a violation.
    fn read(&mut self, bytes: &[u8]) -> Option<(Position, RecordTruth, Vec<u64>)> {
        let parsed = JournalRecordView::parse(bytes, &Limits::live())
            .and_then(|view| Ok((view.to_record(), decode_batch(view.batch, &Limits::live())?)));
        let (record, batch) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                self.violate("a record can be read", || error.to_string());
                return None;
            }
        };
        self.require(batch.epoch == record.epoch, "a batch has its record's epoch", || batch.key.to_string());
        let stream = self.number(&batch.key);
        let truth = RecordTruth {
            hash: xxh3_64(bytes),
            bytes: bytes.to_vec(),
            epoch: record.epoch,
            stream,
            range: batch.range(),
            sent_by: (record.producer_id, record.producer_sequence),
            promised: false,
        };
        let hashes = row_hashes(&batch);
        let running = self.running(stream);
        let digest = running + Digest(hashes.iter().fold(0, |sum, hash| sum.wrapping_add(*hash)));
        self.require(digest == batch.digest, "digests agree", || {
            format!(
                "record {} of {} states {}, its rows give {digest}",
                record.position, batch.key, batch.digest
            )
        });
        Some((record.position, truth, hashes))
    }

    fn number(&mut self, key: &StreamKey) -> usize {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = self.streams.len();
        self.streams.push(StreamTruth { key: key.clone(), rows: Vec::new() });
        self.numbers.insert(key.clone(), number);
        number
    }

    fn running(&self, stream: usize) -> Digest {
        self.streams[stream].rows.last().map_or(Digest::default(), |row| row.running)
    }

    fn push(&mut self, position: Position, record: RecordTruth, hashes: &[u64]) {
        let (stream, epoch, range) = (record.stream, record.epoch, record.range);
        let expected = Seq(self.streams[stream].rows.len() as u64 + 1);
        let key = self.streams[stream].key.clone();
        self.require(range.start() == expected, "sequences are contiguous", || {
            format!("record {position} of {key} has rows {range}, expected {expected}")
        });
        let batch = (record.sent_by.0.clone(), record.sent_by.1, stream);
        if !record.sent_by.0.is_empty() && record.sent_by.1 != 0 {
            let before = self.batches.insert(batch.clone(), position);
            self.require(before.is_none(), "a batch is accepted once", || {
                format!("{batch:?} lies at {before:?} and at {position}")
            });
        }
        let mut running = self.running(stream);
        for (hash, seq) in hashes.iter().zip(range.start().0..) {
            running = running + Digest(*hash);
            self.streams[stream].rows.push(RowTruth { epoch, hash: *hash, running, position });
            let before = self.named.insert((stream, epoch.0, seq), *hash);
            self.require(before.is_none_or(|before| before == *hash), "a name names one row", || {
                format!("row {seq} of {key} in {epoch}")
            });
        }
        self.records.push(record);
    }
}
