//! Batches of every kind: one vector a column, no copy of the rows in between.

use super::{Out, Union, union};
use crate::generated::fb;
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
    pub(super) fn candles(&mut self, rows: &[Candle]) -> Tables<fb::Candle<'static>> {
        let Out { builder, candles, .. } = self;
        candles.clear();
        candles.extend(rows.iter().map(|row| candle(builder, row)));
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
