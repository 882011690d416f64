//! Batches of candles, whose rows are looked at here and not by the verifier.
//!
//! The intuition: a candle is a table of its own, and to hold ten thousand tables to its rules the verifier takes twice
//! as long as to read them: it follows each one's way to its list of fields, and those lists are all the same one.
//! So the verifier sees an envelope whose rows are numbers (`schemas/candle_rows.fbs`), and each number is
//! followed here, to the same rules: what it leads to lies within the message and is aligned, and is within the limits on
//! tables and size. A list of fields is read once for all rows that share it.
//!
//! The same bytes pass or fail as with the verifier, which a test compares over damaged messages
//! (`tests/candle_rows.rs`), with one exception: rows and the rest each get the whole limit on size, so that a message may
//! count up to twice of it. To read a row takes 320 instructions this way, instead of 1,450.

use super::batch::check_range;
use super::field;
use crate::generated::rows as fb;
use crate::{BatchHeader, DecodeError, Limits};
use flatbuffers::InvalidFlatbuffer;
use gapless_model::{
    Batch, Candle, Digest, Epoch, Flags, Kind, MAX_ROWS_PER_BATCH, Rows, Seq, StreamKey, UnixMillis,
};

/// Numbers of a candle, its time among them, in the order of their declaration.
const FIELDS: usize = 6;
/// Tables on the way to a row: envelope and batch.
const TABLES_ABOVE: usize = 2;
/// All tables but rows: these and the key.
const TABLES_BESIDE: usize = 3;

/// A list of fields: how far each is from the beginning of its table; 0 is one that is absent.
#[derive(Clone, Copy)]
struct Layout {
    at: usize,
    fields: [usize; FIELDS],
    /// What the verifier counts for a table of this layout.
    counted_bytes: usize,
}

/// The batch in an envelope, which has the tag of one of candles; its rows are checked.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Batch, DecodeError> {
    let mut rows = Vec::new();
    let header = follow(bytes, limits, |count, row| {
        rows.reserve(if rows.is_empty() { count } else { 0 });
        rows.push(row);
    })?;
    let rows = Rows::Candles(rows);
    rows.validate()?;
    Ok(header.with(rows))
}

/// Its header; all rows are followed.
pub(super) fn header(bytes: &[u8], limits: &Limits) -> Result<BatchHeader, DecodeError> {
    let mut last = None;
    let header = follow(bytes, limits, |_, row| last = Some(row.ts.to_nanos()))?;
    Ok(BatchHeader { last_ts: last, ..header })
}

/// Hands each row to `take`, with the number of all rows.
fn follow(
    bytes: &[u8],
    limits: &Limits,
    take: impl FnMut(usize, Candle),
) -> Result<BatchHeader, DecodeError> {
    let options = limits.verifier(bytes.len());
    let envelope = fb::root_as_candle_envelope_with_opts(&options, bytes)?;
    let batch = envelope.message().ok_or_else(|| DecodeError::missing("message"))?;
    let offsets = batch.candles().map_or(&[][..], |offsets| offsets.bytes());
    let (offsets, _) = offsets.as_chunks::<4>();
    if offsets.len() + TABLES_BESIDE > options.max_tables {
        return Err(InvalidFlatbuffer::TooManyTables.into());
    }
    if !offsets.is_empty() && options.max_depth <= TABLES_ABOVE {
        return Err(InvalidFlatbuffer::DepthLimitReached.into());
    }
    if offsets.len() > MAX_ROWS_PER_BATCH {
        return Err(DecodeError::TooLarge {
            what: "rows in a batch",
            found: offsets.len(),
            limit: MAX_ROWS_PER_BATCH,
        });
    }
    let start = Seq(batch.start_sequence());
    check_range(start, offsets.len())?;
    rows(bytes, offsets, options.max_apparent_size, take)?;
    Ok(BatchHeader {
        key: key(batch.key())?,
        epoch: Epoch(batch.epoch()),
        start,
        rows: offsets.len(),
        flags: Flags(batch.flags()),
        ts_publish_us: batch.ts_publish_us(),
        earliest: Seq(batch.earliest_sequence()),
        digest: Digest(batch.digest()),
        last_ts: None,
    })
}

fn key(key: Option<fb::StreamKey<'_>>) -> Result<StreamKey, DecodeError> {
    let key = field::required("key", key)?;
    field::key_of_parts(Kind::Candles, key.source_id(), key.symbol(), key.interval())
}

/// Follows the offsets of rows, which lie in `bytes`.
fn rows(
    bytes: &[u8],
    offsets: &[[u8; 4]],
    most_counted: usize,
    mut take: impl FnMut(usize, Candle),
) -> Result<(), DecodeError> {
    // An absent vector lies nowhere.
    if offsets.is_empty() {
        return Ok(());
    }
    let first = offsets.as_ptr().addr() - bytes.as_ptr().addr();
    let mut known: Option<Layout> = None;
    let mut counted = offsets.as_flattened().len();
    for (row, offset) in offsets.iter().enumerate() {
        let wrong =
            || DecodeError::malformed(format!("candles[{row}] leads out of the message or is not aligned"));
        let at = (first + row * 4).checked_add(u32::from_le_bytes(*offset) as usize).ok_or_else(wrong)?;
        let to_layout = i32::from_le_bytes(*aligned::<4>(bytes, at).ok_or_else(wrong)?);
        let layout_at = usize::try_from(at as i64 - i64::from(to_layout)).map_err(|_| wrong())?;
        let layout = match known {
            Some(layout) if layout.at == layout_at => layout,
            _ => layout(bytes, layout_at).ok_or_else(wrong)?,
        };
        known = Some(layout);
        counted += layout.counted_bytes;
        if counted > most_counted {
            return Err(InvalidFlatbuffer::ApparentSizeTooLarge.into());
        }
        let mut words = [[0u8; 8]; FIELDS];
        for (word, field) in words.iter_mut().zip(layout.fields) {
            if field != 0 {
                *word = *aligned::<8>(bytes, at + field).ok_or_else(wrong)?;
            }
        }
        let [ts, open, high, low, close, volume] = words;
        let candle = Candle {
            ts: UnixMillis(i64::from_le_bytes(ts)),
            open: f64::from_le_bytes(open),
            high: f64::from_le_bytes(high),
            low: f64::from_le_bytes(low),
            close: f64::from_le_bytes(close),
            volume: f64::from_le_bytes(volume),
        };
        take(offsets.len(), candle);
    }
    Ok(())
}

/// The `N` bytes at `at`, which is a multiple of `N`.
#[inline]
fn aligned<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    if !at.is_multiple_of(N) {
        return None;
    }
    bytes.get(at..)?.first_chunk::<N>()
}

fn layout(bytes: &[u8], at: usize) -> Option<Layout> {
    let word = |at: usize| aligned::<2>(bytes, at).map(|word| usize::from(u16::from_le_bytes(*word)));
    let length = word(at)?;
    if !length.is_multiple_of(2) || bytes.get(at..at + length).is_none() {
        return None;
    }
    let mut fields = [0; FIELDS];
    // Its own length and that of the table stand before the fields.
    for (field, slot) in fields.iter_mut().zip((4..length).step_by(2)) {
        *field = word(at + slot)?;
    }
    let listed = (4..length).step_by(2).take(FIELDS).count();
    let present = fields.iter().filter(|field| **field != 0).count();
    Some(Layout { at, fields, counted_bytes: 4 + 4 + 2 + length + listed * 2 + present * 8 })
}
