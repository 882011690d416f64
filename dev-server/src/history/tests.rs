use super::*;
use gapless_model::Candle;
use proptest::prelude::*;

const KEEP: u64 = 40;

fn candles(count: u64, first: u64) -> Rows {
    let candle = |n| {
        let price = n as f64;
        Candle { ts: UnixMillis(n as i64), open: price, high: price, low: price, close: price, volume: 1.0 }
    };
    Rows::Candles((first..first + count).map(candle).collect())
}

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Trim(u64),
    LoseTail(u64),
    Reset,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1u64..12).prop_map(Step::Append),
        2 => (0u64..30).prop_map(Step::Trim),
        2 => (0u64..20).prop_map(Step::LoseTail),
        1 => Just(Step::Reset),
    ];
    prop::collection::vec(step, 0..60)
}

/// What the history is to hold: every row since sequence 1, and where serving begins.
#[derive(Default)]
struct Model {
    rows: Vec<Candle>,
    earliest: u64,
}

impl Model {
    fn served(&self) -> &[Candle] {
        &self.rows[self.earliest as usize..]
    }

    fn keep(&mut self, rows: u64) {
        self.earliest = self.earliest.max((self.rows.len() as u64).saturating_sub(rows));
    }
}

fn plain(batches: Vec<Batch>) -> Vec<(u64, Candle)> {
    let rows = batches.into_iter().flat_map(|batch| {
        let Rows::Candles(candles) = batch.rows else { panic!("candles") };
        (batch.start.0..).zip(candles)
    });
    rows.collect()
}

proptest! {
    #[test]
    fn it_serves_exactly_the_rows_that_were_kept(steps in steps(), from in 0u64..200, len in 0u64..50) {
        let key: StreamKey = "candles.dev.X.1s".parse().unwrap();
        let mut history = History::new(key, KEEP, Epoch(1));
        let (mut model, mut made, mut epoch) = (Model::default(), 0, 1);
        for step in steps {
            match step {
                Step::Append(count) => {
                    let rows = candles(count, made);
                    made += count;
                    let Rows::Candles(new) = rows.clone() else { unreachable!() };
                    model.rows.extend(new);
                    let batch = history.append(Flags::NONE, rows, UnixMillis(1));
                    prop_assert_eq!(batch.range().last().0, model.rows.len() as u64);
                    prop_assert_eq!(batch.epoch, Epoch(epoch));
                    model.keep(KEEP);
                }
                Step::Trim(rows) => {
                    history.trim(rows);
                    model.keep(rows);
                }
                Step::LoseTail(rows) => {
                    epoch += 1;
                    let left = (model.rows.len() as u64).saturating_sub(rows).max(model.earliest);
                    history.begin_epoch(Epoch(epoch), rows);
                    model.rows.truncate(left as usize);
                }
                Step::Reset => {
                    epoch += 1;
                    history.reset(Epoch(epoch));
                    model = Model::default();
                }
            }
            let mark = history.watermark();
            let all = Rows::Candles(model.rows.clone());
            prop_assert_eq!(mark.digest, Digest::of(Seq::FIRST, &all));
            prop_assert_eq!((mark.earliest.0, mark.latest.0), (model.earliest + 1, model.rows.len() as u64));
            prop_assert_eq!(mark.epoch, Epoch(epoch));
            let status = history.status(UnixMillis(1));
            prop_assert!(status.epochs.is_sorted_by_key(|start| (start.first_sequence, start.epoch)));
            let expected: Vec<(u64, Candle)> = (model.earliest + 1..).zip(model.served().iter().copied()).collect();
            prop_assert_eq!(plain(history.rows(history.range())), expected.clone());
            let part = SeqRange::of_len(Seq(from), len);
            let expected: Vec<_> = expected.into_iter().filter(|(seq, _)| part.contains(Seq(*seq))).collect();
            prop_assert_eq!(plain(history.rows(part)), expected);
        }
    }
}

#[test]
fn every_batch_states_the_running_digest_up_to_its_end() {
    let mut history = History::new("candles.dev.X.1s".parse().unwrap(), 100, Epoch(1));
    let first = history.append(Flags::NONE, candles(3, 0), UnixMillis(1));
    let second = history.append(Flags::NONE, candles(4, 3), UnixMillis(1));
    assert_eq!(first.digest, Digest::of(Seq(1), &candles(3, 0)));
    assert_eq!(second.digest, Digest::of(Seq(1), &candles(7, 0)));
}
