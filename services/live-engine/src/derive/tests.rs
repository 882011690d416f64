use super::*;
use gapless_model::{Kind, Seq, UnixMillis};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

fn source() -> StreamKey {
    StreamKey::new(Kind::Candles, "test", "A", "1m").unwrap()
}

fn rule(prefix: &str, from: &str, to: &[&str]) -> Rule {
    let to = to.iter().map(ToString::to_string).collect();
    Rule::try_from(&RuleText { prefix: prefix.into(), from: from.into(), to }).unwrap()
}

fn row(minute: i64, price: f64) -> Candle {
    let ts = UnixMillis(minute * MINUTE);
    Candle { ts, open: price, high: price + 2.0, low: price - 2.0, close: price + 1.0, volume: 1.0 }
}

/// Five-minute and hourly bars of one-minute rows, from a source that begins whole.
fn deriver(is_partial: bool) -> Deriver {
    let mut deriver = Deriver::new(vec![rule("candles.", "1m", &["5m", "1h"])]);
    deriver.open(StreamIndex(0), &source(), "candles.test.A.1m", is_partial);
    deriver
}

fn fold(deriver: &mut Deriver, rows: &[Candle]) -> Vec<Closed> {
    let batch =
        Batch { start: Seq(1), ..Batch::unsequenced(source(), Flags::NONE, Rows::Candles(rows.to_vec())) };
    deriver.fold(StreamIndex(0), &batch)
}

/// All bars of one interval, in the order in which they were closed.
fn bars(closed: &[Closed], interval: &str) -> Vec<Candle> {
    let of = closed.iter().filter(|closed| closed.key.interval() == interval);
    of.flat_map(|closed| closed.candles.iter().copied()).collect()
}

#[test]
fn five_minutes_become_one_bar_when_the_fifth_comes() {
    let mut deriver = deriver(false);
    let rows: Vec<Candle> = (0..4).map(|minute| row(minute, minute as f64)).collect();
    assert!(fold(&mut deriver, &rows).is_empty(), "an open bar is not a row");
    let forming = &deriver.forming()["candles.test.A.5m"];
    assert_eq!((forming.candle.open, forming.candle.close, forming.candle.volume), (0.0, 4.0, 4.0));
    let closed = fold(&mut deriver, &[row(4, 10.0)]);
    let expected = Candle { ts: UnixMillis(0), open: 0.0, high: 12.0, low: -2.0, close: 11.0, volume: 5.0 };
    assert_eq!(bars(&closed, "5m"), [expected]);
    assert!(!deriver.forming().contains_key("candles.test.A.5m"));
    assert!(deriver.forming().contains_key("candles.test.A.1h"));
}

#[test]
fn a_bar_with_missing_minutes_is_closed_by_a_later_one() {
    let mut deriver = deriver(false);
    assert!(fold(&mut deriver, &[row(0, 1.0), row(2, 2.0)]).is_empty());
    let closed = fold(&mut deriver, &[row(13, 3.0)]);
    let bars = bars(&closed, "5m");
    assert_eq!((bars.len(), bars[0].ts, bars[0].volume), (1, UnixMillis(0), 2.0));
}

#[test]
fn a_late_row_is_counted_and_changes_nothing() {
    let mut deriver = deriver(false);
    let rows: Vec<Candle> = (0..6).map(|minute| row(minute, 1.0)).collect();
    fold(&mut deriver, &rows);
    let before = deriver.forming().clone();
    assert!(fold(&mut deriver, &[row(3, 999.0)]).iter().all(|closed| closed.key.interval() != "5m"));
    assert_eq!(deriver.late_rows(), 1);
    assert_eq!(deriver.forming()["candles.test.A.5m"], before["candles.test.A.5m"]);
}

#[test]
fn rows_out_of_order_within_a_bar_give_its_open_and_close_by_time() {
    let mut deriver = deriver(false);
    let closed = fold(&mut deriver, &[row(2, 20.0), row(0, 5.0), row(3, 30.0), row(1, 7.0), row(9, 1.0)]);
    let bar = bars(&closed, "5m")[0];
    assert_eq!((bar.open, bar.close), (5.0, 31.0));
}

#[test]
fn times_before_1970_fall_into_their_own_bars() {
    let mut deriver = deriver(false);
    let closed = fold(&mut deriver, &[row(-5, 1.0), row(-1, 2.0)]);
    assert_eq!(bars(&closed, "5m")[0].ts, UnixMillis(-5 * MINUTE));
}

#[test]
fn the_first_bar_of_a_source_without_its_beginning_is_left_out_unless_it_is_whole() {
    let mut cut = deriver(true);
    let rows: Vec<Candle> = (3..10).map(|minute| row(minute, 1.0)).collect();
    assert_eq!(
        bars(&fold(&mut cut, &rows), "5m").iter().map(|bar| bar.ts.0 / MINUTE).collect::<Vec<_>>(),
        [5]
    );
    let mut whole = deriver(true);
    let rows: Vec<Candle> = (5..10).map(|minute| row(minute, 1.0)).collect();
    assert_eq!(bars(&fold(&mut whole, &rows), "5m").len(), 1);
}

#[test]
fn a_hole_in_the_source_leaves_out_the_bar_that_it_falls_into() {
    let mut deriver = deriver(false);
    fold(&mut deriver, &[row(0, 1.0), row(1, 1.0)]);
    deriver.skip(StreamIndex(0));
    let rows: Vec<Candle> = (3..10).map(|minute| row(minute, 1.0)).collect();
    assert_eq!(
        bars(&fold(&mut deriver, &rows), "5m").iter().map(|bar| bar.ts.0 / MINUTE).collect::<Vec<_>>(),
        [5]
    );
}

#[test]
fn simulated_rows_make_simulated_bars() {
    let mut deriver = deriver(false);
    let rows = Rows::Candles((0..5).map(|minute| row(minute, 1.0)).collect());
    let marks = Flags::SIMULATED.union(Flags::END_OF_STREAM);
    let closed = deriver.fold(StreamIndex(0), &Batch::unsequenced(source(), marks, rows));
    assert_eq!(closed[0].flags, Flags::SIMULATED);
}

#[test]
fn only_streams_that_a_rule_names_are_sources() {
    let mut deriver = Deriver::new(vec![rule("candles.test.B", "1m", &["5m"])]);
    deriver.open(StreamIndex(0), &source(), "candles.test.A.1m", false);
    let rows: Vec<Candle> = (0..20).map(|minute| row(minute, 1.0)).collect();
    assert!(fold(&mut deriver, &rows).is_empty());
}

#[test]
fn rules_that_cannot_work_are_refused_with_a_reason() {
    let check = |rules: &[Rule]| check_rules(rules).map_err(|(index, error)| (index, error.to_string()));
    assert_eq!(check(&[rule("candles.", "1m", &["5m", "1h"]), rule("candles.", "1h", &["1d"])]), Ok(()));
    for (rules, index, reason) in [
        (vec![rule("metrics.", "1m", &["5m"])], 0, "selects no candles"),
        (vec![rule("", "2m", &["5m"])], 0, "cannot be made of"),
        (vec![rule("", "1h", &["1h"])], 0, "cannot be made of"),
        (vec![rule("", "1m", &["5m", "5m"])], 0, "two rules derive 5m"),
        (vec![rule("", "1m", &["1h"]), rule("candles.a", "5m", &["1h"])], 1, "two rules derive 1h"),
    ] {
        let (at, error) = check(&rules).unwrap_err();
        assert!(at == index && error.contains(reason), "{error}");
    }
}

/// Rows mostly in order, with holes, repeated and late ones.
fn rows() -> impl Strategy<Value = Vec<Candle>> {
    prop::collection::vec((-3i64..9, 1u32..100), 0..200).prop_map(|steps| {
        let mut minute = 1_000;
        let rows = steps.into_iter().map(|(step, price)| {
            minute += step;
            row(minute, f64::from(price))
        });
        rows.collect()
    })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..20, 1..50)
}

/// Folds rows in batches of the given sizes, over and over.
fn fold_cut(rows: &[Candle], sizes: &[usize]) -> (Vec<Closed>, Deriver) {
    let mut deriver = deriver(false);
    let (mut closed, mut rest) = (Vec::new(), rows);
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (batch, after) = rest.split_at((*size).min(rest.len()));
        closed.extend(fold(&mut deriver, batch));
        rest = after;
    }
    (closed, deriver)
}

proptest! {
    #[test]
    fn any_batching_gives_the_same_bars(rows in rows(), first in cuts(), second in cuts()) {
        let (one, one_left) = fold_cut(&rows, &first);
        let (other, other_left) = fold_cut(&rows, &second);
        for interval in ["5m", "1h"] {
            prop_assert_eq!(bars(&one, interval), bars(&other, interval));
        }
        prop_assert_eq!(one_left.forming(), other_left.forming());
        prop_assert_eq!(one_left.late_rows(), other_left.late_rows());
    }

    #[test]
    fn bars_are_valid_rows_in_order_and_miss_no_volume(rows in rows(), cuts in cuts()) {
        let (closed, left) = fold_cut(&rows, &cuts);
        for interval in ["5m", "1h"] {
            let bars = bars(&closed, interval);
            prop_assert!(bars.windows(2).all(|pair| pair[0].ts < pair[1].ts));
            prop_assert_eq!(Rows::Candles(bars.clone()).validate(), Ok(()));
            let topic = format!("candles.test.A.{interval}");
            let forming = left.forming().get(topic.as_str()).map_or(0.0, |forming| forming.candle.volume);
            let volume: f64 = bars.iter().map(|bar| bar.volume).sum();
            let late = left.targets[0].iter().find(|target| *target.topic == *topic).unwrap();
            prop_assert_eq!(volume + forming + late.bar.late_rows() as f64, rows.len() as f64);
        }
    }
}
