//! The proof that two places hold the same rows.
//!
//! A stream's digest is the sum, modulo 2^64, of one hash per row. A sum does not care how rows were
//! cut into batches, and the digest of any range is the difference of two running digests; a chained
//! hash would be stronger against an attacker, but could answer neither question.

use crate::{Candle, MetricRows, Rows, Seq, Warning};
use std::ops::{Add, Sub};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Sum of `xxh3_64(sequence as LE u64, canonical row bytes)` over rows, modulo 2^64.
///
/// The canonical bytes of each kind are defined in `schemas/README.md`. 0 is the digest of no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of `rows`, the first of which has the sequence `start`.
    pub fn of(start: Seq, rows: &Rows) -> Digest {
        match rows {
            Rows::Candles(rows) => sum(start, rows, candle),
            Rows::Metrics(rows) => metrics(start, rows),
            Rows::Warnings(rows) => sum(start, rows, warning),
        }
    }
}

impl Add for Digest {
    type Output = Digest;
    fn add(self, other: Digest) -> Digest {
        Digest(self.0.wrapping_add(other.0))
    }
}

impl Sub for Digest {
    type Output = Digest;
    fn sub(self, other: Digest) -> Digest {
        Digest(self.0.wrapping_sub(other.0))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

fn sum<T>(start: Seq, rows: &[T], hash: impl Fn(u64, &T) -> u64) -> Digest {
    let hashes = rows.iter().zip(start.0..).map(|(row, seq)| hash(seq, row));
    Digest(hashes.fold(0, u64::wrapping_add))
}

fn candle(seq: u64, row: &Candle) -> u64 {
    let mut bytes = [0u8; 56];
    let words = [
        seq,
        row.ts.0 as u64,
        bits(row.open),
        bits(row.high),
        bits(row.low),
        bits(row.close),
        bits(row.volume),
    ];
    for (slot, word) in bytes.chunks_exact_mut(8).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    xxh3_64(&bytes)
}

/// The hash of the column names goes into every row, so renaming a column is a difference.
fn metrics(start: Seq, rows: &MetricRows) -> Digest {
    let mut bytes = Vec::with_capacity(24 + rows.columns.len() * 16);
    for name in rows.columns.iter() {
        bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        bytes.extend_from_slice(name.as_bytes());
    }
    let names = xxh3_64(&bytes);
    // Sequence, time and names, then the values.
    let mut bytes = vec![0; (3 + rows.columns.len()) * 8];
    let mut total = 0u64;
    for ((index, ts), seq) in rows.ts.iter().enumerate().zip(start.0..) {
        let (head, values) = bytes.as_chunks_mut::<8>().0.split_at_mut(3);
        head.iter_mut().zip([seq, ts.0 as u64, names]).for_each(|(slot, word)| *slot = word.to_le_bytes());
        let row = rows.row(index).iter();
        values.iter_mut().zip(row).for_each(|(slot, value)| *slot = bits(*value).to_le_bytes());
        total = total.wrapping_add(xxh3_64(&bytes));
    }
    Digest(total)
}

fn warning(seq: u64, row: &Warning) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&seq.to_le_bytes());
    hash.update(&row.ts.0.to_le_bytes());
    hash.update(&[row.severity as u8]);
    for text in [&row.code, &row.subject, &row.message] {
        hash.update(&(text.len() as u32).to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.digest()
}

/// The bits of a number, with every NaN the same one ("missing" has one spelling) and both zeros the
/// same one: FlatBuffers leaves out a table field that equals its default, so a candle's -0.0 reads back
/// as 0.0.
fn bits(value: f64) -> u64 {
    if value.is_nan() {
        0x7ff8_0000_0000_0000
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}
