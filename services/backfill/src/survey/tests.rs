use super::*;
use crate::samples::{batch, key, range};
use proptest::prelude::*;
use std::convert::Infallible;

const A: &str = "candles.sim.A.1m";

/// An archive whose rows `damaged` cannot be read; looks into it are counted.
fn find(page: SeqRange, within: SeqRange, damaged: &[SeqRange]) -> (Option<SeqRange>, u32) {
    let mut looks = 0;
    let found = first_damage(page, within, |rows| {
        looks += 1;
        assert!(rows.intersect(within) == rows && !rows.is_empty(), "{rows} is not to be looked at");
        let is_damaged = damaged.iter().any(|damaged| !damaged.intersect(rows).is_empty());
        Ok::<Read, Infallible>(if is_damaged { Read::Damaged } else { Read::Rows(Vec::new()) })
    });
    (found.unwrap(), looks)
}

#[test]
fn damage_of_a_row_group_is_found_in_some_hundred_looks() {
    let (found, looks) = find(range(1, 10_000), range(1, 1_000_000), &[range(5_001, 127_880)]);
    assert_eq!(found, Some(range(5_001, 127_880)));
    assert!(looks < 300, "{looks}");
}

#[test]
fn damage_without_end_is_found_as_far_as_was_tried() {
    let all = range(1, 10_000_000);
    let (found, looks) = find(range(1, 10_000), all, &[all]);
    let found = found.unwrap();
    assert!(found.start() == Seq(1) && found.len() > 100_000, "{found}");
    assert!(looks < 300, "{looks}");
}

#[test]
fn a_batch_that_is_not_the_one_that_was_sequenced_is_damaged_as_a_whole() {
    let batches = [batch(&key(A), 7, 1, 10), batch(&key(A), 7, 11, 20), batch(&key(A), 7, 21, 30)];
    let found = first_damage(range(1, 30), range(1, 30), |rows| {
        // As the archive does: the digest lies at the end of a batch, and tells of rows behind another batch.
        if rows.start() < Seq(11) && rows.end() > Seq(20) {
            return Ok::<Read, Infallible>(Read::Damaged);
        }
        let cut = batches.iter().filter(|batch| !batch.range().intersect(rows).is_empty()).map(|batch| {
            let is_whole = batch.range().end() <= rows.end();
            let cut = batch.clone().cut(rows);
            Batch { digest: if is_whole { batch.digest } else { Digest::default() }, ..cut }
        });
        Ok(Read::Rows(cut.collect()))
    });
    assert_eq!(found.unwrap(), Some(range(11, 20)));
}

proptest! {
    #[test]
    fn the_first_damage_is_found_exactly(
        first in 1u64..4_000, rows in 1u64..4_000, apart in MAX_STEP..4_000, start in 1u64..4_000,
        len in 1u64..4_000,
    ) {
        let damaged = [range(first, first + rows - 1), range(first + rows + apart, 20_000)];
        let page = range(start, start + len - 1);
        let expected = damaged.iter().find(|damaged| !damaged.intersect(page).is_empty()).copied();
        prop_assert_eq!(find(page, range(1, 20_000), &damaged).0, expected);
    }
}
