//! Small batches put together on their way out.
//!
//! A stream that is fed row by row has a batch for each row. Served like that, an answer of ten thousand rows is ten
//! thousand envelopes, each with its own header and names of columns, and reading them is most of what it costs to
//! catch up. Rows, sequences and digests are the same either way.

use crate::served::{Body, Part};
use gapless_model::{Batch, JOINED_BYTES, SMALL_ROWS};
use gapless_wire::{DecodeError, Encoder};
use std::cell::RefCell;

/// The envelopes of an answer that holds `parts`.
///
/// # Errors
/// [`DecodeError`] when bytes in memory are not what was published.
pub(crate) fn envelopes(parts: &[Part]) -> Result<Vec<Vec<u8>>, DecodeError> {
    ENCODER.with_borrow_mut(|encoder| {
        let mut done = Vec::new();
        for run in parts.chunk_by(|a, b| is_small(a) && is_small(b)) {
            match run {
                [part] => done.push(whole(part, encoder)),
                run => join(run, encoder, &mut done)?,
            }
        }
        Ok(done)
    })
}

thread_local! {
    /// Each worker encodes answer after answer into the same memory.
    static ENCODER: RefCell<Encoder> = RefCell::default();
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
