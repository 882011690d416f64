//! Consecutive rows of one stream as one value of a table.
//!
//! The intuition: a page of ten thousand rows out of a table of rows makes DuckDB look at a hundred thousand rows in a
//! dozen columns. Out of a table of blocks it is three values, and the numbers in them lie column by column, so
//! that they are packed and unpacked many at a time. The complication is that rows arrive a few at a time: what
//! is appended is stored in blocks as small as they come, and put together when it is sorted into a partition.
//!
//! A block ends with a checksum over everything in it, seeded with its first sequence. Only after it was compared
//! is anything unpacked.

use super::columns::{Packing, Reader, Writer};
use super::directory::{Span, native_times};
use super::tables::Place;
use crate::StoreError;
use gapless_model::{
    Batch, Candle, Digest, Epoch, Flags, JOINED_BYTES, Kind, MetricRows, Rows, SMALL_ROWS, Seq, SeqRange,
    Severity, StreamKey, UnixMillis, UnixNanos, Warning,
};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The most rows of a block, and about the most bytes of its rows: a page reads at most as many in vain at either end,
/// and a column of so many numbers packs about as well as a longer one.
const MAX_ROWS: usize = 4096;
const MAX_BYTES: usize = 1 << 20;

/// The first byte of every block.
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;

/// Finds the set of column names with a number.
pub(super) type NamesOf<'a> = &'a dyn Fn(u32) -> Option<Arc<[String]>>;

/// Consecutive rows of one stream, of one set of columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    start: Seq,
    /// The published batches that the rows came in, each with its number of rows; together all rows.
    heads: Vec<Head>,
    rows: Rows,
}

/// What the rows of one published batch have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Head {
    rows: u64,
    epoch: Epoch,
    flags: Flags,
    ts_publish_us: i64,
    /// The running digest after its last row; 0 when that is not stated, or in another block.
    digest: Digest,
}

impl Block {
    /// The rows of a batch.
    pub(super) fn of(batch: &Batch) -> Block {
        let head = Head {
            rows: batch.rows.len() as u64,
            epoch: batch.epoch,
            flags: batch.flags,
            ts_publish_us: batch.ts_publish_us,
            digest: batch.digest,
        };
        Block { start: batch.start, heads: vec![head], rows: batch.rows.clone() }
    }

    pub(super) fn range(&self) -> SeqRange {
        SeqRange::of_len(self.start, self.rows.len() as u64)
    }

    /// Its rows as they lie in `place`.
    pub(super) fn span(&self, place: Place) -> Span {
        let publish_times = self.heads.iter().map(|head| head.ts_publish_us);
        let running = self.heads.last().map_or(Digest::default(), |head| head.digest);
        Span::of(place, self.range(), native_times(&self.rows), publish_times, running)
    }

    /// The first row in `range` that is not older than `ts`, which is in the unit of the kind.
    pub(super) fn first_since(&self, range: SeqRange, ts: i64) -> Option<Seq> {
        let rows = native_times(&self.rows).zip(self.start.0..).map(|(at, seq)| (at, Seq(seq)));
        rows.filter(|(at, seq)| range.contains(*seq) && *at >= ts).map(|(_, seq)| seq).next()
    }

    /// Names of its columns, if its kind has any.
    pub(super) fn columns(&self) -> Option<&Arc<[String]>> {
        match &self.rows {
            Rows::Metrics(rows) => Some(&rows.columns),
            Rows::Candles(_) | Rows::Warnings(_) => None,
        }
    }

    /// Whether `next` may follow in this block as far as there is room.
    fn goes_on_with(&self, next: &Block) -> bool {
        self.range().end() == next.start && self.rows.is_like(&next.rows)
    }

    /// Puts `next` behind these rows, which [go on with](Block::goes_on_with) it.
    fn append(&mut self, next: Block) {
        match (self.heads.last_mut(), next.heads.split_first()) {
            // Two parts of one published batch.
            (Some(last), Some((first, rest)))
                if last.digest == Digest::default() && last.is_of_batch(first) =>
            {
                last.rows += first.rows;
                last.digest = first.digest;
                self.heads.extend_from_slice(rest);
            }
            _ => self.heads.extend_from_slice(&next.heads),
        }
        let taken = self.rows.append(next.rows);
        debug_assert!(taken.is_ok(), "rows of another kind than their block");
    }

    /// Keeps the rows in `range`.
    pub(super) fn cut(self, range: SeqRange) -> Block {
        let own = self.range();
        let kept = own.intersect(range);
        if kept == own {
            return self;
        }
        let mut heads = Vec::new();
        let mut at = self.start;
        for head in self.heads {
            let range = SeqRange::of_len(at, head.rows);
            at = range.end();
            let stays = range.intersect(kept);
            if !stays.is_empty() {
                let digest = if stays.end() == range.end() { head.digest } else { Digest::default() };
                heads.push(Head { rows: stays.len(), digest, ..head });
            }
        }
        let from = (kept.start().0 - own.start().0) as usize;
        Block { start: kept.start(), heads, rows: self.rows.slice(from, from + kept.len() as usize) }
    }

    /// Its rows as batches of the stream `key`: as they were published, but that small ones are put together.
    pub(super) fn into_batches(self, key: &StreamKey) -> Vec<Batch> {
        let row_bytes = self.rows.approx_bytes() / self.rows.len().max(1);
        let mut runs: Vec<Head> = Vec::new();
        // Whether the last run may grow. What states no digest is part of a larger batch.
        let mut is_small = false;
        for head in self.heads {
            let next_is_small = head.rows < SMALL_ROWS && head.digest != Digest::default();
            match runs.last_mut() {
                Some(run)
                    if is_small
                        && next_is_small
                        && (run.epoch, run.flags) == (head.epoch, head.flags)
                        && (run.rows + head.rows) as usize * row_bytes <= JOINED_BYTES =>
                {
                    *run = Head { rows: run.rows + head.rows, ..head };
                }
                _ => runs.push(head),
            }
            is_small = next_is_small;
        }
        let batch = |start: Seq, run: &Head, rows: Rows| Batch {
            start,
            epoch: run.epoch,
            ts_publish_us: run.ts_publish_us,
            digest: run.digest,
            ..Batch::unsequenced(key.clone(), run.flags, rows)
        };
        if let [run] = runs.as_slice() {
            return vec![batch(self.start, run, self.rows)];
        }
        let mut from = 0;
        let batches = runs.iter().map(|run| {
            let to = from + run.rows as usize;
            let made = batch(self.start.plus(from as u64), run, self.rows.part(from, to));
            from = to;
            made
        });
        batches.collect()
    }

    /// Its bytes. `names` is the number of its columns' names.
    pub(super) fn encode(&self, packing: Packing, names: u32) -> Vec<u8> {
        let mut writer = Writer::new(packing, self.rows.approx_bytes() + 64 * (self.heads.len() + 4));
        writer.byte(VERSION);
        for number in [self.rows.len() as u32, self.heads.len() as u32, names] {
            writer.u32(number);
        }
        let heads = || self.heads.iter();
        writer.numbers(heads().map(|head| head.rows));
        writer.numbers(heads().map(|head| head.epoch.0));
        writer.numbers(heads().map(|head| u64::from(head.flags.0)));
        writer.numbers(heads().map(|head| head.ts_publish_us));
        // Hashes: there is nothing to pack.
        writer.plain_numbers(heads().map(|head| head.digest.0));
        match &self.rows {
            Rows::Candles(rows) => {
                writer.numbers(rows.iter().map(|row| row.ts.0));
                for value in CANDLE_VALUES {
                    writer.numbers(rows.iter().map(value));
                }
            }
            Rows::Metrics(rows) => {
                writer.numbers(rows.ts.iter().map(|ts| ts.0));
                let width = rows.columns.len();
                for column in 0..width {
                    writer.numbers(rows.values.iter().skip(column).step_by(width).copied());
                }
            }
            Rows::Warnings(rows) => {
                writer.numbers(rows.iter().map(|row| row.ts.0));
                writer.numbers(rows.iter().map(|row| row.severity as u64));
                for text in WARNING_TEXTS {
                    writer.numbers(rows.iter().map(|row| text(row).len() as u64));
                    writer.text(rows.iter().map(text));
                }
            }
        }
        let mut bytes = writer.finish();
        let checksum = xxh3_64_with_seed(&bytes, self.start.0);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The block of a stream of `kind` that begins at `start`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub(super) fn decode(
        kind: Kind,
        start: Seq,
        bytes: &[u8],
        names: NamesOf<'_>,
    ) -> Result<Block, StoreError> {
        let damaged = |reason: &str| StoreError::Damaged(format!("the block of rows from {start} {reason}"));
        let sound = bytes.split_last_chunk::<CHECKSUM_BYTES>().filter(|(content, checksum)| {
            xxh3_64_with_seed(content, start.0) == u64::from_le_bytes(**checksum)
        });
        let (content, _) = sound.ok_or_else(|| damaged("differs from its checksum"))?;
        read(kind, start, content, names).ok_or_else(|| damaged("cannot be read: another version wrote it"))
    }
}

impl Head {
    /// Whether `other` is of the same published batch, as far as can be told.
    fn is_of_batch(&self, other: &Head) -> bool {
        (self.epoch, self.flags, self.ts_publish_us) == (other.epoch, other.flags, other.ts_publish_us)
    }
}

/// The numbers of a candle, in the order of their columns.
const CANDLE_VALUES: [fn(&Candle) -> f64; 5] =
    [|row| row.open, |row| row.high, |row| row.low, |row| row.close, |row| row.volume];
/// The texts of a warning, in the order of their columns.
const WARNING_TEXTS: [fn(&Warning) -> &str; 3] = [|row| &row.code, |row| &row.subject, |row| &row.message];

/// `None` when the bytes are of another shape.
fn read(kind: Kind, start: Seq, content: &[u8], names: NamesOf<'_>) -> Option<Block> {
    let mut reader = Reader::new(content);
    if reader.byte()? != VERSION {
        return None;
    }
    let (rows, heads, set) = (reader.u32()? as usize, reader.u32()? as usize, reader.u32()?);
    let counts: Vec<u64> = reader.numbers(heads)?;
    let epochs: Vec<u64> = reader.numbers(heads)?;
    let flags: Vec<u64> = reader.numbers(heads)?;
    let publishes: Vec<i64> = reader.numbers(heads)?;
    let digests: Vec<u64> = reader.numbers(heads)?;
    if counts.iter().sum::<u64>() != rows as u64 {
        return None;
    }
    let heads = counts.into_iter().zip(epochs).zip(flags).zip(publishes).zip(digests);
    let heads = heads.map(|((((rows, epoch), flags), ts_publish_us), digest)| {
        let (epoch, flags) = (Epoch(epoch), Flags(u32::try_from(flags).ok()?));
        Some(Head { rows, epoch, flags, ts_publish_us, digest: Digest(digest) })
    });
    let heads = heads.collect::<Option<Vec<Head>>>()?;
    let ts: Vec<i64> = reader.numbers(rows)?;
    let rows = match kind {
        Kind::Candles => candles(&mut reader, &ts)?,
        Kind::Metrics => metrics(&mut reader, ts, names(set)?)?,
        Kind::Warnings => warnings(&mut reader, &ts)?,
    };
    reader.is_at_end().then_some(Block { start, heads, rows })
}

fn candles(reader: &mut Reader<'_>, ts: &[i64]) -> Option<Rows> {
    let mut column = || reader.numbers::<f64>(ts.len());
    let (open, high, low, close, volume) = (column()?, column()?, column()?, column()?, column()?);
    let prices = open.into_iter().zip(high).zip(low).zip(close).zip(volume);
    let rows = ts.iter().zip(prices).map(|(ts, ((((open, high), low), close), volume))| Candle {
        ts: UnixMillis(*ts),
        open,
        high,
        low,
        close,
        volume,
    });
    Some(Rows::Candles(rows.collect()))
}

fn metrics(reader: &mut Reader<'_>, ts: Vec<i64>, columns: Arc<[String]>) -> Option<Rows> {
    let width = columns.len();
    let mut values = vec![0.0; ts.len() * width];
    for column in 0..width {
        let numbers = reader.numbers::<f64>(ts.len())?;
        for (slot, number) in values.iter_mut().skip(column).step_by(width).zip(numbers) {
            *slot = number;
        }
    }
    let ts = ts.into_iter().map(UnixNanos).collect();
    Some(Rows::Metrics(MetricRows { columns, ts, values }))
}

fn warnings(reader: &mut Reader<'_>, ts: &[i64]) -> Option<Rows> {
    let severities: Vec<u64> = reader.numbers(ts.len())?;
    let mut texts = || -> Option<std::vec::IntoIter<String>> {
        let lengths: Vec<u64> = reader.numbers(ts.len())?;
        Some(reader.texts(&lengths)?.into_iter())
    };
    let (codes, subjects, messages) = (texts()?, texts()?, texts()?);
    let texts = codes.zip(subjects).zip(messages);
    let rows = ts.iter().zip(severities).zip(texts).map(|((ts, severity), ((code, subject), message))| {
        let severity = u8::try_from(severity).ok().and_then(Severity::from_u8)?;
        Some(Warning { ts: UnixNanos(*ts), severity, code, subject, message })
    });
    Some(Rows::Warnings(rows.collect::<Option<_>>()?))
}

/// Puts blocks of one stream together as far as they go. A published batch is cut only where it is larger than a block.
#[derive(Debug, Default)]
pub(super) struct Filling {
    full: Vec<Block>,
    open: Option<Block>,
    /// Of the rows of `open`.
    bytes: usize,
}

impl Filling {
    /// Takes the next rows.
    pub(super) fn push(&mut self, block: Block) {
        let row_bytes = (block.rows.approx_bytes() / block.rows.len().max(1)).max(1);
        let mut rest = Some(block);
        while let Some(block) = rest {
            let used = self.open.as_ref().filter(|open| open.goes_on_with(&block));
            let used = used.map(|open| (open.rows.len(), self.bytes));
            let (rows, bytes) = used.unwrap_or_default();
            let room = MAX_ROWS.saturating_sub(rows).min(MAX_BYTES.saturating_sub(bytes) / row_bytes);
            let (now, later) = match (block.whole_batches(room), used) {
                (0, Some(_)) => (None, Some(block)),
                // The first batch is larger than a block: it is cut, and by one row at least, however large that is.
                (0, None) => block.split(room.max(1)),
                (whole, _) => block.split(whole),
            };
            match (&mut self.open, now) {
                (Some(open), Some(now)) if used.is_some() => {
                    self.bytes += now.rows.approx_bytes();
                    open.append(now);
                }
                (open, now) => {
                    self.bytes = now.as_ref().map_or(0, |now| now.rows.approx_bytes());
                    self.full.extend(std::mem::replace(open, now));
                }
            }
            rest = later;
        }
    }

    /// The blocks that no further rows go to.
    pub(super) fn take_full(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.full)
    }

    /// All blocks that were not taken.
    pub(super) fn finish(self) -> impl Iterator<Item = Block> {
        self.full.into_iter().chain(self.open)
    }
}

impl Block {
    /// How many of its rows, at most `rows`, are whole batches.
    fn whole_batches(&self, rows: usize) -> usize {
        let ends = self.heads.iter().scan(0, |end, head| {
            *end += head.rows as usize;
            Some(*end)
        });
        ends.take_while(|end| *end <= rows).last().unwrap_or_default()
    }

    /// Its first `rows` rows and the others, where there are any.
    fn split(self, rows: usize) -> (Option<Block>, Option<Block>) {
        if rows >= self.rows.len() {
            return (Some(self), None);
        }
        let whole = self.range();
        let first = SeqRange::of_len(self.start, rows as u64);
        let rest = SeqRange::new(first.end(), whole.end());
        (Some(self.clone().cut(first)), Some(self.cut(rest)))
    }
}

#[cfg(test)]
mod tests;
