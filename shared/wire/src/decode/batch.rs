//! Batches of every kind, and their headers.
//!
//! Streams of metrics name their columns in each batch, and nearly always as in the batch before. So a thread keeps
//! those that it read last: names that are the same are neither copied nor checked again.

use super::field::{
    self,
    fb_vector::{Strings, Tables},
};
use crate::generated::fb;
use crate::{BatchHeader, DecodeError};
use flatbuffers::Vector;
use gapless_model::{
    Batch, Candle, Digest, Epoch, Flags, Kind, MAX_COLUMNS, MAX_ROWS_PER_BATCH, MetricRows, RowError, Rows,
    Seq, Severity, UnixMillis, UnixNanos, Warning,
};
use std::cell::RefCell;
use std::sync::Arc;

/// The batch in a verified envelope, its rows checked. Batches of candles have a reader of their own (`candle_rows`).
pub(crate) fn read(envelope: &fb::Envelope<'_>) -> Result<Batch, DecodeError> {
    let header = header(envelope)?;
    let rows = if let Some(batch) = envelope.message_as_metric_batch() {
        Rows::Metrics(metrics(&batch)?)
    } else if let Some(batch) = envelope.message_as_warning_batch() {
        Rows::Warnings(warnings(&batch)?)
    } else {
        return Err(not_a_batch(envelope));
    };
    check(&rows)?;
    Ok(header.with(rows))
}

thread_local! {
    /// The columns of the batch that was read last, checked.
    static COLUMNS: RefCell<Arc<[String]>> = RefCell::default();
}

fn check(rows: &Rows) -> Result<(), RowError> {
    COLUMNS.with_borrow_mut(|known| {
        rows.validate_beside(known)?;
        // A batch without rows is not looked at.
        if let Rows::Metrics(rows) = rows
            && !rows.ts.is_empty()
            && !Arc::ptr_eq(&rows.columns, known)
        {
            known.clone_from(&rows.columns);
        }
        Ok(())
    })
}

fn columns(names: Option<Strings<'_>>) -> Arc<[String]> {
    let Some(names) = names else { return Arc::default() };
    COLUMNS.with_borrow(|known| match known.len() == names.len() && known.iter().eq(names) {
        true => known.clone(),
        false => names.iter().map(str::to_owned).collect(),
    })
}

/// The fields that every kind of batch has, under the same names.
macro_rules! header {
    ($kind:expr, $batch:expr, $rows:expr, $last_ts:expr) => {
        checked(BatchHeader {
            key: field::key_of($kind, $batch.key())?,
            epoch: Epoch($batch.epoch()),
            start: Seq($batch.start_sequence()),
            rows: $rows,
            flags: Flags($batch.flags()),
            ts_publish_us: $batch.ts_publish_us(),
            earliest: Seq($batch.earliest_sequence()),
            digest: Digest($batch.digest()),
            last_ts: $last_ts,
        })
    };
}

/// The header of the batch in a verified envelope.
pub(crate) fn header(envelope: &fb::Envelope<'_>) -> Result<BatchHeader, DecodeError> {
    if let Some(batch) = envelope.message_as_metric_batch() {
        let (rows, last_ts) = times(batch.ts_ns());
        header!(Kind::Metrics, batch, rows, last_ts)
    } else if let Some(batch) = envelope.message_as_warning_batch() {
        let (rows, last_ts) = times(batch.ts_ns());
        header!(Kind::Warnings, batch, rows, last_ts)
    } else {
        Err(not_a_batch(envelope))
    }
}

fn times(ts: Option<Vector<'_, i64>>) -> (usize, Option<UnixNanos>) {
    let rows = ts.map_or(0, |ts| ts.len());
    (rows, ts.and_then(|ts| ts.iter().next_back()).map(UnixNanos))
}

/// Row count and sequences within their bounds, so that nothing that is computed from them wraps.
fn checked(header: BatchHeader) -> Result<BatchHeader, DecodeError> {
    if header.rows > MAX_ROWS_PER_BATCH {
        return Err(DecodeError::TooLarge {
            what: "rows in a batch",
            found: header.rows,
            limit: MAX_ROWS_PER_BATCH,
        });
    }
    check_range(header.start, header.rows)?;
    Ok(header)
}

/// Whether `rows` rows from `start` on all have a sequence.
pub(crate) fn check_range(start: Seq, rows: usize) -> Result<(), DecodeError> {
    match start.0.checked_add(rows as u64) {
        Some(_) => Ok(()),
        None => Err(DecodeError::malformed(format!(
            "{rows} rows from sequence {start} on would pass the largest sequence"
        ))),
    }
}

/// Rows of a candles stream, as they are; [`Rows::validate`] is the caller's.
pub(crate) fn candles(rows: Option<Tables<'_, fb::Candle<'_>>>) -> Result<Vec<Candle>, DecodeError> {
    let Some(rows) = rows else { return Ok(Vec::new()) };
    if rows.len() > MAX_ROWS_PER_BATCH {
        return Err(DecodeError::TooLarge {
            what: "rows in a message",
            found: rows.len(),
            limit: MAX_ROWS_PER_BATCH,
        });
    }
    Ok(rows.iter().map(candle).collect())
}

/// One row, as it is.
pub(crate) fn candle(row: fb::Candle<'_>) -> Candle {
    Candle {
        ts: UnixMillis(row.ts_ms()),
        open: row.open(),
        high: row.high(),
        low: row.low(),
        close: row.close(),
        volume: row.volume(),
    }
}

fn metrics(batch: &fb::MetricBatch<'_>) -> Result<MetricRows, DecodeError> {
    let width = batch.columns().map_or(0, |columns| columns.len());
    if width > MAX_COLUMNS {
        return Err(DecodeError::TooLarge {
            what: "columns of a metrics stream",
            found: width,
            limit: MAX_COLUMNS,
        });
    }
    let height = batch.ts_ns().map_or(0, |ts| ts.len());
    let values = batch.values().map_or(0, |values| values.len());
    if values != width * height {
        return Err(DecodeError::malformed(format!(
            "{values} values do not fill {height} rows of {width} columns"
        )));
    }
    Ok(MetricRows {
        columns: columns(batch.columns()),
        ts: words(batch.ts_ns()).map(|word| UnixNanos(i64::from_le_bytes(word))).collect(),
        values: words(batch.values()).map(f64::from_le_bytes).collect(),
    })
}

/// The texts of a vector, copied.
fn texts<'a>(vector: Option<Strings<'a>>) -> impl Iterator<Item = String> + use<'a> {
    vector.into_iter().flatten().map(str::to_owned)
}

/// The 8-byte elements of a vector, read in bulk.
fn words<'a, T: 'a>(vector: Option<Vector<'a, T>>) -> impl Iterator<Item = [u8; 8]> + use<'a, T> {
    let (words, _) = vector.map_or(&[][..], |vector| vector.bytes()).as_chunks::<8>();
    words.iter().copied()
}

fn warnings(batch: &fb::WarningBatch<'_>) -> Result<Vec<Warning>, DecodeError> {
    let height = batch.ts_ns().map_or(0, |ts| ts.len());
    let severities = batch.severity().map_or(&[][..], |severities| severities.bytes());
    let columns = [("code", batch.code()), ("subject", batch.subject()), ("message", batch.message())];
    let lengths = columns.iter().map(|(name, texts)| (*name, texts.map_or(0, |texts| texts.len())));
    for (name, length) in lengths.chain([("severity", severities.len())]) {
        if length != height {
            return Err(DecodeError::malformed(format!("{length} of {name} for {height} rows")));
        }
    }
    words(batch.ts_ns())
        .zip(severities)
        .zip(texts(batch.code()))
        .zip(texts(batch.subject()).zip(texts(batch.message())))
        .map(|(((ts, severity), code), (subject, message))| {
            let severity = Severity::from_u8(*severity).ok_or_else(|| {
                DecodeError::malformed(format!("severity {severity} is not known: use 0 to 2"))
            })?;
            Ok(Warning { ts: UnixNanos(i64::from_le_bytes(ts)), severity, code, subject, message })
        })
        .collect()
}

fn not_a_batch(envelope: &fb::Envelope<'_>) -> DecodeError {
    match envelope.message_type() {
        fb::Message(tag) if tag > fb::Message::ENUM_MAX => DecodeError::UnknownType { tag },
        other => {
            let name = other.variant_name().unwrap_or("nothing");
            DecodeError::malformed(format!("a batch is needed here, not {name}"))
        }
    }
}
