use super::*;
use crate::samples::{batch, key, published};
use proptest::prelude::*;

const TOPICS: [&str; 3] = ["candles.sim.BTC-USD.1m", "metrics.host.cpu.1s", "warnings.gapless.x.1s"];

fn range(from: u64, to: u64) -> SeqRange {
    SeqRange::new(Seq(from), Seq(to + 1))
}

/// What is read back of a block.
fn stored(block: &Block, packing: Packing) -> Block {
    let names = block.columns().cloned();
    let bytes = block.encode(packing, 3);
    Block::decode(block.rows.kind(), block.start, &bytes, &|number| names.clone().filter(|_| number == 3))
        .unwrap()
}

fn filled(batches: impl IntoIterator<Item = Batch>) -> Vec<Block> {
    let mut filling = Filling::default();
    batches.into_iter().for_each(|batch| filling.push(Block::of(&batch)));
    filling.finish().collect()
}

#[test]
fn what_is_stored_is_read_back() {
    for topic in TOPICS {
        for rows in [1, 31, 32, 33, 1000] {
            let block = Block::of(&published(&key(topic), 7, 4, rows));
            for packing in [Packing::Quick, Packing::Thorough] {
                assert_eq!(stored(&block, packing), block, "{topic}, {rows} rows, {packing:?}");
            }
        }
    }
}

#[test]
fn every_bit_of_a_number_is_kept() {
    let key = key(TOPICS[1]);
    let odd = [
        f64::NAN,
        f64::from_bits(0x7ff8_0000_dead_beef),
        -0.0,
        f64::MIN_POSITIVE / 3.0,
        f64::MAX,
        0.1,
        -1e300,
    ];
    let bits = |block: &Block| match &block.rows {
        Rows::Metrics(rows) => rows.values.iter().map(|value| value.to_bits()).collect::<Vec<u64>>(),
        _ => Vec::new(),
    };
    let rows = MetricRows {
        columns: Arc::from(["x".to_string()]),
        ts: (0..700).map(|at| UnixNanos(i64::MIN + at * (i64::MAX / 700))).collect(),
        values: odd.iter().copied().cycle().take(700).collect(),
    };
    let batch = Batch { start: Seq(1), ..Batch::unsequenced(key, Flags::NONE, Rows::Metrics(rows)) };
    let block = Block::of(&batch);
    let read = stored(&block, Packing::Thorough);
    assert_eq!(bits(&read), bits(&block));
    assert_eq!(read.span(Place::Hot(1)), block.span(Place::Hot(1)));
}

#[test]
fn packed_it_takes_a_fraction() {
    for (topic, percent) in TOPICS.into_iter().zip([45, 30, 10]) {
        let block = Block::of(&batch(&key(topic), 7, 1, 4096));
        let plain = block.rows.approx_bytes();
        let packed = block.encode(Packing::Thorough, 0).len();
        assert!(packed * 100 < plain * percent, "{topic}: {packed} of {plain} bytes");
    }
}

#[test]
fn small_batches_are_put_together_and_others_come_as_they_were_published() {
    let key = key(TOPICS[0]);
    let sizes = [1, 1, 70, 63, 64, 5, 5];
    let starts = sizes.iter().scan(1, |next, rows| Some(std::mem::replace(next, *next + rows)));
    let batches: Vec<Batch> =
        starts.zip(sizes).map(|(start, rows)| published(&key, 7, start, rows)).collect();
    let blocks = filled(batches.clone());
    let [block] = blocks.as_slice() else { panic!("{} blocks", blocks.len()) };
    let read = block.clone().into_batches(&key);
    assert_eq!(read.iter().map(|batch| batch.rows.len()).collect::<Vec<_>>(), [2, 70, 63, 64, 10]);
    assert_eq!(read[1], batches[2]);
    assert_eq!(read[0].digest, batches[1].digest);
    let other_flags = Batch { flags: Flags::NONE, ..published(&key, 7, 2, 1) };
    let blocks = filled([published(&key, 7, 1, 1), other_flags]);
    assert_eq!(blocks[0].clone().into_batches(&key).len(), 2);
}

#[test]
fn blocks_are_full_and_end_where_rows_are_missing_or_columns_change() {
    let candles = key(TOPICS[0]);
    let ranges = |blocks: &[Block]| blocks.iter().map(Block::range).collect::<Vec<_>>();
    let all = (0..10).map(|n| published(&candles, 7, 1 + n * 1000, 1000));
    assert_eq!(
        ranges(&filled(all)),
        [range(1, 4000), range(4001, 8000), range(8001, 10_000)],
        "of whole batches"
    );
    let ones = (1..=5000).map(|seq| batch(&candles, 7, seq, 1));
    assert_eq!(ranges(&filled(ones)), [range(1, 4096), range(4097, 5000)]);
    assert_eq!(ranges(&filled([batch(&candles, 7, 1, 5000)])), [range(1, 4096), range(4097, 5000)]);
    assert_eq!(
        ranges(&filled([batch(&candles, 7, 1, 5), batch(&candles, 7, 7, 5)])),
        [range(1, 5), range(7, 11)]
    );
    let metrics = key(TOPICS[1]);
    assert_eq!(
        ranges(&filled([batch(&metrics, 7, 2, 5), batch(&metrics, 7, 7, 5)])),
        [range(2, 6), range(7, 11)]
    );
    assert_eq!(ranges(&filled([batch(&metrics, 7, 2, 6), batch(&metrics, 7, 8, 6)])), [range(2, 13)]);
    let wide = Rows::Warnings(vec![
        Warning {
            ts: UnixNanos(1),
            severity: Severity::Info,
            code: "c".repeat(4096),
            subject: "s".repeat(4096),
            message: "m".repeat(4096),
        };
        1000
    ]);
    let wide = Batch { start: Seq(1), ..Batch::unsequenced(key(TOPICS[2]), Flags::NONE, wide) };
    let blocks = filled([wide.clone()]);
    assert!(blocks.len() > 10 && blocks.iter().all(|block| block.rows.approx_bytes() <= MAX_BYTES));
    let rows = blocks.into_iter().fold(Rows::empty(Kind::Warnings), |mut all, block| {
        all.append(block.rows).unwrap();
        all
    });
    assert_eq!(rows, wide.rows);
}

#[test]
fn damaged_bytes_and_names_that_are_not_known_are_refused() {
    for topic in TOPICS {
        let block = Block::of(&batch(&key(topic), 7, 1, 40));
        let bytes = block.encode(Packing::Thorough, 0);
        let names = block.columns().cloned();
        let read = |start: u64, bytes: &[u8]| {
            Block::decode(block.rows.kind(), Seq(start), bytes, &|_| names.clone())
        };
        assert_eq!(read(1, &bytes).unwrap(), block);
        assert!(matches!(read(2, &bytes), Err(StoreError::Damaged(reason)) if reason.contains("checksum")));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(read(1, &flipped).is_err(), "{topic}: byte {at}");
            assert!(read(1, &bytes[..at]).is_err(), "{topic}: cut at {at}");
        }
    }
    let block = Block::of(&batch(&key(TOPICS[1]), 7, 1, 4));
    let unknown = Block::decode(Kind::Metrics, Seq(1), &block.encode(Packing::Quick, 0), &|_| None);
    assert!(matches!(unknown, Err(StoreError::Damaged(_))), "{unknown:?}");
}

proptest! {
    #[test]
    fn a_cut_block_has_the_rows_and_digests_of_cut_batches(
        sizes in prop::collection::vec(1..100u64, 1..8), from in 0..200u64, len in 0..300u64,
    ) {
        let key = key(TOPICS[0]);
        let starts = sizes.iter().scan(1, |next, rows| Some(std::mem::replace(next, *next + rows)));
        let batches: Vec<Batch> = starts.zip(&sizes).map(|(start, rows)| published(&key, 7, start, *rows)).collect();
        let cut = SeqRange::of_len(Seq(from), len);
        let blocks = filled(batches.clone());
        let block = blocks[0].clone().cut(cut);
        let expected = batches.into_iter().map(|batch| batch.cut(cut)).filter(|batch| !batch.rows.is_empty());
        let again = filled(expected);
        if let Some(expected) = again.first() {
            prop_assert_eq!(&block, expected);
        } else {
            prop_assert!(block.range().is_empty() && block.heads.is_empty());
        }
    }
}
