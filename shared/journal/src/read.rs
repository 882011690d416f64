//! Reading a range while the writer goes on.

use crate::damage::{Damage, Damages};
use crate::error::{damaged, io_error};
use crate::frame::{Scanner, Step};
use crate::segment::{Lost, Segment};
use crate::{Journal, JournalError};
use gapless_disk::DiskFile;
use gapless_model::Position;
use std::io::ErrorKind;
use std::sync::Arc;

/// Consecutive records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Position of the first record; when there is none, where the next read should begin.
    pub first: Position,
    /// The records, as they were appended.
    pub records: Vec<Vec<u8>>,
    /// The oldest position that was still there when this was read.
    pub earliest: Position,
    /// The newest position when this was read.
    pub latest: Position,
}

/// Where to read.
struct Place {
    segment: Arc<Segment>,
    end: u64,
    /// The first position after this segment.
    next: Position,
    from: Position,
    earliest: Position,
    latest: Position,
}

impl Journal {
    /// Records from `from` on, about `max_bytes` of them and at least one if there is one. A `from` that
    /// was retired reads from the oldest that is left, and one that is damaged from the next whole record
    /// ([`Read::first`] says so). It may stop early, at the end of a segment or before a damaged record.
    ///
    /// Bytes that are not what was written are never returned; what is found is in [`Journal::damage`].
    ///
    /// # Errors
    /// When a file cannot be read at all.
    pub fn read(&self, from: Position, max_bytes: usize) -> Result<Read, JournalError> {
        let mut from = from;
        loop {
            let place = match self.locate(from)? {
                Ok(place) => place,
                Err(nothing) => return Ok(nothing),
            };
            let file = match place.segment.reader() {
                Ok(file) => file,
                // Retired between the look and the open: look again.
                Err(error)
                    if error.kind() == ErrorKind::NotFound && self.shared.log().earliest() > place.from =>
                {
                    continue;
                }
                Err(error) => return Err(io_error("open", &place.segment.path)(error)),
            };
            match place.read(&*file, max_bytes, &self.shared.damages)? {
                Some(read) => return Ok(read),
                // The rest of the segment is damaged.
                None => from = place.next,
            }
        }
    }

    /// What was found damaged so far and is still there.
    pub fn damage(&self) -> Vec<Damage> {
        self.shared.damages.list()
    }

    /// The segment that holds `from`, or the answer when there is nothing to read.
    #[allow(clippy::result_large_err)]
    fn locate(&self, from: Position) -> Result<Result<Place, Read>, JournalError> {
        let log = self.shared.log();
        let (earliest, latest) = (log.earliest(), log.latest);
        let from = from.max(earliest);
        if from > latest {
            let first = latest.next();
            return Ok(Err(Read { first, records: Vec::new(), earliest, latest }));
        }
        let after = log.segments.partition_point(|segment| segment.first() <= from);
        let Some(segment) = after.checked_sub(1).and_then(|at| log.segments.get(at)).map(Arc::clone) else {
            return Err(damaged(&self.shared.dir, 0, format!("no file holds position {from}")));
        };
        let (end, next) = match log.segments.get(after) {
            Some(next) => (next.header.previous.bytes, next.first()),
            None => (log.end, latest.next()),
        };
        Ok(Ok(Place { segment, end, next, from, earliest, latest }))
    }
}

impl Place {
    /// What there is from `from` on; `None` when nothing of it can be read.
    fn read(
        &self,
        file: &dyn DiskFile,
        max_bytes: usize,
        damages: &Damages,
    ) -> Result<Option<Read>, JournalError> {
        let path = &self.segment.path;
        let failed = |error| io_error("read", path)(error);
        let note = |lost: &Lost| damages.note(Damage::of_records(path, lost));
        let ((start, offset), lost) = self.segment.floor(file, self.from, self.end, self.next)?;
        lost.iter().for_each(note);
        let mut scanner = Scanner::new(file, offset, self.end, start.0);
        let mut first = self.from;
        let mut records = Vec::new();
        let mut bytes = 0;
        loop {
            let (offset, reason) = match scanner.step().map_err(failed)? {
                Step::Record { position, .. } if position < self.from.0 => continue,
                Step::Record { position, .. } => {
                    let payload = scanner.payload();
                    if records.is_empty() {
                        first = Position(position);
                    } else if bytes + payload.len() > max_bytes {
                        break;
                    }
                    bytes += payload.len();
                    records.push(payload.to_vec());
                    continue;
                }
                Step::End => (self.end, "the file ends before its last record"),
                Step::Torn { offset } => (offset, "the file ends inside a record"),
                Step::Bad { offset, reason } => (offset, reason),
            };
            if scanner.expected() >= self.next.0 || !records.is_empty() {
                break;
            }
            let expected = scanner.expected();
            let found = scanner.skip(self.next.0).map_err(failed)?;
            let positions = expected..found.unwrap_or(self.next.0);
            if !positions.is_empty() {
                note(&Lost { offset, positions, reason });
            }
            if found.is_none() {
                return Ok(None);
            }
        }
        if records.is_empty() {
            return Ok(None);
        }
        let latest = self.latest.max(Position(first.0 + records.len() as u64 - 1));
        Ok(Some(Read { first, records, earliest: self.earliest, latest }))
    }
}
