//! One file of the journal.

use crate::JournalError;
use crate::damage::Damage;
use crate::error::{damaged, io_error};
use crate::frame::{Scanner, Step};
use crate::header::{Header, MAX_FIRST, Previous};
use crate::index::Index;
use crate::unreadable::{Readable, Unreadable};
use gapless_disk::{Disk, DiskFile, is_leftover, write_atomically};
use gapless_model::{Epoch, Position, UnixMillis};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SUFFIX: &str = ".log";
const DIGITS: usize = 20;

/// A segment as readers see it; where it ends is the journal's business.
#[derive(Debug)]
pub(crate) struct Segment {
    disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    /// Whether the header is the one that was written.
    pub(crate) is_whole: bool,
    index: Mutex<Lookup>,
    unreadable: Unreadable,
}

#[derive(Debug)]
enum Lookup {
    /// The file was not read yet.
    Unknown,
    Known(Index),
}

impl Segment {
    /// Makes a new file with no records; its header and preamble are durable when this returns.
    pub(crate) fn create(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        epoch: Epoch,
        first: Position,
        created: UnixMillis,
        previous: Previous,
        preamble: &[u8],
    ) -> Result<(Segment, Arc<dyn DiskFile>), JournalError> {
        let header = Header::new(epoch, first, created, previous, preamble);
        let name = file_name(first);
        // It is written under another name first: a file with a segment's name has a whole header.
        let path = dir.join(&name);
        let file = write_atomically(&**disk, dir, &name, &[&header.to_bytes(), preamble])
            .map_err(io_error("write", &path))?;
        let index = Mutex::new(Lookup::Known(Index::default()));
        let (disk, unreadable) = (Arc::clone(disk), Unreadable::default());
        Ok((Segment { disk, path, header, is_whole: true, index, unreadable }, file))
    }

    /// Looks at an existing file; its records are not read yet. A header that cannot be read is replaced by
    /// what its name and `before`, the segment before, say; then the damage is returned too.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        path: PathBuf,
        before: Option<&Segment>,
        now: UnixMillis,
    ) -> Result<(Segment, Option<Damage>), JournalError> {
        let file = disk.open(&path, false).map_err(io_error("open", &path))?;
        let named = first_of(&path);
        let (header, damage) = match (Header::read(&*file, &path)?, named) {
            (Ok(header), Some(first)) if header.first == first => (header, None),
            (Ok(header), _) => {
                return Err(damaged(
                    &path,
                    24,
                    format!("its header says that it begins at {}", header.first),
                ));
            }
            (Err(reason), Some(first)) if first <= MAX_FIRST => {
                let previous = match before {
                    Some(before) => Previous { first: before.first(), bytes: before.length()? },
                    None => Previous::default(),
                };
                let header = Header::stand_in(first, now, previous);
                (header, Some(Damage::of_head(&path, 0, first, reason)))
            }
            (Err(reason), _) => return Err(damaged(&path, 0, reason)),
        };
        let (disk, index) = (Arc::clone(disk), Mutex::new(Lookup::Unknown));
        let is_whole = damage.is_none();
        let segment = Segment { disk, path, header, is_whole, index, unreadable: Unreadable::default() };
        Ok((segment, damage))
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> Result<u64, JournalError> {
        self.reader().and_then(|file| file.len()).map_err(io_error("look at", &self.path))
    }

    pub(crate) fn first(&self) -> Position {
        self.header.first
    }

    /// For reading alone: what the disk does not give any more is zeros.
    pub(crate) fn reader(&self) -> std::io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(&self.path, false)?;
        let (path, unreadable) = (self.path.clone(), Arc::clone(&self.unreadable));
        Ok(Arc::new(Readable { file, path, unreadable }))
    }

    pub(crate) fn writer(&self) -> Result<Arc<dyn DiskFile>, JournalError> {
        self.disk.open(&self.path, true).map_err(io_error("open", &self.path))
    }

    /// Remembers what a scan from the first record on found.
    pub(crate) fn set_index(&self, index: Index) {
        *self.lookup() = Lookup::Known(index);
    }

    /// Remembers where a record was just appended.
    pub(crate) fn note(&self, position: Position, offset: u64) {
        if let Lookup::Known(index) = &mut *self.lookup() {
            index.note(position, offset);
        }
    }

    /// A record at or before `position` to begin reading at; `next` is the first position of the segment
    /// after. Reads the whole file the first time, which also checks it: what is damaged is returned.
    pub(crate) fn floor(
        &self,
        file: &dyn DiskFile,
        position: Position,
        end: u64,
        next: Position,
    ) -> Result<((Position, u64), Vec<Lost>), JournalError> {
        let start = (self.first(), self.header.data_start());
        let mut lookup = self.lookup();
        let mut lost = Vec::new();
        if let Lookup::Unknown = *lookup {
            let scan = self.scan_sealed(file, end, next)?;
            lost = scan.lost;
            *lookup = Lookup::Known(scan.index);
        }
        match &*lookup {
            Lookup::Known(index) => Ok((index.floor(position).unwrap_or(start), lost)),
            Lookup::Unknown => Ok((start, lost)),
        }
    }

    /// Reads all records of a sealed segment, which holds those up to `next`. Any that cannot be read are lost.
    pub(crate) fn scan_sealed(
        &self,
        file: &dyn DiskFile,
        end: u64,
        next: Position,
    ) -> Result<Scan, JournalError> {
        let mut scan = self.scan(file, end, Some(next.0))?;
        let positions = scan.latest.next().0..next.0;
        if !positions.is_empty() {
            let reason = scan.stop.reason();
            scan.lost.push(Lost { offset: scan.end, positions, reason });
        }
        Ok(scan)
    }

    /// Reads all records of the last segment, up to the last whole one.
    pub(crate) fn scan_last(&self, file: &dyn DiskFile, end: u64) -> Result<Scan, JournalError> {
        // More records than fit into the file cannot have been there.
        self.scan(file, end, Some(self.first().0.saturating_add(end)))
    }

    /// Reads all records up to the first thing that is none, or, with a limit, also those behind it with
    /// positions before the limit.
    pub(crate) fn scan(
        &self,
        file: &dyn DiskFile,
        end: u64,
        limit: Option<u64>,
    ) -> Result<Scan, JournalError> {
        let failed = |error| io_error("read", &self.path)(error);
        let (mut index, mut lost) = (Index::default(), Vec::new());
        let mut latest = self.first().0.saturating_sub(1);
        let mut scanner = Scanner::new(file, self.header.data_start(), end, self.first().0);
        loop {
            let (offset, stop) = match scanner.step().map_err(failed)? {
                Step::Record { offset, position } => {
                    index.note(Position(position), offset);
                    latest = position;
                    continue;
                }
                Step::End => (end, Stop::End),
                Step::Torn { offset } => (offset, Stop::Torn),
                Step::Bad { offset, reason } => (offset, Stop::Bad(reason)),
            };
            let expected = scanner.expected();
            if let (Some(limit), true) = (limit, stop != Stop::End)
                && let Some(found) = scanner.skip(limit).map_err(failed)?
            {
                if found > expected {
                    lost.push(Lost { offset, positions: expected..found, reason: stop.reason() });
                }
                continue;
            }
            return Ok(Scan { index, latest: Position(latest), end: offset, stop, lost });
        }
    }

    fn lookup(&self) -> MutexGuard<'_, Lookup> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) index: Index,
    /// The last whole record; the one before the segment when there is none.
    pub(crate) latest: Position,
    /// Where the whole records end.
    pub(crate) end: u64,
    /// Why they end there.
    pub(crate) stop: Stop,
    /// What lies between whole records and is none.
    pub(crate) lost: Vec<Lost>,
}

/// Records that are not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) offset: u64,
    pub(crate) positions: Range<u64>,
    pub(crate) reason: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    End,
    Torn,
    Bad(&'static str),
}

impl Stop {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Stop::End => "the file ends before its last record",
            Stop::Torn => "the file ends inside a record",
            Stop::Bad(reason) => reason,
        }
    }
}

/// The segment files in `dir`, oldest first. Leftovers of unfinished atomic writes are removed.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let mut found = Vec::new();
    for name in disk.list(dir).map_err(io_error("list", dir))? {
        let path = dir.join(&name);
        if is_leftover(&name) {
            disk.remove(&path).map_err(io_error("remove", &path))?;
        } else if is_file_name(&name) {
            // Fixed width: the order of names is the order of positions.
            found.push(path);
        }
    }
    Ok(found)
}

/// The file of the segment that begins at `first`.
pub(crate) fn path_of(dir: &Path, first: Position) -> PathBuf {
    dir.join(file_name(first))
}

/// Whether a file's name is that of a segment.
pub(crate) fn is_segment(path: &Path) -> bool {
    first_of(path).is_some()
}

fn file_name(first: Position) -> String {
    format!("{:0DIGITS$}{SUFFIX}", first.0)
}

/// The position in a segment's name.
fn first_of(path: &Path) -> Option<Position> {
    let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    name.parse().ok().map(Position).filter(|first| *first >= Position::FIRST)
}

fn is_file_name(name: &str) -> bool {
    name.strip_suffix(SUFFIX)
        .is_some_and(|stem| stem.len() == DIGITS && stem.bytes().all(|b| b.is_ascii_digit()))
}
