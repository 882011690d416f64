//! Everything that can be asked for: what is in memory laid over what is archived.
//!
//! A row is in memory before it is committed, and leaves memory only after it is, so together they have
//! every row from `earliest` to `latest`. A look takes the state of both, then the rows; when a rewind
//! comes in between, fewer rows are found than were looked for, and the answer says so.

use crate::hot::{Hot, Tail};
use crate::plan::Question;
use crate::served::{Part, Served, serve};
use gapless_model::{Epoch, Seq, StreamKey, StreamStatus, UnixMillis, Watermark};
use gapless_store::{ArchiveReader, StoreError};
use gapless_wire::{DecodeError, Limits, decode_batch};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// Streams in one page of the directory, whatever is asked for: about 200 KB.
pub(crate) const MAX_STREAMS: usize = 1000;

/// The hot window, shared by the writer and everybody who answers.
#[derive(Clone)]
pub(crate) struct SharedHot(Arc<RwLock<Hot>>);

impl SharedHot {
    pub(crate) fn new(hot: Hot) -> SharedHot {
        SharedHot(Arc::new(RwLock::new(hot)))
    }

    /// A poisoned lock only says that another thread panicked; the window's counts may then be off,
    /// its rows are not.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Hot) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Hot) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("rows in memory cannot be read: {0}")]
    Memory(#[from] DecodeError),
}

/// One worker's way to everything.
pub(crate) struct Library {
    hot: SharedHot,
    archive: ArchiveReader,
}

impl Library {
    pub(crate) fn new(hot: SharedHot, archive: ArchiveReader) -> Library {
        Library { hot, archive }
    }

    /// How far `key` is; `None` when it is not known.
    pub(crate) fn status(&self, key: &StreamKey) -> Option<StreamStatus> {
        // Memory first: what leaves it between the two looks is in the archive by then.
        let tail = self.hot.read(|hot| hot.tail(key).cloned());
        overlay(self.archive.status(key), tail.as_ref(), now())
    }

    /// A page of the directory, and whether another follows.
    pub(crate) fn list(&self, prefix: &str, after: &str, limit: u32) -> (Vec<StreamStatus>, bool) {
        let limit = if limit == 0 { MAX_STREAMS } else { (limit as usize).min(MAX_STREAMS) };
        // A page of so many streams can hold no others of memory, one more tells whether there are.
        let tails: Vec<Tail> =
            self.hot.read(|hot| hot.tails(prefix, after).take(limit + 1).cloned().collect());
        let (archived, more) = self.archive.directory(prefix, after, limit);
        merge(archived, more, &tails, limit, now())
    }

    /// Answers `question`; `None` when the stream is not known.
    pub(crate) fn look(&self, question: &Question) -> Result<Option<Served>, LookError> {
        let Some(status) = self.status(&question.key) else { return Ok(None) };
        let first = match question.start_ts {
            Some(_) => self.first_since(question, &status)?.unwrap_or(status.watermark.latest.next()),
            None => Seq::FIRST,
        };
        let wanted = question.wanted(&status, first);
        let looked_at = question.looked_at(wanted);
        if looked_at.is_empty() {
            return Ok(Some(serve(question, status, wanted, [])?));
        }
        let hot = self.hot.read(|hot| hot.read(&question.key, looked_at, question.max_bytes));
        if !hot.is_empty() {
            return Ok(Some(serve(question, status, wanted, hot.into_iter().map(Part::from))?));
        }
        let page = self.archive.page(&question.key, looked_at, looked_at.len(), question.max_bytes)?;
        let batches = page.filter(|page| page.served.start() == wanted.start()).map(|page| page.batches);
        let parts = batches.unwrap_or_default().into_iter().map(Part::from);
        Ok(Some(serve(question, status, wanted, parts)?))
    }

    /// The first row that is not older than asked for.
    fn first_since(&self, question: &Question, status: &StreamStatus) -> Result<Option<Seq>, LookError> {
        let Some(ts) = question.start_ts else { return Ok(None) };
        let archived = self.archive.seq_at_time(&question.key, ts)?;
        if archived.is_some() {
            return Ok(archived);
        }
        let from = status.watermark.earliest;
        let Some(hot) = self.hot.read(|hot| hot.first_since(&question.key, from, ts)) else {
            return Ok(None);
        };
        let batch = decode_batch(&hot.bytes, &Limits::live())?;
        let row = (0..batch.rows.len()).find(|row| batch.rows.ts(*row).is_some_and(|found| found >= ts));
        Ok(row.map(|row| batch.start.plus(row as u64)))
    }
}

/// What is in memory laid over what is archived.
fn overlay(archived: Option<StreamStatus>, tail: Option<&Tail>, now: UnixMillis) -> Option<StreamStatus> {
    let Some(tail) = tail else { return archived.map(|status| StreamStatus { server_time: now, ..status }) };
    let archived = archived.unwrap_or_else(|| nothing_archived(tail));
    let mut status = StreamStatus { server_time: now, ..archived };
    let mark = &mut status.watermark;
    if tail.rows.start() > mark.latest.next() {
        // The journal lost rows: those before it are about to go from the archive.
        mark.earliest = tail.rows.start();
    }
    if tail.rows.last() > mark.latest {
        (mark.latest, mark.latest_ts, mark.digest) = (tail.rows.last(), tail.latest_ts, tail.digest);
    }
    for start in &tail.epochs {
        if status.epochs.last().is_none_or(|last| last.epoch < start.epoch) {
            status.epochs.push(*start);
        }
    }
    mark.epoch = status.epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch);
    Some(status)
}

fn nothing_archived(tail: &Tail) -> StreamStatus {
    StreamStatus {
        key: tail.key.clone(),
        watermark: Watermark {
            epoch: Epoch::UNSTATED,
            earliest: tail.rows.start(),
            latest: Seq::NONE,
            latest_ts: Default::default(),
            digest: Default::default(),
        },
        server_time: UnixMillis(0),
        epochs: Vec::new(),
    }
}

/// A page of the archive's directory with what memory knows; `more` says that the archive has further ones.
fn merge(
    archived: Vec<StreamStatus>,
    more: bool,
    tails: &[Tail],
    limit: usize,
    now: UnixMillis,
) -> (Vec<StreamStatus>, bool) {
    // What memory knows beyond the end of an incomplete page belongs to later pages.
    let end = archived.last().filter(|_| more).map(|status| status.key.topic());
    let mut streams: std::collections::BTreeMap<String, (Option<StreamStatus>, Option<&Tail>)> =
        archived.into_iter().map(|status| (status.key.topic(), (Some(status), None))).collect();
    for tail in tails {
        let topic = tail.key.topic();
        if end.as_ref().is_none_or(|end| topic <= *end) {
            streams.entry(topic).or_default().1 = Some(tail);
        }
    }
    let more = more || streams.len() > limit;
    let statuses = streams.into_values().filter_map(|(archived, tail)| overlay(archived, tail, now));
    (statuses.take(limit).collect(), more)
}

/// This machine's clock.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
