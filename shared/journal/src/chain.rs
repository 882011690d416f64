//! The files of a journal as one chain.
//!
//! Each header names the segment before it and its length, so that a missing or a shortened file is found
//! without reading any. That a file is missing or has another length is for a person to decide about:
//! somebody did that. A flipped bit is nobody's doing, and the journal goes on without what it took.

use crate::damage::Damage;
use crate::error::{damaged, io_error};
use crate::meta::Meta;
use crate::segment::Segment;
use crate::{JournalError, Options, Verify};
use gapless_disk::DiskFile;
use gapless_model::{Position, UnixMillis};
use std::path::PathBuf;

/// Segments that follow each other, oldest first.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) segments: Vec<Segment>,
    /// Bytes of all but the last.
    pub(crate) sealed_bytes: u64,
    pub(crate) damages: Vec<Damage>,
}

impl Base {
    /// Of a journal without records.
    pub(crate) fn beginning() -> Base {
        Base { preamble: Vec::new(), replay_from: Position::FIRST, at: 0, is_complete: true }
    }
}

/// From where the caller's state can be restored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) preamble: Vec<u8>,
    pub(crate) replay_from: Position,
    /// Which segment that is.
    at: usize,
    /// Whether the preamble says everything that was before.
    is_complete: bool,
}

impl Chain {
    /// Opens the files (at least one) and checks how they hang together; reads all sealed ones if told to.
    pub(crate) fn open(
        options: &Options,
        paths: Vec<PathBuf>,
        now: UnixMillis,
    ) -> Result<Chain, JournalError> {
        let (mut segments, mut damages) = (Vec::<Segment>::new(), Vec::new());
        for path in paths {
            let (segment, damage) = Segment::open(&options.disk, path, segments.last(), now)?;
            damages.extend(damage);
            segments.push(segment);
        }
        let mut chain = Chain { segments, sealed_bytes: 0, damages };
        for at in 1..chain.segments.len() {
            chain.check_link(at)?;
        }
        if options.verify == Verify::All {
            for at in 1..chain.segments.len() {
                let found = chain.scan_before(at)?;
                chain.damages.extend(found);
            }
        }
        Ok(chain)
    }

    /// The newest preamble that is whole and of the history that `meta` tells. Others are passed over: then
    /// more records have to be read.
    pub(crate) fn base(&mut self, active: &dyn DiskFile, meta: &Meta) -> Result<Base, JournalError> {
        let last = self.segments.len().saturating_sub(1);
        for (at, segment) in self.segments.iter().enumerate().rev() {
            let replay_from = segment.first();
            if !segment.is_whole || !meta.believes(segment.header.epoch, replay_from) {
                continue;
            }
            let sealed = (at < last).then(|| segment.reader()).transpose();
            let sealed = sealed.map_err(io_error("open", &segment.path))?;
            let file = sealed.as_deref().unwrap_or(active);
            if let Some(preamble) = segment.header.read_preamble(file, &segment.path)? {
                return Ok(Base { preamble, replay_from, at, is_complete: true });
            }
            let damage =
                Damage::of_head(&segment.path, 64, replay_from, "the checksum of the preamble is wrong");
            self.damages.push(damage);
        }
        let replay_from = self.segments.first().map_or(Position::FIRST, Segment::first);
        let is_complete = replay_from == Position::FIRST;
        Ok(Base { preamble: Vec::new(), replay_from, at: 0, is_complete })
    }

    /// Whether the caller's state as of the last record cannot be restored exactly from `base`: a record is
    /// damaged that no later epoch, which begins at `epoch`, has taken back already. `tail` is what is
    /// damaged in the last segment.
    pub(crate) fn state_is_lost(
        &mut self,
        base: &Base,
        tail: &[Damage],
        epoch: Position,
    ) -> Result<bool, JournalError> {
        let mut found = tail.to_vec();
        for at in base.at + 1..self.segments.len() {
            found.extend(self.scan_before(at)?);
        }
        let lost = found.iter().any(|damage| damage.records() > 0 && damage.last >= epoch);
        self.damages.extend(found);
        Ok(lost || !base.is_complete)
    }

    /// Reads all records of the segment before the one at `at`.
    fn scan_before(&self, at: usize) -> Result<Vec<Damage>, JournalError> {
        let Some([before, after]) = self.segments.get(at - 1..=at) else { return Ok(Vec::new()) };
        let file = before.reader().map_err(io_error("open", &before.path))?;
        let scan = before.scan_sealed(&*file, after.header.previous.bytes, after.first())?;
        if scan.latest.next() > after.first() {
            let reason = format!("it ends at {}, the next file begins at {}", scan.latest, after.first());
            return Err(damaged(&before.path, scan.end, reason));
        }
        before.set_index(scan.index);
        Ok(scan.lost.iter().map(|lost| Damage::of_records(&before.path, lost)).collect())
    }

    /// The header at `at` names the segment before it and its length.
    fn check_link(&mut self, at: usize) -> Result<(), JournalError> {
        let Some([before, after]) = self.segments.get(at - 1..=at) else { return Ok(()) };
        let previous = after.header.previous;
        if previous.first != before.first() {
            let missing = format!("the segment before it begins at {} and is missing", previous.first);
            return Err(damaged(&after.path, 40, missing));
        }
        let length = before.length()?;
        if length != previous.bytes {
            let other = format!("it has {length} bytes, it had {} when it was sealed", previous.bytes);
            return Err(damaged(&before.path, length.min(previous.bytes), other));
        }
        self.sealed_bytes += length;
        if after.is_whole {
            return Ok(());
        }
        // A name alone proves nothing: the records before it have to lead there.
        let file = before.reader().map_err(io_error("open", &before.path))?;
        let scan = before.scan_last(&*file, length)?;
        if scan.latest.next() == after.first() {
            return Ok(());
        }
        let reason = format!("its header cannot be read, and the records before it end at {}", scan.latest);
        Err(damaged(&after.path, 0, reason))
    }
}
