//! Small batches put together on their way out.
//!
//! A stream that is fed row by row has a batch for each row. Served like that, an answer of ten thousand rows is ten
//! thousand envelopes, each with its own header and names of columns, and reading them is most of what it costs to
//! catch up. Rows, sequences and digests are the same either way.

use crate::served::{Body, Part};
use gapless_model::Batch;
use gapless_wire::{DecodeError, Encoder};

/// Batches of so many rows are worth an envelope of their own: they go as they were published.
const SMALL_ROWS: u64 = 64;
/// How large a batch that was put together may become: as a live one may.
const JOINED_BYTES: usize = 64 << 10;

/// The envelopes of an answer that holds `parts`.
///
/// # Errors
/// [`DecodeError`] when bytes in memory are not what was published.
pub(crate) fn envelopes(parts: &[Part]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let mut encoder = Encoder::new();
    let mut done = Vec::new();
    for run in parts.chunk_by(|a, b| is_small(a) && is_small(b)) {
        match run {
            [part] => done.push(whole(part, &mut encoder)),
            run => join(run, &mut encoder, &mut done)?,
        }
    }
    Ok(done)
}

fn is_small(part: &Part) -> bool {
    part.range.len() < SMALL_ROWS
}

fn fits(batch: &Batch, next: &Batch) -> bool {
    batch.rows.approx_bytes() + next.rows.approx_bytes() <= JOINED_BYTES
}

fn whole(part: &Part, encoder: &mut Encoder) -> Vec<u8> {
    match &part.body {
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::Rows(batch) => encoder.batch(batch).to_vec(),
    }
}

fn join(run: &[Part], encoder: &mut Encoder, done: &mut Vec<Vec<u8>>) -> Result<(), DecodeError> {
    let mut open: Option<Batch> = None;
    for part in run {
        let next = part.rows()?;
        let next = match &mut open {
            Some(batch) if batch.goes_on_with(&next) && fits(batch, &next) => batch.append(next).err(),
            _ => Some(next),
        };
        if let Some(next) = next {
            done.extend(open.replace(next).map(|batch| encoder.batch(&batch).to_vec()));
        }
    }
    done.extend(open.map(|batch| encoder.batch(&batch).to_vec()));
    Ok(())
}

#[cfg(test)]
mod tests;
