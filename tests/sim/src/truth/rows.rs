//! What a row is, in eight bytes.

use gapless_model::{Batch, Digest, MetricRows, Rows};

/// One hash per row of a batch: what the row adds to the stream's digest.
pub fn row_hashes(batch: &Batch) -> Vec<u64> {
    let single = |row: usize| -> Rows {
        match &batch.rows {
            Rows::Candles(rows) => Rows::Candles(vec![rows[row]]),
            Rows::Warnings(rows) => Rows::Warnings(vec![rows[row].clone()]),
            Rows::Metrics(rows) => Rows::Metrics(MetricRows {
                columns: rows.columns.clone(),
                ts: vec![rows.ts[row]],
                values: rows.row(row).to_vec(),
            }),
        }
    };
    (0..batch.rows.len()).map(|row| Digest::of(batch.start.plus(row as u64), &single(row)).0).collect()
}
