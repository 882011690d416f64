//! Cutting what was found into an answer that says exactly what it holds.
//!
//! The complication is `has_more`: it says whether rows exist within the bounds that were asked for. With
//! a bound in time only the next row tells, so one row more than the limit is looked at, and a bound in
//! time ends at the first row that is newer, since an answer has no holes.

use crate::hot::HotBatch;
use crate::plan::Question;
use gapless_model::{Batch, Digest, SeqRange, StreamStatus, UnixNanos};
use gapless_wire::{DecodeError, Limits, MAX_MESSAGE_BYTES, decode_batch};
use std::sync::Arc;

/// The largest part of an answer; a larger batch is served in pieces, so that the answer fits a message.
const MAX_PART_BYTES: usize = MAX_MESSAGE_BYTES - (1 << 20);

/// A batch's envelope without its rows and names of columns.
const ENVELOPE_BYTES: usize = 512;

/// What was found: consecutive rows, as they were published.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// How far the stream is.
    pub status: StreamStatus,
    /// The rows in `parts`; empty, where they would be, when there are none.
    pub range: SeqRange,
    /// Of all rows.
    pub digest: Digest,
    /// The rows.
    pub parts: Vec<Part>,
    /// Whether more rows exist within the bounds asked for.
    pub has_more: bool,
}

/// Rows of one published batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which rows.
    pub range: SeqRange,
    digest: Digest,
    /// The newest of its rows' times.
    newest: UnixNanos,
    /// What published bytes take in an answer.
    sent_bytes: usize,
    /// The rows.
    pub body: Body,
}

/// A batch as bytes, when it is whole and was in memory, or as rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// An envelope, as published.
    Bytes(Arc<[u8]>),
    /// Rows of one batch.
    Rows(Batch),
}

impl From<HotBatch> for Part {
    fn from(hot: HotBatch) -> Part {
        Part {
            range: hot.range,
            digest: hot.rows_digest,
            newest: hot.times.1,
            sent_bytes: hot.sent_bytes,
            body: Body::Bytes(hot.bytes),
        }
    }
}

impl From<Batch> for Part {
    fn from(batch: Batch) -> Part {
        let digest = Digest::of(batch.start, &batch.rows);
        Part::of(batch, digest)
    }
}

impl Part {
    /// Rows out of the archive, with their digest.
    pub(crate) fn of(batch: Batch, digest: Digest) -> Part {
        let times = (0..batch.rows.len()).filter_map(|row| batch.rows.ts(row));
        Part {
            range: batch.range(),
            digest,
            newest: times.max().unwrap_or_default(),
            sent_bytes: 0,
            body: Body::Rows(batch),
        }
    }

    /// Its rows.
    ///
    /// # Errors
    /// [`DecodeError`] when bytes in memory are not what was published.
    pub fn rows(&self) -> Result<Batch, DecodeError> {
        match &self.body {
            Body::Rows(batch) => Ok(batch.clone()),
            Body::Bytes(bytes) => decode_batch(bytes, &Limits::live()),
        }
    }

    /// Whether it came out of the archive as rows, and not out of memory as bytes.
    pub(crate) fn is_archived(&self) -> bool {
        matches!(self.body, Body::Rows(_))
    }

    /// The part of it that lies in `range`.
    fn cut(self, range: SeqRange) -> Result<Part, DecodeError> {
        let kept = self.range.intersect(range);
        if kept == self.range {
            return Ok(self);
        }
        Ok(Part::from(self.rows()?.cut(kept)))
    }

    /// What it takes in an answer behind `before`, about.
    fn bytes(&self, before: Option<&Part>) -> usize {
        match (&self.body, before.map(|before| &before.body)) {
            (Body::Bytes(_), Some(_)) => self.sent_bytes,
            (Body::Bytes(bytes), None) => bytes.len(),
            (Body::Rows(batch), Some(Body::Rows(before))) if before.goes_on_with(batch) => {
                batch.rows.approx_bytes()
            }
            (Body::Rows(batch), _) => ENVELOPE_BYTES + batch.rows.name_bytes() + batch.rows.approx_bytes(),
        }
    }

    /// Its rows before the first that is newer than `end_ts`, if there is such a one.
    fn before(&self, end_ts: Option<UnixNanos>) -> Result<Option<SeqRange>, DecodeError> {
        let Some(end_ts) = end_ts.filter(|end_ts| self.newest > *end_ts) else { return Ok(None) };
        let batch = self.rows()?;
        let newer = (0..batch.rows.len()).find(|row| batch.rows.ts(*row).is_some_and(|ts| ts > end_ts));
        Ok(newer.map(|rows| SeqRange::of_len(batch.start, rows as u64)))
    }
}

/// Cuts `found`, which begins at the start of `wanted` and has no holes, into the answer to `question`.
pub(crate) fn serve(
    question: &Question,
    status: StreamStatus,
    wanted: SeqRange,
    found: impl IntoIterator<Item = Part>,
) -> Result<Served, DecodeError> {
    let mut serving =
        Serving { end_ts: question.end_ts, max_bytes: question.max_bytes, ..Serving::default() };
    let looked_at = question.looked_at(wanted);
    for part in found {
        serving.take(part.cut(looked_at)?)?;
        if serving.full {
            break;
        }
    }
    let end = serving.parts.last().map_or(wanted.start(), |part| part.range.end());
    let found = SeqRange::new(wanted.start(), end);
    let range = SeqRange::of_len(found.start(), found.len().min(question.limit));
    if range != found {
        serving.cut_last(range)?;
    }
    let has_more = range != found || (!serving.out_of_time && found.end() < wanted.end());
    let digest = serving.parts.iter().fold(Digest::default(), |sum, part| sum + part.digest);
    Ok(Served { status, range, digest, parts: serving.parts, has_more })
}

/// An answer under way.
#[derive(Default)]
struct Serving {
    end_ts: Option<UnixNanos>,
    max_bytes: usize,
    bytes: usize,
    parts: Vec<Part>,
    /// Nothing more fits, or may follow.
    full: bool,
    /// The next row is newer than was asked for.
    out_of_time: bool,
}

impl Serving {
    fn take(&mut self, part: Part) -> Result<(), DecodeError> {
        if part.range.is_empty() {
            self.full = true;
            return Ok(());
        }
        let in_time = part.before(self.end_ts)?;
        let fits = self.parts.is_empty()
            || self.bytes.saturating_add(part.bytes(self.parts.last())) <= self.max_bytes;
        if !fits {
            self.full = true;
            self.out_of_time = in_time.is_some_and(SeqRange::is_empty);
            return Ok(());
        }
        match in_time {
            Some(in_time) => {
                (self.full, self.out_of_time) = (true, true);
                if !in_time.is_empty() {
                    self.push(part.cut(in_time)?)?;
                }
            }
            None => self.push(part)?,
        }
        Ok(())
    }

    fn push(&mut self, mut part: Part) -> Result<(), DecodeError> {
        while part.bytes(None) > MAX_PART_BYTES && part.range.len() > 1 {
            let half = SeqRange::of_len(part.range.start(), part.range.len() / 2);
            part = part.cut(half)?;
            (self.full, self.out_of_time) = (true, false);
        }
        self.bytes += part.bytes(self.parts.last());
        self.parts.push(part);
        Ok(())
    }

    /// Takes away the row that only told whether more follow.
    fn cut_last(&mut self, range: SeqRange) -> Result<(), DecodeError> {
        if let Some(last) = self.parts.pop() {
            let kept = last.cut(range)?;
            self.parts.extend((!kept.range.is_empty()).then_some(kept));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
