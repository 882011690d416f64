//! What a journal's files say after any kind of end.
//!
//! A killed process leaves a prefix of what it wrote: the last record may be cut short, never wrong. So a
//! short record at the end is cut, in a new epoch, and a wrong one is damage: it is passed over, and the whole records
//! behind it stay. A power loss can also leave holes where pages were not written in order: then everything
//! from the first wrong byte on is cut. Cutting at every wrong record would be simpler, and would turn one
//! flipped bit into the loss of everything after it.
//!
//! Whenever something acknowledged may be gone that the caller's state depends on, a new epoch begins: what
//! was in a damaged record is not known, so its numbers could be given out twice otherwise.

use crate::chain::{Base, Chain};
use crate::damage::Damage;
use crate::error::{damaged, io_error};
use crate::followers::Followers;
use crate::meta::Meta;
use crate::segment::{Scan, Segment, Stop};
use crate::{JournalError, Options};
use gapless_disk::DiskFile;
use gapless_model::{Epoch, Position, UnixMillis};
use gapless_planted::{Bug, on};
use std::path::PathBuf;
use std::sync::Arc;

/// Copied at once when the last file is written again: few calls, little memory.
const REWRITE_BYTES: usize = 1 << 20;

/// What was found at open, and done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The last run did not close the journal.
    pub unclean: bool,
    /// What was removed from the end of the last file.
    pub cut: Option<Cut>,
    /// Something acknowledged may be gone: the epoch before. The current one begins after the last record that both
    /// share: the newest, or the one that was it when an older copy of the journal was opened.
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
    pub(crate) base: Base,
    pub(crate) damages: Vec<Damage>,
}

/// Reads `paths` (at least one) and repairs the tail of the last one. When `followers` have a record that is not
/// there, whatever took it away took history.
pub(crate) fn recover(
    options: &Options,
    mut meta: Meta,
    paths: Vec<PathBuf>,
    followers: &Followers,
    now: UnixMillis,
) -> Result<Recovered, JournalError> {
    let mut chain = Chain::open(options, paths, now)?;
    let Some(last) = chain.segments.last() else { return Err(damaged(&options.dir, 0, "there is no file")) };
    let active = last.writer()?;
    let length = active.len().map_err(io_error("look at", &last.path))?;
    let power = meta.lost_power(&options.boot_id);
    let scan = if power { last.scan(&*active, length, None)? } else { last.scan_last(&*active, length)? };
    let (cut, lost_tail) = judge(last, &scan, length, &meta, power)?;
    let path = last.path.clone();
    let tail: Vec<_> = scan.lost.iter().map(|lost| Damage::of_records(&path, lost)).collect();
    let shared = followers.shared(scan.latest);
    let mut base = chain.base(&*active, &meta)?;
    let lost_state = chain.state_is_lost(&base, &tail, meta.epoch_start())?;
    let lost = (lost_tail || lost_state || followers.are_ahead(scan.latest)) && !on(Bug::EpochSurvivesLoss);

    let left_epoch = lost.then(|| meta.epoch());
    if lost {
        // Noted before the cut: a crash in between only begins one more epoch.
        meta.begin_epoch(now, shared, scan.latest);
        meta.store(&*options.disk, &options.dir)?;
        tracing::warn!(left = ?left_epoch, epoch = %meta.epoch(), %shared, latest = %scan.latest,
            followed = %followers.furthest(), lost_tail, lost_state, "acknowledged records are or may be gone: a new epoch begins");
        if shared < scan.latest {
            // Preambles after its beginning are of the history before.
            base = chain.base(&*active, &meta)?;
        }
    }
    if let Some(cut) = &cut {
        active.set_len(cut.offset).map_err(io_error("cut", &path))?;
        tracing::warn!(file = %cut.file.display(), offset = cut.offset, bytes = cut.bytes, reason = cut.reason,
            "the unfinished end of the journal was cut");
    }
    // What a killed process had written may still be only in memory. And when that process died of a sync
    // that failed, the system takes for clean what never reached the disk, until it is written again.
    if meta.closed_at.is_none() {
        write_again(&*active, scan.end).map_err(io_error("write", &path))?;
    }
    active.sync().map_err(io_error("sync", &path))?;
    let recovery = Recovery { unclean: meta.closed_at.is_none(), cut, left_epoch, latest: scan.latest };
    let Chain { segments, sealed_bytes, damages } = chain;
    if let Some(last) = segments.last() {
        last.set_index(scan.index);
    }
    let segments = segments.into_iter().map(Arc::new).collect();
    Ok(Recovered { segments, active, end: scan.end, sealed_bytes, meta, recovery, base, damages })
}

/// Writes the first `end` bytes of a file over themselves.
fn write_again(file: &dyn DiskFile, end: u64) -> std::io::Result<()> {
    let mut buffer = vec![0; REWRITE_BYTES];
    let mut offset = 0;
    while offset < end {
        let len = usize::try_from(end - offset).unwrap_or(REWRITE_BYTES).min(REWRITE_BYTES);
        let Some(piece) = buffer.get_mut(..len) else { return Ok(()) };
        file.read_exact_at(piece, offset)?;
        file.write_all_at(piece, offset)?;
        offset += len as u64;
    }
    Ok(())
}

/// What to cut from the last file, and whether something acknowledged may be gone with it.
fn judge(
    last: &Segment,
    scan: &Scan,
    length: u64,
    meta: &Meta,
    power: bool,
) -> Result<(Option<Cut>, bool), JournalError> {
    let is_bad = matches!(scan.stop, Stop::Bad(_));
    if let Some(closed_at) = meta.closed_at
        && !is_bad
        && (closed_at != scan.latest.0 || scan.stop != Stop::End)
    {
        let ends =
            format!("the journal was closed at position {closed_at}, but its records end at {}", scan.latest);
        return Err(damaged(&last.path, scan.end, ends));
    }
    let cut = |reason| Cut { file: last.path.clone(), offset: scan.end, bytes: length - scan.end, reason };
    match scan.stop {
        Stop::End => Ok((None, power && !meta.synced_always)),
        // A killed process rarely leaves half a record, a file that somebody cut short does so nearly always: an
        // epoch too many costs little, and one too few gives the same numbers to other rows.
        Stop::Torn => Ok((Some(cut("the last record was not written completely")), true)),
        // A write that the power loss cut, or a record that was synced and has rotted since: nothing tells.
        Stop::Bad(reason) if power => Ok((Some(cut(reason)), true)),
        Stop::Bad(reason) => {
            tracing::error!(file = %last.path.display(), offset = scan.end, reason,
                "the journal is damaged at its end: what was written there is gone");
            Ok((Some(cut(reason)), true))
        }
    }
}
