//! The archive against the simplest thing that it could be: a vector of rows per stream.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
enum Step {
    Append {
        stream: usize,
        rows: u64,
    },
    /// The journal loses rows before they are archived.
    Lose {
        stream: usize,
        rows: u64,
    },
    /// The journal tells how far every stream is.
    View,
    Seal,
    Reopen,
    Keep {
        rows: u64,
    },
    Rewind {
        stream: usize,
        lose: u64,
    },
}

/// A stream as it should be.
#[derive(Default)]
struct Expected {
    /// From sequence 1 on, each with its epoch; `None`: missing for good.
    rows: Vec<Option<(gapless_model::Candle, u64)>>,
    earliest: u64,
    epochs: Vec<(u64, u64)>,
}

impl Expected {
    /// The first row that is served.
    fn earliest(&self) -> u64 {
        let rows = self.rows.iter().skip(self.earliest as usize - 1);
        self.earliest + rows.take_while(|row| row.is_none()).count() as u64
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3usize, 1..80u64).prop_map(|(stream, rows)| Step::Append { stream, rows }),
        2 => (0..3usize, 1..30u64).prop_map(|(stream, rows)| Step::Lose { stream, rows }),
        2 => Just(Step::View),
        3 => Just(Step::Seal),
        1 => Just(Step::Reopen),
        1 => (0..200u64).prop_map(|rows| Step::Keep { rows }),
        1 => (0..3usize, 0..150u64).prop_map(|(stream, lose)| Step::Rewind { stream, lose }),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_archive_holds_what_was_appended_and_neither_lost_nor_retired(steps in steps()) {
        let mut bench = Bench::new();
        let mut world: BTreeMap<usize, Expected> = BTreeMap::new();
        // Streams that end in rows which the archive has not heard of; those of whose epochs it knows less.
        let (mut unseen, mut guessed) = (BTreeSet::new(), BTreeSet::new());
        let (mut epoch, mut price) = (100u64, 1.0);
        for step in steps {
            match step {
                Step::Append { stream, rows } => {
                    let expected = world.entry(stream).or_insert_with(|| Expected {
                        earliest: 1,
                        epochs: vec![(epoch, 1)],
                        ..Expected::default()
                    });
                    price += 1.0;
                    let start = expected.rows.len() as u64 + 1;
                    if expected.epochs.last().is_some_and(|(last, _)| *last != epoch) {
                        expected.epochs.push((epoch, start));
                    }
                    let mut batch = batch(&stream_key(stream), epoch, start, rows);
                    if let Rows::Candles(candles) = &mut batch.rows {
                        candles.iter_mut().for_each(|candle| candle.volume = price);
                        expected.rows.extend(candles.iter().map(|candle| Some((*candle, epoch))));
                    }
                    bench.append(vec![batch]);
                    unseen.remove(&stream);
                }
                Step::Lose { stream, rows } => {
                    let expected = world.entry(stream).or_insert_with(|| Expected {
                        earliest: 1,
                        epochs: vec![(epoch, 1)],
                        ..Expected::default()
                    });
                    if expected.epochs.last().is_some_and(|(last, _)| *last != epoch) {
                        expected.epochs.push((epoch, expected.rows.len() as u64 + 1));
                    }
                    expected.rows.extend(std::iter::repeat_n(None, rows as usize));
                    unseen.insert(stream);
                    guessed.insert(stream);
                }
                Step::View => {
                    bench.archive.take_view(&truth(&world)).unwrap();
                    unseen.clear();
                    guessed.clear();
                }
                Step::Seal => {
                    bench.seal();
                }
                Step::Reopen => bench = bench.reopen(),
                Step::Keep { rows } => {
                    // What is kept counts from the end that the archive knows.
                    bench.archive.take_view(&truth(&world)).unwrap();
                    unseen.clear();
                    guessed.clear();
                    let policy = |_: &StreamKey| Retention { max_rows: Some(rows), max_age: None };
                    bench.archive.retain(UnixMillis(0), &policy).unwrap();
                    for expected in world.values_mut() {
                        let earliest = (expected.rows.len() as u64).saturating_sub(rows) + 1;
                        expected.earliest = expected.earliest.max(earliest);
                    }
                }
                Step::Rewind { stream, lose } => {
                    let from = epoch;
                    epoch += 1;
                    if let Some(expected) = world.get_mut(&stream) {
                        let keep = (expected.rows.len() as u64).saturating_sub(lose);
                        expected.rows.truncate(keep as usize);
                        expected.earliest = expected.earliest.min(keep + 1);
                        expected.epochs.retain(|(_, first)| *first <= keep);
                        expected.epochs.push((epoch, keep + 1));
                    }
                    let position = bench.archive.position();
                    bench.archive.rewind(position, Epoch(from), Epoch(epoch), &truth(&world)).unwrap();
                    guessed.retain(|stream| unseen.contains(stream));
                }
            }
            for (stream, expected) in &world {
                if !unseen.contains(stream) {
                    compare(&bench, &stream_key(*stream), expected, !guessed.contains(stream))?;
                }
            }
        }
    }
}

fn truth(world: &BTreeMap<usize, Expected>) -> Vec<StreamStatus> {
    let streams = world.iter();
    streams.map(|(stream, e)| status(&stream_key(*stream), e.rows.len() as u64, &e.epochs)).collect()
}

fn stream_key(stream: usize) -> StreamKey {
    key(&format!("candles.model.S{stream}.1m"))
}

fn compare(
    bench: &Bench,
    key: &StreamKey,
    expected: &Expected,
    knows_epochs: bool,
) -> Result<(), TestCaseError> {
    let latest = expected.rows.len() as u64;
    let Some(status) = bench.archive.reader().unwrap().status(key) else {
        prop_assert_eq!(latest, 0, "the journal took back all rows before one was archived");
        return Ok(());
    };
    prop_assert_eq!(status.watermark.latest, Seq(latest));
    prop_assert_eq!(status.watermark.earliest, Seq(expected.earliest()));
    let epochs: Vec<(u64, u64)> =
        status.epochs.iter().map(|start| (start.epoch.0, start.first_sequence.0)).collect();
    if knows_epochs {
        prop_assert_eq!(epochs, expected.epochs.clone());
    } else {
        prop_assert_eq!(epochs.last().map(|last| last.0), expected.epochs.last().map(|last| last.0));
    }
    let reader = bench.archive.reader().unwrap();
    let mut found = Vec::new();
    let mut from = 1;
    loop {
        let page = reader.page(key, range(from, latest), 10_000, usize::MAX).unwrap().unwrap();
        if page.served.is_empty() {
            break;
        }
        for batch in &page.batches {
            if let Rows::Candles(candles) = &batch.rows {
                let seqs = batch.start.0..;
                found.extend(seqs.zip(candles).map(|(seq, candle)| (seq, (*candle, batch.epoch.0))));
            }
        }
        from = page.served.end().0;
    }
    let rows = (1..).zip(&expected.rows).skip(expected.earliest as usize - 1);
    let served: Vec<_> = rows.filter_map(|(seq, row)| row.map(|row| (seq, row))).collect();
    prop_assert_eq!(found, served);
    let holes = reader.stream(key).unwrap().1;
    let missing = (expected.earliest()..=latest).filter(|seq| expected.rows[*seq as usize - 1].is_none());
    prop_assert_eq!(holes.iter().map(|hole| hole.len()).sum::<u64>(), missing.count() as u64);
    prop_assert!(reader.check(key).unwrap().iter().all(|check| check.found.is_some()));
    Ok(())
}
