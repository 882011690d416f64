//! The journal on real files. Each test has a folder of its own.

mod bad_disk;
mod corpus;
mod cycles;
mod damage;
mod epochs;
mod followers;
mod halting;
mod missing;
mod older_copy;
mod reading;
mod space;
mod syncing;
mod torn;
mod unreadable;

use crate::*;
use gapless_model::{Position, UnixMillis};
use std::path::{Path, PathBuf};

const BOOT: &str = "boot-1";
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Small segments, no background syncing, so that tests say when things happen.
fn options(dir: &Path) -> Options {
    Options { sync: Sync::Os, segment_bytes: 200, ..Options::new(dir, BOOT) }
}

fn reopen(dir: &Path) -> Opened {
    open(options(dir), NOW).unwrap()
}

/// A record that tells its own position and has `length` bytes.
fn record(position: u64, length: usize) -> Vec<u8> {
    position.to_string().bytes().cycle().take(length.max(1)).collect()
}

fn append_some(appender: &mut Appender, count: usize) {
    for _ in 0..count {
        let record = record(appender.next_position().0, 30);
        appender.append(&[record]).unwrap();
    }
}

/// Every record of the journal, read in small pieces.
fn read_all(journal: &Journal) -> Result<Vec<Vec<u8>>, JournalError> {
    let mut all = Vec::new();
    let mut from = journal.status().earliest;
    loop {
        let read = journal.read(from, 100)?;
        assert!(read.records.is_empty() || read.first == from);
        if read.records.is_empty() {
            return Ok(all);
        }
        from = Position(from.0 + read.records.len() as u64);
        all.extend(read.records);
    }
}

/// The segment files, oldest first.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    files
}

fn last_file(dir: &Path) -> PathBuf {
    files(dir).pop().unwrap()
}

/// A copy of a journal's folder, without its lock.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = folder();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}
