//! What a journal's files say after any kind of end.
//!
//! A killed process leaves a prefix of what it wrote: the last record may be cut short, never wrong. So a
//! short record at the end is cut, and a wrong one is damage. A power loss can also leave holes where
//! pages were not written in order: then everything from the first wrong byte on is cut, and if that may
//! have held something acknowledged, a new epoch begins. Cutting at every wrong record would be simpler,
//! and would turn one flipped bit into the silent loss of everything after it.

use crate::error::{damaged, io_error};
use crate::meta::Meta;
use crate::segment::{Scan, Segment, Stop};
use crate::{JournalError, Options, Verify, frame};
use gapless_disk::DiskFile;
use gapless_model::{Epoch, Position, UnixMillis};
use std::path::PathBuf;
use std::sync::Arc;

/// What was found at open, and done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The last run did not close the journal.
    pub unclean: bool,
    /// What was removed from the end of the last file.
    pub cut: Option<Cut>,
    /// Something acknowledged may be gone: the epoch before. The current one begins after the last record.
    pub left_epoch: Option<Epoch>,
    /// The newest record that is there.
    pub latest: Position,
}

/// What was removed from the end of the last file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Which file.
    pub file: PathBuf,
    /// Its length now.
    pub offset: u64,
    /// How many bytes were removed.
    pub bytes: u64,
    /// Why.
    pub reason: &'static str,
}

/// A journal's files, made whole.
pub(crate) struct Recovered {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) active: Arc<dyn DiskFile>,
    pub(crate) end: u64,
    pub(crate) sealed_bytes: u64,
    pub(crate) meta: Meta,
    pub(crate) recovery: Recovery,
}

/// Reads `paths` (at least one) and repairs the tail of the last one. A follower has the record at
/// `followed`: when that one is not there, whatever took it away took history.
pub(crate) fn recover(
    options: &Options,
    mut meta: Meta,
    paths: Vec<PathBuf>,
    followed: Position,
    now: UnixMillis,
) -> Result<Recovered, JournalError> {
    let segments =
        paths.into_iter().map(|path| Segment::open(&options.disk, path)).collect::<Result<Vec<_>, _>>()?;
    let sealed_bytes = check_chain(&segments)?;
    if options.verify == Verify::All {
        check_sealed(&segments)?;
    }
    let Some(last) = segments.last() else { return Err(damaged(&options.dir, 0, "there is no file")) };
    let active = last.writer()?;
    let length = active.len().map_err(io_error("look at", &last.path))?;
    let scan = last.scan(&*active, length)?;
    let (cut, lost_power) = judge(last, &*active, &scan, length, &meta, options)?;
    let lost = lost_power || scan.latest < followed;

    let left_epoch = lost.then(|| meta.epoch());
    if lost {
        // Noted before the cut: a crash in between only begins one more epoch.
        meta.begin_epoch(now, scan.latest.next());
        meta.store(&*options.disk, &options.dir)?;
        tracing::warn!(left = ?left_epoch, epoch = %meta.epoch(), latest = %scan.latest,
            %followed, lost_power, "acknowledged records are or may be gone: a new epoch begins");
    }
    if let Some(cut) = &cut {
        active.set_len(cut.offset).map_err(io_error("cut", &last.path))?;
        tracing::warn!(file = %cut.file.display(), offset = cut.offset, bytes = cut.bytes, reason = cut.reason,
            "the unfinished end of the journal was cut");
    }
    // What a killed process had written may still be only in memory.
    active.sync().map_err(io_error("sync", &last.path))?;
    let recovery = Recovery { unclean: meta.closed_at.is_none(), cut, left_epoch, latest: scan.latest };
    last.set_index(scan.index);
    let segments = segments.into_iter().map(Arc::new).collect();
    Ok(Recovered { segments, active, end: scan.end, sealed_bytes, meta, recovery })
}

/// What to cut from the last file, and whether something acknowledged may be gone.
fn judge(
    last: &Segment,
    file: &dyn DiskFile,
    scan: &Scan,
    length: u64,
    meta: &Meta,
    options: &Options,
) -> Result<(Option<Cut>, bool), JournalError> {
    let power = meta.lost_power(&options.boot_id);
    if let Some(closed_at) = meta.closed_at
        && (closed_at != scan.latest.0 || scan.stop != Stop::End)
    {
        let ends =
            format!("the journal was closed at position {closed_at}, but its records end at {}", scan.latest);
        return Err(damaged(&last.path, scan.end, ends));
    }
    let cut = |reason| Cut { file: last.path.clone(), offset: scan.end, bytes: length - scan.end, reason };
    match scan.stop {
        Stop::End => Ok((None, power && !meta.synced_always)),
        Stop::Torn => {
            Ok((Some(cut("the last record was not written completely")), power && !meta.synced_always))
        }
        Stop::Bad(reason) => {
            let follows = records_follow(last, file, scan, length)?;
            if power {
                return Ok((Some(cut(reason)), follows || !meta.synced_always));
            }
            let then = if follows { "and whole records follow it" } else { "and no power loss explains it" };
            Err(damaged(&last.path, scan.end, format!("{reason}, {then}")))
        }
    }
}

/// Whether a whole record lies behind the wrong bytes.
fn records_follow(
    last: &Segment,
    file: &dyn DiskFile,
    scan: &Scan,
    length: u64,
) -> Result<bool, JournalError> {
    let mut rest = vec![0; usize::try_from(length - scan.end).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut rest, scan.end).map_err(io_error("read", &last.path))?;
    Ok(frame::holds_record_after(&rest, scan.latest.0))
}

/// Every header names the segment before it and its length. Returns the bytes of all but the last.
fn check_chain(segments: &[Segment]) -> Result<u64, JournalError> {
    let mut total = 0;
    for pair in segments.windows(2) {
        let [before, after] = pair else { continue };
        let previous = after.header.previous;
        if previous.first != before.first() {
            let missing = format!("the segment before it begins at {} and is missing", previous.first);
            return Err(damaged(&after.path, 40, missing));
        }
        let length =
            before.reader().and_then(|file| file.len()).map_err(io_error("look at", &before.path))?;
        if length != previous.bytes {
            let other = format!("it has {length} bytes, it had {} when it was sealed", previous.bytes);
            return Err(damaged(&before.path, length.min(previous.bytes), other));
        }
        total += length;
    }
    Ok(total)
}

fn check_sealed(segments: &[Segment]) -> Result<(), JournalError> {
    for pair in segments.windows(2) {
        let [before, after] = pair else { continue };
        let file = before.reader().map_err(io_error("open", &before.path))?;
        let scan = before.check(&*file, after.header.previous.bytes)?;
        if scan.latest.next() != after.first() {
            let reason = format!("it ends at {}, the next file begins at {}", scan.latest, after.first());
            return Err(damaged(&before.path, scan.end, reason));
        }
        before.set_index(scan.index);
    }
    Ok(())
}
