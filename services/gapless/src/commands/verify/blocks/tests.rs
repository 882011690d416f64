//! Borders of blocks.

use super::{block, index, parts};
use gapless::{Seq, SeqRange};

#[test]
fn blocks_begin_after_each_thousand() {
    assert_eq!((index(Seq(1)), index(Seq(1000)), index(Seq(1001))), (0, 0, 1));
    assert_eq!(block(1), SeqRange::new(Seq(1001), Seq(2001)));
}

#[test]
fn a_range_is_cut_at_the_borders() {
    let found: Vec<SeqRange> = parts(SeqRange::new(Seq(999), Seq(2002))).collect();
    let expected = [(999, 1001), (1001, 2001), (2001, 2002)];
    assert_eq!(found, expected.map(|(from, to)| SeqRange::new(Seq(from), Seq(to))));
    assert_eq!(parts(SeqRange::new(Seq(5), Seq(5))).count(), 0);
}
