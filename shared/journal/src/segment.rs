//! One file of the journal.

use crate::JournalError;
use crate::error::{damaged, io_error};
use crate::frame::{Scanner, Step};
use crate::header::{Header, Previous};
use crate::index::Index;
use gapless_disk::{Disk, DiskFile, is_leftover, write_atomically};
use gapless_model::{Epoch, Position, UnixMillis};
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
    index: Mutex<Lookup>,
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
        Ok((Segment { disk: Arc::clone(disk), path, header, index }, file))
    }

    /// Looks at an existing file; its records are not read yet.
    pub(crate) fn open(disk: &Arc<dyn Disk>, path: PathBuf) -> Result<Segment, JournalError> {
        let file = disk.open(&path, false).map_err(io_error("open", &path))?;
        let header = Header::read(&*file, &path)?;
        if path.file_name().is_none_or(|name| name != file_name(header.first).as_str()) {
            return Err(damaged(&path, 24, format!("its header says that it begins at {}", header.first)));
        }
        Ok(Segment { disk: Arc::clone(disk), path, header, index: Mutex::new(Lookup::Unknown) })
    }

    pub(crate) fn first(&self) -> Position {
        self.header.first
    }

    pub(crate) fn reader(&self) -> std::io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.path, false)
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

    /// A record at or before `position` to begin reading at. Reads the whole file the first time, which
    /// also checks it.
    pub(crate) fn floor(
        &self,
        file: &dyn DiskFile,
        position: Position,
        end: u64,
    ) -> Result<(Position, u64), JournalError> {
        let start = (self.first(), self.header.data_start());
        let mut lookup = self.lookup();
        if let Lookup::Unknown = *lookup {
            *lookup = Lookup::Known(self.check(file, end)?.index);
        }
        match &*lookup {
            Lookup::Known(index) => Ok(index.floor(position).unwrap_or(start)),
            Lookup::Unknown => Ok(start),
        }
    }

    /// Reads all records of a sealed segment; anything but whole records is damage.
    pub(crate) fn check(&self, file: &dyn DiskFile, end: u64) -> Result<Scan, JournalError> {
        let scan = self.scan(file, end)?;
        match scan.stop {
            Stop::End => Ok(scan),
            Stop::Torn => Err(damaged(&self.path, scan.end, "the file ends inside a record")),
            Stop::Bad(reason) => Err(damaged(&self.path, scan.end, reason)),
        }
    }

    /// Reads all records up to the first thing that is none.
    pub(crate) fn scan(&self, file: &dyn DiskFile, end: u64) -> Result<Scan, JournalError> {
        let mut index = Index::default();
        let mut latest = self.first().0.saturating_sub(1);
        let mut scanner = Scanner::new(file, self.header.data_start(), end, self.first().0);
        loop {
            let (end, stop) = match scanner.step().map_err(io_error("read", &self.path))? {
                Step::Record { offset, position, .. } => {
                    index.note(Position(position), offset);
                    latest = position;
                    continue;
                }
                Step::End => (end, Stop::End),
                Step::Torn { offset } => (offset, Stop::Torn),
                Step::Bad { offset, reason } => (offset, Stop::Bad(reason)),
            };
            return Ok(Scan { index, latest: Position(latest), end, stop });
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    End,
    Torn,
    Bad(&'static str),
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

fn file_name(first: Position) -> String {
    format!("{:0DIGITS$}{SUFFIX}", first.0)
}

fn is_file_name(name: &str) -> bool {
    name.strip_suffix(SUFFIX)
        .is_some_and(|stem| stem.len() == DIGITS && stem.bytes().all(|b| b.is_ascii_digit()))
}
