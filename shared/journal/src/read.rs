//! Reading a range while the writer goes on.

use crate::error::{damaged, io_error};
use crate::frame::{Scanner, Step};
use crate::segment::Segment;
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
    from: Position,
    earliest: Position,
    latest: Position,
}

impl Journal {
    /// Records from `from` on, about `max_bytes` of them and at least one if there is one. A `from` that
    /// was retired reads from the oldest that is left ([`Read::first`] says so). It may stop early, at
    /// the end of a segment.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when stored bytes are not what was written; none of them is returned.
    pub fn read(&self, from: Position, max_bytes: usize) -> Result<Read, JournalError> {
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
            return place.read(&*file, max_bytes);
        }
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
        let end = log.segments.get(after).map_or(log.end, |next| next.header.previous.bytes);
        Ok(Ok(Place { segment, end, from, earliest, latest }))
    }
}

impl Place {
    fn read(self, file: &dyn DiskFile, max_bytes: usize) -> Result<Read, JournalError> {
        let path = &self.segment.path;
        let (start, offset) = self.segment.floor(file, self.from, self.end)?;
        let mut scanner = Scanner::new(file, offset, self.end, start.0);
        let mut records = Vec::new();
        let mut bytes = 0;
        loop {
            match scanner.step().map_err(io_error("read", path))? {
                Step::Record { position, .. } if position < self.from.0 => {}
                Step::Record { payload, .. } => {
                    if !records.is_empty() && bytes + payload.len() > max_bytes {
                        break;
                    }
                    bytes += payload.len();
                    records.push(payload.to_vec());
                }
                Step::End => break,
                Step::Torn { offset } => return Err(damaged(path, offset, "the file ends inside a record")),
                Step::Bad { offset, reason } => return Err(damaged(path, offset, reason)),
            }
        }
        let latest = self.latest.max(Position((self.from.0 + records.len() as u64).saturating_sub(1)));
        Ok(Read { first: self.from, records, earliest: self.earliest, latest })
    }
}
