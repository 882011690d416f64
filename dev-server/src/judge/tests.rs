use super::*;
use gapless_model::{Batch, Candle, Epoch, Flags, Rows, StreamKey, UnixMillis};
use proptest::prelude::*;

const TOPIC: &str = "candles.dev.X.1s";

/// Rows `from..from + count` of `epoch`; other rows in another epoch.
fn made(recorder: &mut Recorder, epoch: u64, from: u64, count: u64) -> Vec<(Seq, Digest)> {
    let price = epoch as f64;
    let candles: Vec<Candle> = (from..from + count)
        .map(|n| Candle {
            ts: UnixMillis(n as i64),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 1.0,
        })
        .collect();
    let key: StreamKey = TOPIC.parse().unwrap();
    let batch = Batch {
        epoch: Epoch(epoch),
        start: Seq(from),
        ..Batch::unsequenced(key, Flags::NONE, Rows::Candles(candles.clone()))
    };
    recorder.record(TOPIC, &batch);
    let digest =
        |(candle, seq): (Candle, u64)| (Seq(seq), Digest::of(Seq(seq), &Rows::Candles(vec![candle])));
    candles.into_iter().zip(from..).map(digest).collect()
}

fn judged(recorder: &Recorder, rows: &[(Seq, Digest)], tell: impl FnOnce(&mut Judge)) -> Findings {
    let mut judge = Judge::new();
    rows.iter().for_each(|(seq, digest)| judge.row(TOPIC, *seq, *digest));
    tell(&mut judge);
    judge.judge(recorder, &BTreeMap::from([(TOPIC.to_owned(), SeqRange::new(Seq(3), Seq(5)))]))
}

#[test]
fn who_got_every_row_once_in_order_did_nothing_wrong() {
    let mut recorder = Recorder::default();
    let rows = made(&mut recorder, 1, 1, 10);
    let findings = judged(&recorder, &rows, |_| {});
    assert!(findings.is_clean() && findings.rows == 10, "{findings:?}");
}

#[test]
fn each_mistake_is_counted_as_what_it_is() {
    let mut recorder = Recorder::default();
    let rows = made(&mut recorder, 1, 1, 10);
    let lost = judged(&recorder, &rows[..8], |_| {});
    assert_eq!((lost.lost, lost.repeated, lost.reordered, lost.wrong), (2, 0, 0, 0));
    let repeated = judged(&recorder, &[&rows[..], &rows[4..6]].concat(), |_| {});
    assert_eq!((repeated.lost, repeated.repeated, repeated.reordered), (0, 2, 0));
    let mut swapped = rows.clone();
    swapped.swap(3, 4);
    let reordered = judged(&recorder, &swapped, |_| {});
    assert_eq!((reordered.lost, reordered.repeated, reordered.reordered), (0, 0, 1));
    let mut other = rows.clone();
    other[9].1 = Digest(7);
    let wrong = judged(&recorder, &other, |_| {});
    assert_eq!((wrong.wrong, wrong.lost), (1, 1));
    assert!(wrong.examples[0].contains("row 10"), "{:?}", wrong.examples);
}

#[test]
fn who_says_that_rows_are_gone_is_excused_of_those_that_could_not_be_had() {
    let mut recorder = Recorder::default();
    let rows = made(&mut recorder, 1, 1, 10);
    let without = |range: std::ops::Range<usize>| [&rows[..range.start], &rows[range.end..]].concat();
    let told = judged(&recorder, &without(2..4), |judge| {
        judge.truncated(TOPIC, SeqRange::new(Seq(3), Seq(5)));
    });
    assert!(told.is_clean(), "{told:?}");
    assert_eq!(told.told[&Expectation::Truncated], 1);
    let silent = judged(&recorder, &without(2..4), |_| {});
    assert_eq!(silent.lost, 2);
    let given_up = judged(&recorder, &without(6..8), |judge| {
        judge.truncated(TOPIC, SeqRange::new(Seq(7), Seq(9)));
    });
    assert_eq!((given_up.given_up, given_up.lost), (2, 0));
}

#[test]
fn rows_of_a_lost_history_need_not_be_got_and_may_not_come_after_the_new_ones() {
    let mut recorder = Recorder::default();
    let old = made(&mut recorder, 1, 1, 10);
    let new = made(&mut recorder, 2, 8, 5);
    let followed = [&old[..9], &new[..]].concat();
    assert!(judged(&recorder, &followed, |judge| judge.void(TOPIC, Expectation::Rewind)).is_clean());
    let late = [&old[..7], &new[..], &old[8..9]].concat();
    assert_eq!(judged(&recorder, &late, |_| {}).reordered, 1);
    let missing = [&old[..10], &new[1..]].concat();
    assert_eq!(judged(&recorder, &missing, |_| {}).lost, 1);
}

proptest! {
    #[test]
    fn leaving_out_rows_is_never_overlooked(count in 1u64..50, kept in proptest::collection::vec(any::<bool>(), 50)) {
        let mut recorder = Recorder::default();
        let rows = made(&mut recorder, 1, 1, count);
        let some: Vec<_> = rows.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(row, _)| *row).collect();
        let findings = judged(&recorder, &some, |_| {});
        prop_assert_eq!(findings.lost, count - some.len() as u64);
        prop_assert_eq!(findings.repeated + findings.reordered + findings.wrong, 0);
    }
}
