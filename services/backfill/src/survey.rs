//! Finding out which rows lie in a damaged part of the archive, by reading less of it.
//!
//! The intuition: the archive only says that a page cannot be read. The longest beginning of the page that can
//! be is found by halving; in growing steps, single rows behind it are tried until one can be read, and halving
//! finds the first such row. When not even the first row of the page can be read, the same is done backwards. A few
//! dozen small reads usually find both ends.
//!
//! The complication is a batch that is not the one that was sequenced: each of its rows can be read, only
//! together they differ from their digest. Then a beginning that ends inside of the batch can be read too,
//! but its rows of that batch are not to be trusted: the whole batch counts as damaged.
//!
//! Trying every row was rejected: a block of the archive holds thousands, a block of DuckDB several of those.

use gapless_model::{Batch, Digest, Seq, SeqRange};

/// The longest step between two tries around a damaged row. Two damaged places that have fewer
/// readable rows than this between them may be found as one; damage comes in blocks of many more rows.
const MAX_STEP: u64 = 512;
/// Tries in one direction, some tenths of a second: they go 120,000 rows far, thirty blocks of the archive. The rest
/// is found when it is asked for.
const MAX_TRIES: u32 = 256;

/// What came of reading.
#[derive(Debug)]
pub(crate) enum Read {
    /// These rows.
    Rows(Vec<Batch>),
    /// They are damaged.
    Damaged,
}

/// The first damaged rows in `page`, which could not be read, with those next to them in `within`; `None` when it can
/// be read after all. `read` reads rows from the archive.
///
/// # Errors
/// What `read` fails with.
pub(crate) fn first_damage<E>(
    page: SeqRange,
    within: SeqRange,
    mut read: impl FnMut(SeqRange) -> Result<Read, E>,
) -> Result<Option<SeqRange>, E> {
    let Read::Damaged = read(page)? else { return Ok(None) };
    let (readable, last) = longest_beginning(page, &mut read)?;
    let first = page.start().plus(readable);
    if let Read::Rows(_) = read(SeqRange::of_len(first, 1))? {
        let cut = last.filter(|batch| batch.digest == Digest::default()).map(|batch| batch.start);
        return Ok(Some(SeqRange::new(cut.unwrap_or(first), first.next())));
    }
    let mut is_damaged = |seq| read(SeqRange::of_len(seq, 1)).map(|read| matches!(read, Read::Damaged));
    let behind = SeqRange::new(first.next(), within.end()).len();
    let behind = reach(behind, |rows| is_damaged(first.plus(rows)))?;
    let before = if readable == 0 { SeqRange::new(within.start(), first).len() } else { 0 };
    let before = reach(before, |rows| is_damaged(Seq(first.0.saturating_sub(rows))))?;
    Ok(Some(SeqRange::new(Seq(first.0.saturating_sub(before)), first.plus(behind).next())))
}

/// How many rows of `page`, which as a whole cannot be read, can be read from its beginning; and their last batch.
fn longest_beginning<E>(
    page: SeqRange,
    read: &mut impl FnMut(SeqRange) -> Result<Read, E>,
) -> Result<(u64, Option<Batch>), E> {
    let (mut good, mut bad, mut last) = (0, page.len(), None);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match read(SeqRange::of_len(page.start(), middle))? {
            Read::Rows(mut batches) => (good, last) = (middle, batches.pop()),
            Read::Damaged => bad = middle,
        }
    }
    Ok((good, last))
}

/// How many rows next to a damaged one, in one direction, are damaged too; as far as was tried, when that is too many.
/// There are `rows` in that direction, and `is_damaged` tells it of one by its distance.
fn reach<E>(rows: u64, mut is_damaged: impl FnMut(u64) -> Result<bool, E>) -> Result<u64, E> {
    let (mut bad, mut step) = (0, 1);
    for _ in 0..MAX_TRIES {
        let next = rows.min(bad + step);
        if next == bad {
            break;
        }
        if !is_damaged(next)? {
            return before_readable(bad, next, is_damaged);
        }
        (bad, step) = (next, (step * 2).min(MAX_STEP));
    }
    Ok(bad)
}

/// The last damaged row before `good`, from `bad` on.
fn before_readable<E>(
    mut bad: u64,
    mut good: u64,
    mut is_damaged: impl FnMut(u64) -> Result<bool, E>,
) -> Result<u64, E> {
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        if is_damaged(middle)? { bad = middle } else { good = middle }
    }
    Ok(bad)
}

#[cfg(test)]
mod tests;
