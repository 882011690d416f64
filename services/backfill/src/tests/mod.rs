//! The service as its clients meet it: real sockets, a real archive, a journal written by hand.

mod bench;
mod damage;
mod fake_journal;
mod histories;
mod holes;
mod ranges;
mod refusals;

use crate::samples::{batch, key};
use bench::{Bench, as_published, eventually, ranges, request, rows_in};
use fake_journal::FakeJournal;
use gapless_model::Batch;

const A: &str = "candles.sim.A.1m";

/// Rows 1 to `last`, `size` at a time.
fn batches(topic: &str, epoch: u64, last: u64, size: u64) -> Vec<Batch> {
    let key = key(topic);
    let starts = (1..=last).step_by(size as usize);
    starts.map(|from| batch(&key, epoch, from, (from + size - 1).min(last))).collect()
}
