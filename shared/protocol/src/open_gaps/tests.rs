use super::{OpenGaps, Truncation};
use crate::GapCause;
use gapless_model::{Epoch, MonoTime, Seq, SeqRange};

const NOW: MonoTime = MonoTime(5);

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange::new(Seq(first), Seq(last + 1))
}

fn gaps(max: usize, ranges: &[(u64, u64)]) -> OpenGaps {
    let mut gaps = OpenGaps::new(max);
    for (first, last) in ranges {
        gaps.open(Epoch(1), range(*first, *last), GapCause::Missed, NOW);
    }
    gaps
}

fn ranges(gaps: &OpenGaps) -> Vec<SeqRange> {
    gaps.iter().map(|gap| gap.range).collect()
}

#[test]
fn a_gap_is_healed_when_its_last_row_was_handed_over() {
    let mut gaps = gaps(9, &[(3, 5), (8, 8)]);
    assert_eq!(gaps.pop_healed(Seq(4), NOW), None);
    let healed = gaps.pop_healed(Seq(7), NOW).unwrap();
    assert_eq!((healed.range, healed.healed), (range(3, 5), Some(NOW)));
    assert_eq!(gaps.pop_healed(Seq(7), NOW), None);
}

#[test]
fn rows_that_were_forgotten_belong_to_the_gap_before_them() {
    let mut gaps = gaps(9, &[(3, 5), (8, 8), (12, 12)]);
    gaps.grow(range(6, 9));
    assert_eq!(ranges(&gaps), [range(3, 7), range(8, 9), range(12, 12)]);
    assert!(gaps.cover(range(3, 9)) && !gaps.cover(range(3, 10)));
}

#[test]
fn with_too_many_gaps_the_last_one_grows() {
    let mut gaps = gaps(2, &[(3, 3), (5, 5)]);
    assert_eq!(gaps.open(Epoch(1), range(9, 9), GapCause::Tail, NOW), None);
    assert_eq!(ranges(&gaps), [range(3, 3), range(5, 9)]);
}

#[test]
fn what_is_given_up_ends_gaps_and_leaves_the_rest_of_the_last() {
    let mut gaps = gaps(9, &[(3, 3), (5, 9), (12, 12)]);
    let Truncation { ended, rest } = gaps.truncate(Seq(7), NOW);
    assert_eq!(ended.iter().map(|gap| gap.range).collect::<Vec<_>>(), [range(3, 3), range(5, 9)]);
    assert_eq!(rest.map(|gap| gap.range), Some(range(7, 9)));
    assert_eq!(ranges(&gaps), [range(7, 9), range(12, 12)]);
}
