//! From a folder to an open journal.

use crate::append::Appender;
use crate::chain::Base;
use crate::damage::{Damage, Damages};
use crate::error::{beyond_repair, damaged, io_error};
use crate::followers::Followers;
use crate::halt::Halts;
use crate::header::Previous;
use crate::journal::{Log, Shared};
use crate::meta::Meta;
use crate::recovery::{Recovered, Recovery, recover};
use crate::segment::{self, Segment};
use crate::sync::Syncer;
use crate::{Journal, JournalError, Options};
use gapless_model::{Position, UnixMillis};
use std::sync::{Arc, Mutex};

/// One opener at a time: whoever holds this file.
const LOCK: &str = "lock";

/// An open journal.
#[derive(Debug)]
pub struct Opened {
    /// Its one writer.
    pub appender: Appender,
    /// Everything else.
    pub journal: Journal,
    /// What the caller gave at the last [`Appender::roll`], or at one before when that is damaged; empty when
    /// there was none.
    pub preamble: Vec<u8>,
    /// The first record that is not in `preamble`: read on from here to restore the caller's state. Records
    /// that are damaged are missing then ([`crate::Read::first`] says so); a new epoch has begun in that case.
    pub replay_from: Position,
    /// What was found, and done about it.
    pub recovery: Recovery,
}

/// Opens the journal in `options.dir`, or makes it. `now` names a new epoch if one begins.
///
/// # Errors
/// [`JournalError::Locked`] when it is open already, [`JournalError::Damaged`] when files are missing or not
/// a journal's (then nothing was changed), [`JournalError::Io`] when the folder cannot be used. Single
/// damaged records are no error: see [`Journal::damage`]. Nor is a full disk: then the journal is read, and
/// [`Appender::append`] refuses until there is room; only a new epoch needs room at once.
pub fn open(options: Options, now: UnixMillis) -> Result<Opened, JournalError> {
    let (disk, dir) = (Arc::clone(&options.disk), options.dir.clone());
    disk.create_dir_all(&dir).map_err(io_error("make", &dir))?;
    let lock = dir.join(LOCK);
    let Some(lock) = disk.lock(&lock).map_err(io_error("lock", &lock))? else {
        return Err(JournalError::Locked { dir });
    };
    let (meta, mut damages) = match Meta::load(&*disk, &dir)? {
        Some((meta, damages)) => (Some(meta), damages),
        None => (None, Vec::new()),
    };
    let paths = segment::list(&*disk, &dir)?;
    let (mut followers, damaged_copies) = Followers::load(&disk, &dir)?;
    damages.extend(damaged_copies);
    let recovered = match (meta, paths.is_empty()) {
        (Some(meta), false) => recover(&options, meta, paths, &followers, now)?,
        (None, false) => {
            let reason = "it is missing while records are there";
            return Err(beyond_repair(&dir.join("journal.json"), 0, reason, crate::meta::REMEDY));
        }
        (meta, true) => begin(&options, meta, now)?,
    };
    let mut meta = recovered.meta.opened(&options.boot_id, options.sync);
    let first = recovered.segments.first().map_or(Position::FIRST, |segment| segment.first());
    damages.extend(meta.missing_before(first).map(|missing| Damage::of_missing(&dir, missing)));
    meta.earliest.get_or_insert(first.0);
    let meta_is_stored = match meta.store(&*disk, &dir) {
        Ok(()) => true,
        // Records can be read without; they are written once there is room for both.
        Err(error @ JournalError::NoSpace { .. }) => {
            tracing::warn!(%error, "the journal is open for reading alone until there is room");
            false
        }
        Err(error) => return Err(error),
    };
    let Some(last) = recovered.segments.last().map(Arc::clone) else {
        return Err(damaged(&dir, 0, "there is no file"));
    };
    let latest = recovered.recovery.latest;
    let begun = recovered.recovery.left_epoch.is_some();
    followers.opened(latest, begun);
    // Else what they said in the old epoch would begin one more at the next open. It is tried again with each tidy.
    if begun && let Err(error) = followers.save() {
        tracing::warn!(%error, "what followers need cannot be stored yet");
    }
    let file = recovered.active;
    let syncer = Syncer::new(options.sync, options.on_sync, Arc::clone(&file), latest);
    let log = Log {
        segments: recovered.segments.into(),
        latest,
        end: recovered.end,
        sealed_bytes: recovered.sealed_bytes,
    };
    let journal = Journal::new(Shared {
        disk,
        dir,
        retention: options.retention,
        history: meta.history(),
        followers: Mutex::new(followers),
        syncer,
        damages: Damages::default(),
        taken_over: meta.taken_over(),
        meta: Mutex::new(meta),
        opened_at: latest,
        halts: Halts::default(),
        log: Mutex::new(log),
        _lock: lock,
    });
    damages.into_iter().chain(recovered.damages).for_each(|damage| journal.shared.damages.note(damage));
    let appender = Appender::new(journal.clone(), options, meta_is_stored, last, file)?;
    let Base { preamble, replay_from, .. } = recovered.base;
    Ok(Opened { appender, journal, preamble, replay_from, recovery: recovered.recovery })
}

/// A journal without records. `before` is there when its records are gone.
fn begin(options: &Options, before: Option<Meta>, now: UnixMillis) -> Result<Recovered, JournalError> {
    let left_epoch = before.as_ref().map(Meta::epoch);
    if let Some(left) = left_epoch {
        tracing::warn!(%left, "the journal's records are gone: a new history begins");
    }
    let meta = Meta::new(&options.boot_id, now, left_epoch);
    meta.store(&*options.disk, &options.dir)?;
    let Options { disk, dir, .. } = options;
    let (segment, active) =
        Segment::create(disk, dir, meta.epoch(), Position::FIRST, now, Previous::default(), &[])?;
    let end = segment.header.data_start();
    let recovery = Recovery { unclean: before.is_some(), cut: None, left_epoch, latest: Position::NONE };
    Ok(Recovered {
        segments: vec![Arc::new(segment)],
        active,
        end,
        sealed_bytes: 0,
        meta,
        recovery,
        base: Base::beginning(),
        damages: Vec::new(),
    })
}
