//! The server's side: every row of every stream, and the journal position up to which they are here.
//!
//! The intuition: rows arrive interleaved, a few of each of many streams, and are asked for by stream. A
//! table in order of arrival would have to be searched whole for one page. So rows are collected in a *hot*
//! table only until there are [`SEAL_ROWS`] of them, then sorted by stream and sequence into a *partition*
//! that only a rewind changes, and a small directory knows which range of which stream lies where. A page then
//! touches one partition or a few, however many there are.
//!
//! The complication is that appending must not wait for sorting. A hot table therefore is one
//! *generation*: while generation 7 is sorted on another connection, rows go to generation 8. Partition 7
//! gets its name once it is whole; hot table 7 is dropped after that. A crash in between
//! leaves both, which opening the archive sees by their common number.
//!
//! Rows lie in *blocks*, up to 4,096 of one stream as one value, and not as rows of a table: of such a table, as
//! there was before, DuckDB looked through ten times as many rows in a dozen columns to find ten thousand. Measured
//! with 100 interleaved streams of candles, 2 cores, medians of [`ArchiveReader::page`]: a page of 1,000 rows takes
//! 1.7 ms at 10^6 rows and 2.2 ms at 10^7, one of 10,000, out of three partitions, 3.3 ms and 6.8 ms, most of it
//! DuckDB's plan and scan for each partition (`tests/cost.rs` repeats it). Appending and sorting together move 0.9
//! million rows a second. One flat table was tried (it grows slower with its size), and Parquet partitions (6 to 9
//! ms a page, and a protocol of their own for files that appear and vanish).
//!
//! A damaged file is found, not served. DuckDB has a checksum for each block of 256 KiB, for its headers and for each
//! entry of its log, and compares it when the block comes from the disk. A block of rows ends with a checksum of its own.
//! Above that, a page adds up the digests of its rows and compares the sum wherever a batch states its running digest;
//! its first batch has nothing to be compared with, unless it begins with row 1. [`ArchiveReader::check`] reads every
//! row of a stream. What lies where is read when the archive is opened,
//! a few bytes of each block: if these are damaged, the archive cannot be opened.
//!
//! Rows keep epoch, flags, publication time and, on the last row of each published batch, the running
//! digest: a replayed batch is the published one (batches of few rows come put together), and every range can be
//! checked against the sequencer.

mod append;
mod aside;
mod block;
mod block_table;
mod columns;
mod directory;
mod load;
mod packed;
mod read;
mod reading;
mod retention;
mod rewind;
mod seal;
mod tables;
mod view;

pub use read::{ArchiveReader, Page, RangeCheck};
pub use retention::{Retained, Retention};
pub use seal::Sealer;
pub use view::Missing;

use crate::StoreError;
use crate::database::{Database, Options};
use crate::error::Doing;
use directory::Directory;
use gapless_model::{Batch, Epoch, Kind, Position};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Rows of one kind that make a partition. Searching as many unsorted ones costs about as much as the rest
/// of a request, and sorting them takes a fraction of a second.
pub const SEAL_ROWS: u64 = 500_000;

/// What the writer, the readers and the sealer have in common.
#[derive(Clone)]
struct Shared {
    directory: Arc<RwLock<Directory>>,
    /// Held while partitions are made or removed: sealing, rewinding and retention take turns.
    maintenance: Arc<Mutex<()>>,
}

/// The archive's one writer.
pub struct Archive {
    database: Database,
    shared: Shared,
    seal_rows: u64,
}

/// What an append did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Rows stored.
    pub rows: u64,
    /// Rows left out, being there already.
    pub duplicates: u64,
    /// Streams that go on above their end, because the journal lost rows before the new ones.
    pub broken: u64,
    /// Whether a hot table was full before: [`Sealer::seal_next`] has work.
    pub sealable: bool,
}

impl Archive {
    /// Opens or creates an archive, and finishes what a crash interrupted.
    ///
    /// # Errors
    /// [`StoreError::Owned`] when somebody has it open, [`StoreError::Layout`] when another version wrote it,
    /// [`StoreError::Damaged`] when its tables do not fit together.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Archive, StoreError> {
        Archive::open_sealing_at(path, options, SEAL_ROWS)
    }

    /// As [`Archive::open`], with another number of rows per partition than [`SEAL_ROWS`].
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn open_sealing_at(
        path: impl AsRef<Path>,
        options: &Options,
        seal_rows: u64,
    ) -> Result<Archive, StoreError> {
        let database = Database::open(path.as_ref(), options)?;
        tables::create(&database)?;
        tables::drop_leftovers(&database.connection)?;
        let directory = load::load(&database.connection)?;
        let shared =
            Shared { directory: Arc::new(RwLock::new(directory)), maintenance: Arc::new(Mutex::new(())) };
        Ok(Archive { database, shared, seal_rows: seal_rows.max(1) })
    }

    /// Puts the archive at `path` aside, so that a new one can be made: its files get a name of their own
    /// beside it. Returns the new name of the main file; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Owned`] when somebody has it open, [`StoreError::File`].
    pub fn set_aside(path: impl AsRef<Path>) -> Result<Option<PathBuf>, StoreError> {
        aside::set_aside(path.as_ref())
    }

    /// The journal position up to which everything is committed; [`Position::NONE`] in a new archive.
    pub fn position(&self) -> Position {
        self.shared.read(|directory| directory.position)
    }

    /// The newest journal epoch that is committed; unstated in a new archive.
    pub fn epoch(&self) -> Epoch {
        self.shared.read(|directory| directory.epoch)
    }

    /// Stores rows together with the positions of their records, in one transaction.
    ///
    /// Records at or below [`Archive::position`] are left out. A stream that starts again above its end
    /// (the journal lost what lay between) has a hole from then on.
    ///
    /// # Errors
    /// [`StoreError::Position`] when the records do not continue the position; nothing has changed then.
    pub fn append(&mut self, records: &[(Position, Batch)]) -> Result<Appended, StoreError> {
        append::append(&self.database, &self.shared, self.seal_rows, records)
    }

    /// Moves the position without rows: the journal, which is in `epoch`, lost the records up to and with
    /// `position`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn skip_to(&mut self, position: Position, epoch: Epoch) -> Result<(), StoreError> {
        if position <= self.position() {
            return Ok(());
        }
        // Without its epoch a position could be taken for one in another journal.
        tables::write_state(&self.database.connection, position, epoch)?;
        self.shared.write(|directory| (directory.position, directory.epoch) = (position, epoch));
        Ok(())
    }

    /// A reader on a connection of its own, for another thread.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn reader(&self) -> Result<ArchiveReader, StoreError> {
        Ok(ArchiveReader::new(self.database.another()?, self.shared.clone()))
    }

    /// Sorts full hot tables into partitions, on a connection of its own, for another thread.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn sealer(&self) -> Result<Sealer, StoreError> {
        Ok(Sealer::new(self.database.another()?, self.shared.clone()))
    }

    /// Stored rows, by kind: hot ones and sealed ones.
    pub fn rows(&self) -> Vec<(Kind, u64, u64)> {
        self.shared.read(Directory::rows)
    }

    /// Brings everything into the main file, so that opening it again is quick.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.database.connection.execute_batch("CHECKPOINT").doing("write a checkpoint")
    }
}

impl Shared {
    /// A poisoned lock only says that another thread panicked: the directory is replaced or extended in
    /// steps that cannot fail half-way, so what it holds is whole.
    fn read<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        change(&mut self.directory.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn maintenance(&self) -> MutexGuard<'_, ()> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
