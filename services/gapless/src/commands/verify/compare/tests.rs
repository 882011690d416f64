//! Comparing places that hold what they should not.

use super::{Difference, compare};
use crate::commands::verify::Place;
use crate::commands::verify::blocks::Blocks;
use crate::commands::verify::holder::Holder;
use anyhow::Result;
use gapless::{Batch, Candle, Epoch, Flags, Rows, Seq, SeqRange, StreamKey, UnixMillis};

struct Memory {
    place: Place,
    batches: Vec<Batch>,
    blocks: Blocks,
}

fn key() -> StreamKey {
    "candles.a.b.1m".parse().unwrap()
}

/// Rows `from..=to` in batches of `size`; the rows in `wrong` have another price.
fn memory(place: Place, from: u64, to: u64, size: u64, wrong: &[u64], missing: &[u64]) -> Box<dyn Holder> {
    let mut batches: Vec<Batch> = Vec::new();
    for seq in (from..=to).filter(|seq| !missing.contains(seq)) {
        let price = if wrong.contains(&seq) { 2.0 } else { 1.0 };
        let candle = Candle {
            ts: UnixMillis(seq as i64),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0.0,
        };
        match batches.last_mut() {
            Some(Batch { start, rows: Rows::Candles(rows), .. })
                if start.0 + rows.len() as u64 == seq && (rows.len() as u64) < size =>
            {
                rows.push(candle);
            }
            _ => {
                let batch = Batch::unsequenced(key(), Flags::NONE, Rows::Candles(vec![candle]));
                batches.push(Batch { epoch: Epoch(1), start: Seq(seq), ..batch });
            }
        }
    }
    let mut blocks = Blocks::default();
    batches.iter().for_each(|batch| blocks.add(batch));
    Box::new(Memory { place, batches, blocks })
}

impl Holder for Memory {
    fn place(&self) -> Place {
        self.place
    }
    fn keys(&self) -> Vec<StreamKey> {
        vec![key()]
    }
    fn blocks(&self, asked: &StreamKey) -> Option<&Blocks> {
        (*asked == key()).then_some(&self.blocks)
    }
    fn rows(&mut self, _: &StreamKey, range: SeqRange) -> Result<Vec<Batch>> {
        let cut = self.batches.iter().map(|batch| batch.clone().cut(range));
        Ok(cut.filter(|batch| !batch.rows.is_empty()).collect())
    }
}

#[test]
fn equal_rows_are_equal_however_they_are_cut() {
    let mut holders = [
        memory(Place::Journal, 1, 5_432, 100, &[], &[]),
        memory(Place::Archive, 1, 5_432, 999, &[], &[]),
        memory(Place::App, 1, 5_432, 7, &[], &[]),
    ];
    let verdict = compare(&key(), &mut holders, None).unwrap();
    assert!(verdict.equal, "{verdict:?}");
    assert_eq!((verdict.rows, verdict.digests.len()), (5_432, 3));
}

#[test]
fn what_only_some_hold_is_left_out() {
    let mut holders = [
        memory(Place::Journal, 1, 5_000, 100, &[], &[]),
        memory(Place::Archive, 1_234, 5_100, 999, &[], &[]),
    ];
    let verdict = compare(&key(), &mut holders, None).unwrap();
    assert!(verdict.equal, "{verdict:?}");
    assert_eq!(verdict.range, "1234..5000");
}

#[test]
fn a_stream_that_the_journal_has_retired_is_no_difference() {
    struct Retired(bool);
    impl Holder for Retired {
        fn place(&self) -> Place {
            Place::Journal
        }
        fn keys(&self) -> Vec<StreamKey> {
            Vec::new()
        }
        fn blocks(&self, _: &StreamKey) -> Option<&Blocks> {
            None
        }
        fn has_retired(&self) -> bool {
            self.0
        }
        fn rows(&mut self, _: &StreamKey, _: SeqRange) -> Result<Vec<Batch>> {
            Ok(Vec::new())
        }
    }
    for has_retired in [true, false] {
        let mut holders: [Box<dyn Holder>; 2] =
            [Box::new(Retired(has_retired)), memory(Place::Archive, 1, 100, 10, &[], &[])];
        let verdict = compare(&key(), &mut holders, None).unwrap();
        assert_eq!(verdict.equal, has_retired, "{verdict:?}");
    }
}

#[test]
fn names_the_first_rows_with_other_values() {
    let mut holders = [
        memory(Place::Journal, 1, 5_000, 100, &[], &[]),
        memory(Place::Archive, 1, 5_000, 100, &[3_210, 3_211, 3_300], &[]),
    ];
    let verdict = compare(&key(), &mut holders, None).unwrap();
    let expected = Difference {
        between: [Place::Journal, Place::Archive],
        from: 3_210,
        to: 3_211,
        what: "have other values in archive than in journal".into(),
    };
    assert_eq!(verdict.difference, Some(expected));
    assert!(!verdict.equal);
}

#[test]
fn names_the_first_rows_that_are_missing() {
    let missing: Vec<u64> = (2_500..=2_600).collect();
    let mut holders =
        [memory(Place::Journal, 1, 5_000, 100, &[], &[]), memory(Place::App, 1, 5_000, 100, &[], &missing)];
    let found = compare(&key(), &mut holders, None).unwrap().difference.unwrap();
    assert_eq!((found.from, found.to), (2_500, 2_600));
    assert_eq!(found.what, "are in journal and not in app");
}

#[test]
fn rows_that_the_journal_has_retired_are_compared_with_whoever_has_them() {
    for wrong in [vec![], vec![77]] {
        let mut holders = [
            memory(Place::Journal, 4_000, 5_000, 100, &[], &[]),
            memory(Place::Archive, 1, 5_000, 999, &wrong, &[]),
            memory(Place::App, 1, 5_000, 7, &[], &[]),
        ];
        let verdict = compare(&key(), &mut holders, None).unwrap();
        assert_eq!(verdict.equal, wrong.is_empty(), "{verdict:?}");
        assert!(verdict.notes.contains(&"journal begins at 4000".to_owned()), "{verdict:?}");
    }
}

#[test]
fn places_that_share_no_row_are_not_equal() {
    let mut holders = [
        memory(Place::Journal, 4_000, 5_000, 100, &[], &[]),
        memory(Place::Archive, 1, 3_000, 999, &[], &[]),
    ];
    let verdict = compare(&key(), &mut holders, None).unwrap();
    assert!(!verdict.equal && verdict.rows == 0, "{verdict:?}");
}
