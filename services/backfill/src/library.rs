//! Everything that can be asked for: what is in memory laid over what is archived.
//!
//! A row is in memory before it is committed, and leaves memory only after it is, so together they have
//! every row from `earliest` to `latest` that is not known to be missing. A look takes the state of both,
//! then the rows; when a rewind comes in between, fewer rows are found than were looked for, and the answer
//! says so.
//!
//! Rows of the archive that turn out to be damaged are looked for behind the first failure, remembered, and from
//! then on missing like any others that will not come.

use crate::damage::{Damage, Found, before_damage, united};
use crate::hot::{Hot, Tail};
use crate::plan::Question;
use crate::served::{Part, Served, serve};
use crate::shelf::{Shelf, Shelved};
use crate::survey::{Read, first_damage};
use gapless_model::{
    Epoch, EpochStart, Seq, SeqRange, StreamKey, StreamStatus, UnixMillis, UnixNanos, Watermark,
};
use gapless_wire::{DecodeError, Limits, PageRequest, decode_batch};
use std::sync::{Arc, PoisonError, RwLock};

/// Streams in one page of the directory, whatever is asked for: about 200 KB.
pub const MAX_STREAMS: usize = 1000;
/// Damaged places that one look finds out about before it fails: what it found is remembered, and the next look
/// goes on from there.
const SURVEYS_PER_LOOK: usize = 3;

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

/// Why one try of a look failed.
enum Trouble<E: std::error::Error> {
    /// These rows of the archive could not be read.
    Rows(SeqRange, E),
    /// Anything else.
    Other(LookError<E>),
}

impl<E: std::error::Error> From<DecodeError> for Trouble<E> {
    fn from(error: DecodeError) -> Trouble<E> {
        Trouble::Other(error.into())
    }
}

impl<E: std::error::Error> From<Trouble<E>> for LookError<E> {
    fn from(trouble: Trouble<E>) -> LookError<E> {
        match trouble {
            Trouble::Rows(_, error) => LookError::Archive(error),
            Trouble::Other(error) => error,
        }
    }
}

/// What is known of a stream before its rows are looked for.
struct Known {
    status: StreamStatus,
    /// Rows between earliest and latest that cannot be served: in order, apart, none of them empty.
    holes: Vec<SeqRange>,
    /// Rows of the archive that are damaged, also those that memory has: in order, apart, none of them empty.
    damaged: Vec<SeqRange>,
}

/// One reader's way to everything.
#[derive(Debug)]
pub struct Library<S> {
    hot: SharedHot,
    archive: S,
    damage: Damage,
}

impl<S: Shelf> Library<S> {
    /// Lays `hot` over `archive`.
    pub fn new(hot: SharedHot, archive: S) -> Library<S> {
        Library { hot, archive, damage: Damage::default() }
    }

    /// Shares what is known to be damaged with other readers of the same archive.
    pub(crate) fn sharing(self, damage: Damage) -> Library<S> {
        Library { damage, ..self }
    }

    /// Damaged rows that looks have found, by this reader or by those that share with it: each range once.
    pub(crate) fn take_damage(&self) -> Vec<Found> {
        self.damage.take_found()
    }

    /// How far `key` is; `None` when it is not known.
    pub fn status(&self, key: &StreamKey, now: UnixMillis) -> Option<StreamStatus> {
        self.stream(key, now).map(|known| known.status)
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
    /// so by its `earliest`, as if retention had removed everything up to there. Damaged rows are a hole.
    ///
    /// # Errors
    /// [`LookError`] when rows cannot be read.
    pub fn look(&self, question: &Question, now: UnixMillis) -> Result<Option<Served>, LookError<S::Error>> {
        for _ in 0..SURVEYS_PER_LOOK {
            match self.try_look(question, now) {
                Err(Trouble::Rows(range, error)) if S::is_damage(&error) => {
                    self.survey(question, range, &error).map_err(LookError::Archive)?;
                }
                result => return result.map_err(LookError::from),
            }
        }
        self.try_look(question, now).map_err(LookError::from)
    }

    fn try_look(&self, question: &Question, now: UnixMillis) -> Result<Option<Served>, Trouble<S::Error>> {
        let Some(mut known) = self.stream(&question.key, now) else { return Ok(None) };
        let first = match question.start_ts {
            Some(_) => self.first_since(question, &known)?.unwrap_or(known.status.watermark.latest.next()),
            None => Seq::FIRST,
        };
        let from = question.from.max(first).max(known.status.watermark.earliest);
        if let Some(hole) = known.holes.iter().find(|hole| hole.contains(from)) {
            known.status.watermark.earliest = hole.end();
        }
        let wanted = before_last_hole(question.wanted(&known.status, first), &known.holes);
        let run = before_first_hole(wanted, &known.holes);
        let found = self.rows(question, question.looked_at(run), &known.damaged)?;
        let mut served = serve(question, known.status.clone(), wanted, found)?;
        if served.has_more && served.range.end() == run.end() {
            served.has_more = self.goes_on(question, wanted, &known, run)?;
        }
        Ok(Some(served))
    }

    /// Finds out which rows of `page`, which could not be read, are damaged, and how far that goes.
    fn survey(&self, question: &Question, page: SeqRange, error: &S::Error) -> Result<(), S::Error> {
        let key = &question.key;
        let Some(before) = self.archive.stream(key) else { return Ok(()) };
        let epochs = &before.status.epochs;
        let known = self.damage.of(key, epochs);
        if known.iter().any(|damaged| damaged.contains(page.start())) {
            return Ok(());
        }
        let within =
            between_holes(page.start(), &before.status, &united([known, before.holes.clone()].concat()));
        let page = page.intersect(within);
        if page.is_empty() {
            return Ok(());
        }
        let range = first_damage(page, within, |rows| {
            match self.archive.page(key, rows, rows.len(), question.max_bytes) {
                Ok(page) => Ok(Read::Rows(page.map(|page| page.batches).unwrap_or_default())),
                Err(error) if S::is_damage(&error) => Ok(Read::Damaged),
                Err(error) => Err(error),
            }
        })?;
        // While rows are taken back or retired, some are missing that are not damaged.
        let is_same = |after: &Shelved| {
            let (before, after) = (&before.status, &after.status);
            before.epochs == after.epochs
                && before.watermark.earliest == after.watermark.earliest
                && before.watermark.latest <= after.watermark.latest
        };
        if let Some(range) = range.filter(|_| self.archive.stream(key).as_ref().is_some_and(is_same)) {
            self.damage.add(Found { key: key.clone(), range, reason: error.to_string() }, epochs);
        }
        Ok(())
    }

    /// What is known of a stream, from memory and archive together.
    fn stream(&self, key: &StreamKey, now: UnixMillis) -> Option<Known> {
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
            let epochs = archived.as_ref().map(|status| status.epochs.as_slice()).unwrap_or_default();
            let damaged = self.damage.of(key, epochs);
            let status = overlay(archived, tail.as_ref(), now)?;
            let end = tail.map_or(status.watermark.latest.next(), |tail| tail.rows.start());
            let unserved = SeqRange::new(status.watermark.earliest, end);
            holes.extend(damaged.iter().map(|damaged| damaged.intersect(unserved)));
            return Some(Known { status, holes: united(holes), damaged });
        }
    }

    /// Rows of `range`, which has no hole, from its beginning.
    fn rows(
        &self,
        question: &Question,
        range: SeqRange,
        damaged: &[SeqRange],
    ) -> Result<Vec<Part>, Trouble<S::Error>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let hot = self.hot.read(|hot| hot.read(&question.key, range, question.max_bytes));
        if !hot.is_empty() {
            return Ok(hot.into_iter().map(Part::from).collect());
        }
        // What memory has is no hole, but an answer out of the archive cannot reach into it.
        let range = before_damage(range, damaged);
        let page = self.archive.page(&question.key, range, range.len(), question.max_bytes);
        let page = page.map_err(|error| Trouble::Rows(range, error))?;
        let page = page.filter(|page| page.served.start() == range.start());
        let parts = page.map(|page| page.batches.into_iter().zip(page.digests));
        Ok(parts.into_iter().flatten().map(|(batch, digest)| Part::of(batch, digest)).collect())
    }

    /// Whether rows within the bounds asked for follow after the hole at the end of `run`.
    fn goes_on(
        &self,
        question: &Question,
        wanted: SeqRange,
        known: &Known,
        run: SeqRange,
    ) -> Result<bool, Trouble<S::Error>> {
        let hole = known.holes.iter().find(|hole| hole.start() == run.end());
        let Some(hole) = hole else { return Ok(true) };
        let Some(end_ts) = question.end_ts else { return Ok(wanted.end() > hole.end()) };
        let next = SeqRange::of_len(hole.end(), 1).intersect(wanted);
        let ts = self.time_of(question, next, known)?;
        Ok(ts.is_some_and(|ts| ts <= end_ts))
    }

    /// The time of the one row in `row`; `None` when there is none.
    fn time_of(
        &self,
        question: &Question,
        row: SeqRange,
        known: &Known,
    ) -> Result<Option<UnixNanos>, Trouble<S::Error>> {
        let found = self.rows(question, row, &known.damaged)?;
        let Some(part) = found.into_iter().next() else { return Ok(None) };
        Ok(part.rows()?.cut(row).rows.ts(0))
    }

    /// The first row that is not older than asked for.
    fn first_since(&self, question: &Question, known: &Known) -> Result<Option<Seq>, Trouble<S::Error>> {
        let Some(ts) = question.start_ts else { return Ok(None) };
        let archived = match self.archive.seq_at_time(&question.key, ts) {
            Err(error) if S::is_damage(&error) => return self.first_readable_since(question, known, ts),
            archived => archived.map_err(|error| Trouble::Other(LookError::Archive(error)))?,
        };
        if archived.is_some() {
            return Ok(archived);
        }
        let from = known.status.watermark.earliest;
        let Some(hot) = self.hot.read(|hot| hot.first_since(&question.key, from, ts)) else {
            return Ok(None);
        };
        let batch = decode_batch(&hot.bytes, &Limits::live())?;
        let row = (0..batch.rows.len()).find(|row| batch.rows.ts(*row).is_some_and(|found| found >= ts));
        Ok(row.map(|row| batch.start.plus(row as u64)))
    }

    /// As [`Library::first_since`], when damage keeps the archive from searching: by halving, of the rows that can
    /// be read. That needs times in order, which only rows that came late break.
    fn first_readable_since(
        &self,
        question: &Question,
        known: &Known,
        ts: UnixNanos,
    ) -> Result<Option<Seq>, Trouble<S::Error>> {
        let mark = &known.status.watermark;
        let (mut low, mut high, mut first) = (mark.earliest, mark.latest.next(), None);
        while low < high {
            let middle = Seq(low.0 + (high.0 - low.0) / 2);
            let hole = known.holes.iter().find(|hole| hole.contains(middle));
            let row = hole.map_or(middle, |hole| hole.end());
            let is_older = match row < high {
                true => self.time_of(question, SeqRange::of_len(row, 1), known)?.is_some_and(|at| at < ts),
                false => false,
            };
            if is_older {
                low = row.next();
            } else {
                first = if row < high { Some(row) } else { first };
                high = middle;
            }
        }
        Ok(first)
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

/// The rows around `seq`, which is in no hole, as far as the next holes or the ends of the stream.
fn between_holes(seq: Seq, status: &StreamStatus, holes: &[SeqRange]) -> SeqRange {
    let before = holes.iter().map(|hole| hole.end()).rfind(|end| *end <= seq);
    let rest = SeqRange::new(seq, status.watermark.latest.next());
    SeqRange::new(
        before.unwrap_or_default().max(status.watermark.earliest),
        before_first_hole(rest, holes).end(),
    )
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
