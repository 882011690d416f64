//! A place that holds rows.

use super::Place;
use super::blocks::{Blocks, Sum, block, index, parts};
use anyhow::Result;
use gapless::{Batch, SeqRange, StreamKey};

/// A place that holds rows and was read whole once.
pub(super) trait Holder {
    /// Which place.
    fn place(&self) -> Place;

    /// The streams of which it holds rows.
    fn keys(&self) -> Vec<StreamKey>;

    /// What it holds of a stream; `None`: nothing.
    fn blocks(&self, key: &StreamKey) -> Option<&Blocks>;

    /// Whether it no longer holds its beginning, so that a quiet stream may be gone from it by right.
    fn has_retired(&self) -> bool {
        false
    }

    /// What could not be read of a stream.
    fn troubles(&self, _key: &StreamKey) -> Vec<String> {
        Vec::new()
    }

    /// Reads rows again, in order; what is not there is left out.
    fn rows(&mut self, key: &StreamKey, range: SeqRange) -> Result<Vec<Batch>>;
}

/// Number and digest of the rows of `range`: whole blocks from memory, the ends read again.
pub(super) fn sum_of(holder: &mut dyn Holder, key: &StreamKey, range: SeqRange) -> Result<Sum> {
    let mut total = Sum::default();
    for part in parts(range) {
        total.add(sum_of_part(holder, key, part)?);
    }
    Ok(total)
}

/// The sum of rows that lie in one block.
pub(super) fn sum_of_part(holder: &mut dyn Holder, key: &StreamKey, part: SeqRange) -> Result<Sum> {
    let Some(blocks) = holder.blocks(key) else { return Ok(Sum::default()) };
    let whole = block(index(part.start())).intersect(blocks.range());
    if part.intersect(whole) == whole {
        return Ok(blocks.sum(index(part.start())));
    }
    let mut total = Sum::default();
    for batch in holder.rows(key, part)? {
        total.add(Sum::of(batch.start, &batch.rows));
    }
    Ok(total)
}
