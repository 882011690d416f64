//! The bodies of the fuzz targets in `tests/fuzz`; a test replays their corpora through the same functions.
//!
//! Whatever lies in the folder: opening and reading end, with records or with an error, and a record that
//! is handed out stands in a file with both its checksums. What opens can be written to and opened again.

mod damage;
mod files;

pub use damage::journal_damage;
pub use files::journal_files;

use crate::frame;
use crate::{Journal, JournalError, Opened, Options, Sync, Verify, open};
use gapless_disk::MemoryDisk;
use gapless_model::{Position, UnixMillis};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a target is fed to, by its folder in `tests/fuzz/corpus`.
pub type Target = (&'static str, fn(&[u8]));

/// Every target of this crate.
pub const TARGETS: [Target; 2] = [("journal_files", journal_files), ("journal_damage", journal_damage)];

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
/// The longest message about a folder: some lines of a terminal.
const MAX_MESSAGE_BYTES: usize = 1000;
/// Records of one read, in bytes: few, so that one journal takes several.
const READ_BYTES: usize = 100;

/// Bits of the first byte of an input, which says how the folder is opened.
const VERIFY_ALL: u8 = 1;
const AFTER_POWER_LOSS: u8 = 2;
const MEND: u8 = 4;
const CLOSED: u8 = 8;

fn dir() -> &'static Path {
    Path::new("/journal")
}

fn options(disk: &MemoryDisk, mode: u8) -> Options {
    let boot_id = if mode & AFTER_POWER_LOSS == 0 { "boot-1" } else { "boot-2" };
    Options {
        disk: Arc::new(disk.clone()),
        sync: Sync::Manual,
        verify: if mode & VERIFY_ALL == 0 { Verify::Tail } else { Verify::All },
        ..Options::new(dir(), boot_id)
    }
}

/// Opens the folder; an error is short.
fn opened(disk: &MemoryDisk, mode: u8) -> Option<Opened> {
    open(options(disk, mode), NOW).map_err(|error| short(&error)).ok()
}

/// Everything that can be read, by position, and whether anything could not.
fn read_all(journal: &Journal, files: &BTreeMap<PathBuf, Vec<u8>>) -> (BTreeMap<Position, Vec<u8>>, bool) {
    let status = journal.status();
    assert!(status.earliest <= status.latest.next(), "{status:?}");
    let (mut records, mut failed, mut from) = (BTreeMap::new(), false, Position::NONE);
    while from <= status.latest {
        let read = match journal.read(from, READ_BYTES) {
            Ok(read) => read,
            Err(error) => {
                short(&error);
                (failed, from) = (true, from.next());
                continue;
            }
        };
        failed |= read.first > from;
        assert!(read.first >= from && read.latest >= status.latest && read.earliest >= status.earliest);
        let mut position = read.first;
        for record in read.records {
            assert!(stands_in(files, position, &record), "record {position} is in no file like this");
            records.insert(position, record);
            position = position.next();
        }
        from = position.max(from.next());
    }
    (records, failed)
}

/// Whether a file holds this record at this position, with both checksums.
fn stands_in(files: &BTreeMap<PathBuf, Vec<u8>>, position: Position, record: &[u8]) -> bool {
    let mut frame = Vec::new();
    frame::put(&mut frame, position.0, record);
    // The two bytes first: this is most of what an input costs.
    let is_frame =
        |window: &[u8]| window.first() == frame.first() && window.get(4) == frame.get(4) && window == frame;
    files.values().any(|file| file.windows(frame.len()).any(is_frame))
}

/// What was opened takes records, and has them and the old ones after it was closed.
fn goes_on(disk: &MemoryDisk, mode: u8, opened: Opened) {
    let Opened { mut appender, journal, .. } = opened;
    let first = appender.next_position();
    let appended = appender.append(&[b"after", b"wards"]).and_then(|group| {
        assert_eq!((group.first, group.last), (first, first.next()));
        appender.roll(b"state", NOW)?;
        appender.append(&[b"and after"])?;
        appender.close()
    });
    assert!(appended.is_ok(), "{appended:?}");
    let (before, failed) = read_all(&journal, &disk.all());
    assert_eq!(before.get(&first).map(Vec::as_slice), Some(&b"after"[..]));
    drop(journal);
    let again = match open(options(disk, mode), NOW) {
        Ok(again) => again,
        Err(error) => panic!("a journal that was open cannot be opened again: {error}"),
    };
    assert_eq!((again.preamble.as_slice(), again.replay_from), (&b"state"[..], first.next().next()));
    assert!(!again.recovery.unclean && again.recovery.cut.is_none() && again.recovery.left_epoch.is_none());
    assert_eq!(read_all(&again.journal, &disk.all()), (before, failed), "records changed between two runs");
}

fn short(error: &JournalError) {
    let words = error.to_string();
    assert!(words.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes: {words:.200}", words.len());
}
