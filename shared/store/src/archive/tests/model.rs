//! The archive against the simplest thing that it could be: a vector of rows per stream.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Append { stream: usize, rows: u64 },
    Seal,
    Reopen,
    Keep { rows: u64 },
    Rewind { stream: usize, lose: u64 },
}

/// A stream as it should be.
#[derive(Default)]
struct Expected {
    /// From sequence 1 on, each with its epoch.
    rows: Vec<(gapless_model::Candle, u64)>,
    earliest: u64,
    epochs: Vec<(u64, u64)>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3usize, 1..80u64).prop_map(|(stream, rows)| Step::Append { stream, rows }),
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
                        expected.rows.extend(candles.iter().map(|candle| (*candle, epoch)));
                    }
                    bench.append(vec![batch]);
                }
                Step::Seal => {
                    bench.seal();
                }
                Step::Reopen => bench = bench.reopen(),
                Step::Keep { rows } => {
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
                    let truth: Vec<StreamStatus> = world
                        .iter()
                        .map(|(stream, e)| status(&stream_key(*stream), e.rows.len() as u64, &e.epochs))
                        .collect();
                    bench.archive.rewind(bench.archive.position(), Epoch(from), Epoch(epoch), &truth).unwrap();
                }
            }
            for (stream, expected) in &world {
                compare(&bench, &stream_key(*stream), expected)?;
            }
        }
    }
}

fn stream_key(stream: usize) -> StreamKey {
    key(&format!("candles.model.S{stream}.1m"))
}

fn compare(bench: &Bench, key: &StreamKey, expected: &Expected) -> Result<(), TestCaseError> {
    let latest = expected.rows.len() as u64;
    let status = bench.status(key);
    prop_assert_eq!(status.watermark.latest, Seq(latest));
    prop_assert_eq!(status.watermark.earliest, Seq(expected.earliest));
    let epochs: Vec<(u64, u64)> =
        status.epochs.iter().map(|start| (start.epoch.0, start.first_sequence.0)).collect();
    prop_assert_eq!(epochs, expected.epochs.clone());
    let reader = bench.archive.reader().unwrap();
    let mut found = Vec::new();
    let mut from = expected.earliest;
    loop {
        let page = reader.page(key, range(from, latest), 10_000, usize::MAX).unwrap().unwrap();
        if page.served.is_empty() {
            break;
        }
        for batch in &page.batches {
            if let Rows::Candles(candles) = &batch.rows {
                found.extend(candles.iter().map(|candle| (*candle, batch.epoch.0)));
            }
        }
        from = page.served.end().0;
    }
    let served = expected.rows.get(expected.earliest as usize - 1..).unwrap_or_default();
    prop_assert_eq!(found, served);
    Ok(())
}
