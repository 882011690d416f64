//! Batches of every kind: one vector a column, no copy of the rows in between.

use super::{Out, Union, union};
use crate::generated::fb;
use crate::generated::rows::CandleRow;
use flatbuffers::{FlatBufferBuilder, ForwardsUOffset, Vector, WIPOffset};
use gapless_model::{Batch, Candle, MetricRows, Rows, Warning};

/// A vector of tables in a message that is being built.
pub(super) type Tables<T> = WIPOffset<Vector<'static, ForwardsUOffset<T>>>;

/// The rows of a batch as a vector of texts.
type Texts = Tables<&'static str>;

impl Out {
    pub(super) fn batch(&mut self, batch: &Batch) -> Union {
        match &batch.rows {
            Rows::Candles(rows) => self.candle_batch(batch, rows),
            Rows::Metrics(rows) => self.metric_batch(batch, rows),
            Rows::Warnings(rows) => self.warning_batch(batch, rows),
        }
    }

    fn candle_batch(&mut self, batch: &Batch, rows: &[Candle]) -> Union {
        let candles = Some(self.candles(rows));
        let key = Some(self.key(&batch.key));
        union!(
            self,
            CandleBatch,
            fb::CandleBatchArgs {
                key,
                start_sequence: batch.start.0,
                candles,
                epoch: batch.epoch.0,
                flags: batch.flags.0,
                ts_publish_us: batch.ts_publish_us,
                earliest_sequence: batch.earliest.0,
                digest: batch.digest.0,
            }
        )
    }

    /// Version 1 made each candle a table, so their offsets are collected first, in memory that is kept.
    ///
    /// The builder looks for an equal list of fields for each table that it ends, which takes most of its time. So it makes
    /// the rows with defaults, and others until two follow each other: the list of the second, whose table is as long
    /// as those to come, is theirs. These are written as the bytes that it would write, one struct each.
    pub(super) fn candles(&mut self, rows: &[Candle]) -> Tables<fb::Candle<'static>> {
        let Out { builder, candles, .. } = self;
        candles.clear();
        let (mut layout, mut follows_full) = (None, false);
        for row in rows {
            let full = layout.filter(|_| is_full(row)).and_then(|layout| full_candle(builder, layout, row));
            let table = full.unwrap_or_else(|| candle(builder, row));
            if layout.is_none() && follows_full && is_full(row) {
                layout = layout_of(builder, table);
            }
            follows_full = is_full(row);
            candles.push(table);
        }
        builder.create_vector(candles)
    }

    pub(super) fn candle(&mut self, row: &Candle) -> WIPOffset<fb::Candle<'static>> {
        candle(&mut self.builder, row)
    }

    fn metric_batch(&mut self, batch: &Batch, rows: &MetricRows) -> Union {
        let columns = Some(self.texts(rows.columns.iter().map(String::as_str)));
        let ts_ns = Some(self.builder.create_vector_from_iter(rows.ts.iter().map(|ts| ts.0)));
        let values = Some(self.builder.create_vector(&rows.values));
        let key = Some(self.key(&batch.key));
        union!(
            self,
            MetricBatch,
            fb::MetricBatchArgs {
                key,
                start_sequence: batch.start.0,
                columns,
                ts_ns,
                values,
                epoch: batch.epoch.0,
                flags: batch.flags.0,
                ts_publish_us: batch.ts_publish_us,
                earliest_sequence: batch.earliest.0,
                digest: batch.digest.0,
            }
        )
    }

    fn warning_batch(&mut self, batch: &Batch, rows: &[Warning]) -> Union {
        let ts_ns = Some(self.builder.create_vector_from_iter(rows.iter().map(|row| row.ts.0)));
        let severity = Some(self.builder.create_vector_from_iter(rows.iter().map(|row| row.severity as u8)));
        let code = Some(self.texts(rows.iter().map(|row| row.code.as_str())));
        let subject = Some(self.texts(rows.iter().map(|row| row.subject.as_str())));
        let message = Some(self.texts(rows.iter().map(|row| row.message.as_str())));
        let key = Some(self.key(&batch.key));
        union!(
            self,
            WarningBatch,
            fb::WarningBatchArgs {
                key,
                start_sequence: batch.start.0,
                ts_ns,
                severity,
                code,
                subject,
                message,
                epoch: batch.epoch.0,
                flags: batch.flags.0,
                ts_publish_us: batch.ts_publish_us,
                earliest_sequence: batch.earliest.0,
                digest: batch.digest.0,
            }
        )
    }

    fn texts<'t>(&mut self, texts: impl ExactSizeIterator<Item = &'t str>) -> Texts {
        let offsets: Vec<WIPOffset<&'static str>> =
            texts.map(|text| self.builder.create_string(text)).collect();
        self.builder.create_vector(&offsets)
    }
}

fn candle(builder: &mut FlatBufferBuilder<'static>, row: &Candle) -> WIPOffset<fb::Candle<'static>> {
    let args = fb::CandleArgs {
        ts_ms: row.ts.0,
        open: row.open,
        high: row.high,
        low: row.low,
        close: row.close,
        volume: row.volume,
    };
    fb::Candle::create(builder, &args)
}

/// Whether no number of it is a default, which is left out.
fn is_full(row: &Candle) -> bool {
    let Candle { ts, open, high, low, close, volume } = row;
    ts.0 != 0 && [open, high, low, close, volume].iter().all(|value| **value != 0.0)
}

/// Where a table's list of fields is, counted from the end of the message.
fn layout_of(builder: &FlatBufferBuilder<'static>, table: WIPOffset<fb::Candle<'static>>) -> Option<i64> {
    let written = builder.unfinished_data();
    let at = written.len().checked_sub(table.value() as usize)?;
    let to_layout = i32::from_le_bytes(*written.get(at..)?.first_chunk::<4>()?);
    Some(i64::from(table.value()) + i64::from(to_layout))
}

/// A row with the list of fields at `layout`; its place counts from the end of the message, as that does. `None` where
/// what was written before does not leave it aligned.
fn full_candle(
    builder: &mut FlatBufferBuilder<'static>,
    layout: i64,
    row: &Candle,
) -> Option<WIPOffset<fb::Candle<'static>>> {
    let place = builder.unfinished_data().len() + size_of::<CandleRow>();
    if place % 8 != 4 {
        return None;
    }
    let Candle { ts, open, high, low, close, volume } = *row;
    let words = [ts.0.to_le_bytes(), bytes(open), bytes(high), bytes(low), bytes(close), bytes(volume)];
    let mut numbers = [0; 48];
    numbers.as_chunks_mut::<8>().0.iter_mut().zip(words).for_each(|(slot, word)| *slot = word);
    // A message is far smaller than 2^31 bytes.
    builder.push(CandleRow::new((layout - place as i64) as i32, &numbers, 0));
    Some(WIPOffset::new(place as u32))
}

fn bytes(value: f64) -> [u8; 8] {
    value.to_le_bytes()
}
