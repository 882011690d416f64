//! The one writer.

use crate::error::io_error;
use crate::frame;
use crate::header::Previous;
use crate::segment::Segment;
use crate::{Journal, JournalError, MAX_RECORD_BYTES, Options, Sync};
use gapless_disk::{DiskFile, leftover};
use gapless_model::{Position, UnixMillis};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Kept for the next group when it is not larger than this; one huge group shall not hold memory for ever.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

/// What is probed for while `journal.json` cannot be written: the unit in which disks give room.
const META_BYTES: usize = 4096;

/// A segment is also sealed when it is older than this part of the age that is kept, so that a slow
/// journal retires records in steps of an eighth of what is kept.
const SEGMENTS_PER_AGE: u32 = 8;

/// Writes records, in groups. There is one per open journal; dropping it without [`Appender::close`] is
/// what a killed process does.
#[derive(Debug)]
pub struct Appender {
    journal: Journal,
    options: Options,
    /// Whether `journal.json` says so. No record is written before: it may still call the journal closed.
    meta_is_stored: bool,
    segment: Arc<Segment>,
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    broken: Option<String>,
    /// How long the last group was that the disk refused.
    refused_bytes: usize,
    thread: Option<JoinHandle<()>>,
}

/// What a group became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Position of its first record.
    pub first: Position,
    /// Position of its last record.
    pub last: Position,
    /// Whether it is synced already.
    pub synced: bool,
}

impl Appender {
    pub(crate) fn new(
        journal: Journal,
        options: Options,
        meta_is_stored: bool,
        segment: Arc<Segment>,
        file: Arc<dyn DiskFile>,
    ) -> Result<Appender, JournalError> {
        let thread =
            journal.shared.syncer.spawn().map_err(io_error("start the sync thread of", &options.dir))?;
        Ok(Appender {
            journal,
            options,
            meta_is_stored,
            segment,
            file,
            buffer: Vec::new(),
            broken: None,
            refused_bytes: 0,
            thread,
        })
    }

    /// The position that the next record will get.
    pub fn next_position(&self) -> Position {
        self.journal.latest().next()
    }

    /// Appends `records` as one group with one write; all of them are in the journal, or none.
    ///
    /// # Errors
    /// [`JournalError::NoSpace`] leaves the journal as it was, and the same group may be tried again;
    /// [`JournalError::RecordSize`] for a record that is empty or too long; [`JournalError::Broken`] when
    /// an earlier failure left the end of the file unknown; [`JournalError::Halted`] as [`Journal::halted`] says.
    pub fn append(&mut self, records: &[impl AsRef<[u8]>]) -> Result<Appended, JournalError> {
        self.check_usable()?;
        let first = self.next_position();
        if records.is_empty() {
            return Ok(Appended {
                first,
                last: self.journal.latest(),
                synced: self.options.sync == Sync::Always,
            });
        }
        self.store_meta()?;
        let start = self.journal.shared.log().end;
        let mut starts = Vec::with_capacity(records.len());
        let mut last = self.journal.latest();
        self.buffer.clear();
        for record in records.iter().map(AsRef::as_ref) {
            if record.is_empty() || record.len() > MAX_RECORD_BYTES {
                return Err(JournalError::RecordSize { bytes: record.len(), max: MAX_RECORD_BYTES });
            }
            last = last.next();
            starts.push((last, start + self.buffer.len() as u64));
            frame::put(&mut self.buffer, last.0, record);
        }
        let end = start + self.buffer.len() as u64;
        self.write(start)?;
        self.publish(&starts, last, end);
        let synced = self.options.sync == Sync::Always;
        if synced {
            self.journal.shared.syncer.reached(last);
        } else {
            self.journal.shared.syncer.wrote(last);
        }
        self.buffer.shrink_to(KEPT_BUFFER_BYTES);
        Ok(Appended { first, last, synced })
    }

    /// Whether it is time for [`Appender::roll`].
    pub fn wants_roll(&self, now: UnixMillis) -> bool {
        let header = &self.segment.header;
        let log = self.journal.shared.log();
        if log.latest < header.first {
            return false;
        }
        let age = u64::try_from(now.0.saturating_sub(header.created.0)).unwrap_or_default();
        let old = |max: Duration| Duration::from_millis(age) >= max / SEGMENTS_PER_AGE;
        log.end - header.data_start() >= self.options.segment_bytes
            || self.options.retention.max_age.is_some_and(old)
    }

    /// Seals the current segment and begins another one that opens with `preamble`: bytes from which
    /// the caller can restore its own state as of the last record. Does nothing while the current
    /// segment has no records.
    ///
    /// # Errors
    /// [`JournalError::NoSpace`] and others leave the journal as it was: appending goes on in the old one.
    pub fn roll(&mut self, preamble: &[u8], now: UnixMillis) -> Result<(), JournalError> {
        self.check_usable()?;
        let (latest, end) = {
            let log = self.journal.shared.log();
            (log.latest, log.end)
        };
        if latest < self.segment.first() {
            return Ok(());
        }
        self.store_meta()?;
        // First the old one, so that only the last file of a journal can ever be torn.
        if let Err(error) = self.journal.shared.syncer.force(&*self.file) {
            return Err(self.break_down(format!("syncing failed ({error})")));
        }
        let previous = Previous { first: self.segment.first(), bytes: end };
        let Options { disk, dir, .. } = &self.options;
        let (segment, file) =
            Segment::create(disk, dir, self.journal.epoch(), latest.next(), now, previous, preamble)?;
        self.segment = Arc::new(segment);
        self.file = file;
        self.journal.shared.syncer.switched(Arc::clone(&self.file), latest);
        let mut log = self.journal.shared.log();
        log.segments.push_back(Arc::clone(&self.segment));
        log.sealed_bytes += end;
        log.end = self.segment.header.data_start();
        tracing::debug!(first = %latest.next(), "journal segment begun");
        Ok(())
    }

    /// Whether the disk has room for the group that it refused last, by writing as much into another file that
    /// is removed again. For telling that a full disk is well without waiting for somebody's records.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn probe(&self) -> Result<(), JournalError> {
        self.check_usable()?;
        let Options { disk, dir, .. } = &self.options;
        let path = dir.join(leftover("probe"));
        let written = disk.create(&path).and_then(|file| file.write_all_at(&vec![0; self.refused_bytes], 0));
        let removed = disk.remove(&path);
        written.and(removed).map_err(io_error("write", &path))
    }

    /// Syncs everything and notes that the journal was closed properly.
    ///
    /// # Errors
    /// When syncing fails: then the next open treats it like a killed process. [`JournalError::Halted`] when the
    /// files are not in their place any more.
    pub fn close(self) -> Result<(), JournalError> {
        self.check_whole()?;
        self.journal.check_place()?;
        self.journal.shared.syncer.force(&*self.file).map_err(io_error("sync", &self.segment.path))?;
        let latest = self.journal.latest();
        self.journal.shared.syncer.reached(latest);
        self.journal.persist_followers()?;
        self.journal.shared.change_meta(|meta| meta.closed_at = Some(latest.0))
    }

    /// Notes that the journal is open, when a full disk did not let that be noted before.
    fn store_meta(&mut self) -> Result<(), JournalError> {
        if self.meta_is_stored {
            return Ok(());
        }
        self.refused_bytes = self.refused_bytes.max(META_BYTES);
        self.journal.shared.change_meta(|_| ())?;
        self.meta_is_stored = true;
        Ok(())
    }

    fn check_usable(&self) -> Result<(), JournalError> {
        self.check_whole()?;
        self.journal.halted().map_or(Ok(()), Err)
    }

    fn check_whole(&self) -> Result<(), JournalError> {
        match &self.broken {
            Some(reason) => Err(JournalError::Broken { reason: reason.clone() }),
            None => self.journal.shared.syncer.failure().map_or(Ok(()), Err),
        }
    }

    /// Writes the buffer at `start`; on failure the file ends there again, also after a power loss: else whole records
    /// of what was refused could come back in the place of those that were taken after it.
    fn write(&mut self, start: u64) -> Result<(), JournalError> {
        if let Err(error) = self.file.write_all_at(&self.buffer, start) {
            self.refused_bytes = self.buffer.len();
            let cut = self.file.set_len(start).and_then(|()| self.journal.shared.syncer.force(&*self.file));
            if let Err(cut) = cut {
                return Err(self.break_down(format!("writing failed ({error}) and then cutting ({cut})")));
            }
            return Err(io_error("write", &self.segment.path)(error));
        }
        if self.options.sync == Sync::Always
            && let Err(error) = self.journal.shared.syncer.force(&*self.file)
        {
            // The group is refused, so it must not come back at the next start.
            let cut = self.file.set_len(start).err().map(|cut| format!(", then cutting ({cut})"));
            return Err(self.break_down(format!("syncing failed ({error}){}", cut.unwrap_or_default())));
        }
        Ok(())
    }

    /// Lets readers see what was written.
    fn publish(&self, starts: &[(Position, u64)], latest: Position, end: u64) {
        for (position, offset) in starts {
            self.segment.note(*position, *offset);
        }
        let mut log = self.journal.shared.log();
        log.latest = latest;
        log.end = end;
    }

    fn break_down(&mut self, reason: String) -> JournalError {
        tracing::error!(reason, "the journal takes no more records");
        self.broken = Some(reason.clone());
        self.journal.shared.syncer.fail(reason.clone());
        JournalError::Broken { reason }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.journal.shared.syncer.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the sync thread was reported by itself.
            let _ = thread.join();
        }
    }
}
