//! Everything that can be asked for: what is in memory laid over what is archived.
//!
//! A row is in memory before it is committed, and leaves memory only after it is, so together they have
//! every row from `earliest` to `latest` that is not known to be missing. A look takes the state of both,
//! then the rows; when a rewind comes in between, fewer rows are found than were looked for, and the answer
//! says so.

use crate::hot::{Hot, Tail};
use crate::plan::Question;
use crate::served::{Part, Served, serve};
use crate::shelf::{Shelf, Shelved};
use gapless_model::{Epoch, EpochStart, Seq, SeqRange, StreamKey, StreamStatus, UnixMillis, Watermark};
use gapless_wire::{DecodeError, Limits, PageRequest, decode_batch};
use std::sync::{Arc, PoisonError, RwLock};

/// Streams in one page of the directory, whatever is asked for: about 200 KB.
pub const MAX_STREAMS: usize = 1000;

/// The hot window, shared by the writer and everybody who answers.
#[derive(Debug, Clone)]
pub struct SharedHot(Arc<RwLock<Hot>>);

impl SharedHot {
    /// Shares `hot`: clones have the same one.
    pub fn new(hot: Hot) -> SharedHot {
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
pub enum LookError<E: std::error::Error> {
    /// The archive could not be read.
    #[error(transparent)]
    Archive(E),
    /// A bug: what is in memory was decoded when it came.
    #[error("rows in memory cannot be read: {0}")]
    Memory(#[from] DecodeError),
}

/// One reader's way to everything.
#[derive(Debug)]
pub struct Library<S> {
    hot: SharedHot,
    archive: S,
}

impl<S: Shelf> Library<S> {
    /// Lays `hot` over `archive`.
    pub fn new(hot: SharedHot, archive: S) -> Library<S> {
        Library { hot, archive }
    }

    /// How far `key` is; `None` when it is not known.
    pub fn status(&self, key: &StreamKey, now: UnixMillis) -> Option<StreamStatus> {
        self.stream(key, now).map(|stream| stream.status)
    }

    /// A page of the directory, and whether another follows.
    pub fn list(&self, page: &PageRequest, now: UnixMillis) -> (Vec<StreamStatus>, bool) {
        let PageRequest { prefix, after, limit } = page;
        let limit = if *limit == 0 { MAX_STREAMS } else { (*limit as usize).min(MAX_STREAMS) };
        // A page of so many streams can hold no others of memory, one more tells whether there are.
        let tails: Vec<Tail> =
            self.hot.read(|hot| hot.tails(prefix, after).take(limit + 1).cloned().collect());
        let (archived, more) = self.archive.directory(prefix, after, limit);
        merge(archived, more, &tails, limit, now)
    }

    /// Answers `question`; `None` when the stream is not known.
    ///
    /// An answer has no holes: it ends before one, and one that would begin in a hole begins after it and says
    /// so by its `earliest`, as if retention had removed everything up to there.
    ///
    /// # Errors
    /// [`LookError`] when rows cannot be read.
    pub fn look(&self, question: &Question, now: UnixMillis) -> Result<Option<Served>, LookError<S::Error>> {
        let Some(Shelved { mut status, holes }) = self.stream(&question.key, now) else { return Ok(None) };
        let first = match question.start_ts {
            Some(_) => self.first_since(question, &status)?.unwrap_or(status.watermark.latest.next()),
            None => Seq::FIRST,
        };
        let from = question.from.max(first);
        if let Some(hole) = holes.iter().find(|hole| hole.contains(from)) {
            status.watermark.earliest = hole.end();
        }
        let wanted = before_last_hole(question.wanted(&status, first), &holes);
        let run = before_first_hole(wanted, &holes);
        let found = self.rows(question, question.looked_at(run))?;
        let mut served = serve(question, status, wanted, found)?;
        if served.has_more && served.range.end() == run.end() {
            served.has_more = self.goes_on(question, wanted, &holes, run)?;
        }
        Ok(Some(served))
    }

    /// What is known of a stream, from memory and archive together.
    fn stream(&self, key: &StreamKey, now: UnixMillis) -> Option<Shelved> {
        loop {
            // Memory first: what leaves it between the two looks is in the archive by then.
            let tail = self.hot.read(|hot| hot.tail(key).cloned());
            let (archived, mut holes) = match self.archive.stream(key) {
                Some(Shelved { status, holes }) => (Some(status), holes),
                None => (None, Vec::new()),
            };
            let end = archived.as_ref().map(|status| status.watermark.latest.next());
            let hole = tail.as_ref().zip(end).map(|(tail, end)| SeqRange::new(end, tail.rows.start()));
            // A stream goes on in memory above its end in the archive only if rows between will never come,
            // or if a rewind came in between the two looks.
            if let Some(hole) = hole.filter(|hole| !hole.is_empty()) {
                if self.hot.read(|hot| hot.tail(key).is_none_or(|tail| tail.rows.start() != hole.end())) {
                    continue;
                }
                // A hole at the end of what is archived goes on in this one.
                let before = holes.pop_if(|last| last.end() == hole.start());
                holes.push(before.map_or(hole, |before| SeqRange::new(before.start(), hole.end())));
            }
            return overlay(archived, tail.as_ref(), now).map(|status| Shelved { status, holes });
        }
    }

    /// Rows of `range`, which has no hole, from its beginning.
    fn rows(&self, question: &Question, range: SeqRange) -> Result<Vec<Part>, LookError<S::Error>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let hot = self.hot.read(|hot| hot.read(&question.key, range, question.max_bytes));
        if !hot.is_empty() {
            return Ok(hot.into_iter().map(Part::from).collect());
        }
        let page = self.archive.page(&question.key, range, range.len(), question.max_bytes);
        let page = page.map_err(LookError::Archive)?.filter(|page| page.served.start() == range.start());
        Ok(page.map(|page| page.batches).unwrap_or_default().into_iter().map(Part::from).collect())
    }

    /// Whether rows within the bounds asked for follow after the hole at the end of `run`.
    fn goes_on(
        &self,
        question: &Question,
        wanted: SeqRange,
        holes: &[SeqRange],
        run: SeqRange,
    ) -> Result<bool, LookError<S::Error>> {
        let Some(hole) = holes.iter().find(|hole| hole.start() == run.end()) else { return Ok(true) };
        let Some(end_ts) = question.end_ts else { return Ok(wanted.end() > hole.end()) };
        let next = SeqRange::of_len(hole.end(), 1).intersect(wanted);
        let found = self.rows(question, next)?;
        let Some(part) = found.into_iter().next() else { return Ok(false) };
        let batch = part.rows()?.cut(next);
        Ok(batch.rows.ts(0).is_some_and(|ts| ts <= end_ts))
    }

    /// The first row that is not older than asked for.
    fn first_since(
        &self,
        question: &Question,
        status: &StreamStatus,
    ) -> Result<Option<Seq>, LookError<S::Error>> {
        let Some(ts) = question.start_ts else { return Ok(None) };
        let archived = self.archive.seq_at_time(&question.key, ts).map_err(LookError::Archive)?;
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

/// `range` without the hole in which it ends, if it ends in one.
fn before_last_hole(range: SeqRange, holes: &[SeqRange]) -> SeqRange {
    let end = holes.iter().find(|hole| !range.is_empty() && hole.contains(range.last()));
    end.map_or(range, |hole| SeqRange::new(range.start(), hole.start().max(range.start())))
}

/// The part of `range` before the first hole in it.
fn before_first_hole(range: SeqRange, holes: &[SeqRange]) -> SeqRange {
    let end = holes.iter().map(|hole| hole.start()).find(|start| *start >= range.start());
    end.map_or(range, |end| SeqRange::new(range.start(), end.min(range.end())))
}

/// What is in memory laid over what is archived.
fn overlay(archived: Option<StreamStatus>, tail: Option<&Tail>, now: UnixMillis) -> Option<StreamStatus> {
    let Some(tail) = tail else { return archived.map(|status| StreamStatus { server_time: now, ..status }) };
    let archived = archived.unwrap_or_else(|| nothing_archived(tail));
    let mut status = StreamStatus { server_time: now, ..archived };
    let mark = &mut status.watermark;
    let end = mark.latest.next();
    if tail.rows.last() > mark.latest {
        (mark.latest, mark.latest_ts, mark.digest) = (tail.rows.last(), tail.latest_ts, tail.digest);
    }
    for start in &tail.epochs {
        if status.epochs.last().is_none_or(|last| last.epoch < start.epoch) {
            // An epoch that is first seen above a hole may have begun in it.
            let is_above_hole = !status.epochs.is_empty() && start.first_sequence == tail.rows.start();
            let first = if is_above_hole { start.first_sequence.min(end) } else { start.first_sequence };
            status.epochs.push(EpochStart { first_sequence: first, ..*start });
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

#[cfg(test)]
mod tests;
