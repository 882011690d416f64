use super::{Admit, GapTracker};
use crate::epochs::EpochView;
use crate::{Chunk, LogStatus, Settings, Source};
use gapless_model::{Epoch, EpochStart, Seq, SeqRange};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn chunk(epoch: u64, first: u64, last: u64) -> Chunk<u64> {
    let range = SeqRange::new(Seq(first), Seq(last + 1));
    Chunk { epoch: Epoch(epoch), range, bytes: range.len() as usize, payload: first }
}

fn tracker(max_buffer_rows: u64) -> GapTracker<u64> {
    let settings = Settings { max_buffer_rows, ..Settings::default() };
    GapTracker::new(&settings, Epoch(1), Seq::NONE)
}

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange::new(Seq(first), Seq(last + 1))
}

#[test]
fn only_the_part_that_did_not_come_before_is_wanted() {
    let mut tracker = tracker(100);
    tracker.admit(chunk(1, 1, 5), Source::Live);
    let Admit::InOrder { wanted, chunk: whole } = tracker.admit(chunk(1, 3, 8), Source::Live) else {
        panic!()
    };
    assert_eq!((wanted, whole.range), (range(6, 8), range(3, 8)));
    assert_eq!(tracker.admit(chunk(1, 2, 8), Source::Live), Admit::Duplicate);
}

#[test]
fn rows_of_a_past_epoch_count_as_far_as_it_is_shared() {
    let mut tracker = tracker(100);
    let epochs =
        [(1, 1), (5, 4)].map(|(epoch, first)| EpochStart { epoch: Epoch(epoch), first_sequence: Seq(first) });
    let status = LogStatus { epoch: Epoch(5), earliest: Seq(1), latest: Seq(3), epochs: epochs.to_vec() };
    tracker.turn(EpochView::of_status(&status), Seq::NONE);
    let Admit::InOrder { wanted, chunk: relabelled } = tracker.admit(chunk(1, 1, 9), Source::Replay) else {
        panic!()
    };
    assert_eq!((wanted, relabelled.epoch), (range(1, 3), Epoch(5)));
    assert_eq!(tracker.admit(chunk(1, 4, 9), Source::Live), Admit::StaleEpoch);
    assert_eq!(tracker.admit(chunk(3, 4, 9), Source::Live), Admit::StaleEpoch);
    assert_eq!(tracker.admit(chunk(7, 4, 9), Source::Live), Admit::NewerEpoch);
    assert_eq!(tracker.applied(), Seq(3));
}

#[test]
fn a_chunk_larger_than_the_buffer_is_forgotten_at_once() {
    let mut tracker = tracker(3);
    let Admit::Ahead { hole, forgotten } = tracker.admit(chunk(1, 5, 9), Source::Live) else { panic!() };
    assert_eq!((hole, forgotten.span, forgotten.rows), (range(1, 4), range(5, 9), 5));
    assert_eq!((tracker.missing(), tracker.seen()), (range(1, 9), Seq(9)));
}

/// Any chunks in any order.
fn chunks() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((1u64..60, 0u64..8), 0..60)
}

proptest! {
    #[test]
    fn hands_over_the_contiguous_prefix_of_everything_that_came(chunks in chunks()) {
        let mut tracker = tracker(1_000);
        let (mut came, mut handed_over) = (BTreeSet::new(), Vec::new());
        for (first, more) in chunks {
            came.extend(first..=first + more);
            let admitted = tracker.admit(chunk(1, first, first + more), Source::Live);
            if let Admit::InOrder { wanted, .. } = admitted {
                handed_over.extend(wanted.start().0..wanted.end().0);
            }
            while let Some((chunk, wanted, _)) = tracker.next_kept() {
                prop_assert_eq!(chunk.range.intersect(wanted), wanted);
                handed_over.extend(wanted.start().0..wanted.end().0);
            }
            tracker.check();
            let prefix: Vec<u64> = (1..).take_while(|seq| came.contains(seq)).collect();
            prop_assert_eq!(&handed_over, &prefix);
            prop_assert_eq!(tracker.seen(), Seq(*came.last().unwrap()));
            let missing: Vec<u64> = (1..=tracker.seen().0).filter(|seq| !came.contains(seq)).collect();
            let holes = tracker.holes();
            let in_holes: Vec<u64> = holes.iter().flat_map(|hole| hole.start().0..hole.end().0).collect();
            prop_assert_eq!(in_holes, missing);
            prop_assert_eq!(holes.first().copied().unwrap_or(tracker.missing()), tracker.missing());
        }
    }

    #[test]
    fn a_bounded_buffer_forgets_rows_but_never_the_order(chunks in chunks(), max in 1u64..12) {
        let mut tracker = tracker(max);
        let mut next = 1;
        for (first, more) in chunks {
            let before = tracker.holes();
            match tracker.admit(chunk(1, first, first + more), Source::Live) {
                Admit::InOrder { wanted, .. } => {
                    prop_assert_eq!(wanted.start(), Seq(next));
                    next = wanted.end().0;
                }
                Admit::Ahead { forgotten, .. } if forgotten.rows > 0 => {
                    prop_assert!(!before.is_empty() || forgotten.span.start() > Seq(next));
                    prop_assert!(tracker.missing().contains(forgotten.span.start()));
                }
                Admit::Ahead { .. } | Admit::Duplicate => {}
                Admit::StaleEpoch | Admit::NewerEpoch | Admit::Damaged { .. } => prop_assert!(false),
            }
            while let Some((_, wanted, _)) = tracker.next_kept() {
                prop_assert_eq!(wanted.start(), Seq(next));
                next = wanted.end().0;
            }
            tracker.check();
            prop_assert_eq!(tracker.expected(), Seq(next));
        }
    }
}
