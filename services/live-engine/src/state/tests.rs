use super::*;
use gapless_model::{Candle, Kind, MetricRows, Rows, UnixMillis};

const EPOCH: Epoch = Epoch(7);

fn key(symbol: &str) -> StreamKey {
    StreamKey::new(Kind::Candles, "test", symbol, "1m").unwrap()
}

fn row(seq: u64) -> Candle {
    let price = seq as f64;
    Candle { ts: UnixMillis(seq as i64), open: price, high: price, low: price, close: price, volume: 1.0 }
}

fn candles(from: u64, to: u64) -> Rows {
    Rows::Candles((from..=to).map(row).collect())
}

fn batch(symbol: &str, from: u64, to: u64) -> Batch {
    Batch {
        epoch: EPOCH,
        start: Seq(from),
        digest: Digest::of(Seq(1), &candles(1, to)),
        ..Batch::unsequenced(key(symbol), Flags::SIMULATED, candles(from, to))
    }
}

fn fold(state: &mut State, batches: &[Batch]) -> Vec<Applied> {
    (1..)
        .zip(batches)
        .map(|(position, batch)| state.apply(Position(position), EPOCH, batch).unwrap())
        .collect()
}

#[test]
fn keeps_the_end_of_every_stream_and_its_last_rows() {
    let mut state = State::new(5, 10);
    let applied =
        fold(&mut state, &[batch("A", 1, 4), batch("B", 1, 1), batch("A", 5, 20), batch("A", 21, 22)]);
    assert!(applied.iter().all(|applied| applied.mismatch.is_none() && !applied.is_partial));
    assert_eq!(applied.iter().map(|applied| applied.is_new).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!((state.len(), state.position(), state.epoch()), (2, Position(4), EPOCH));
    let stream = state.get(StreamIndex(0)).unwrap();
    let watermark = state.watermark(stream);
    assert_eq!((watermark.latest, watermark.epoch), (Seq(22), EPOCH));
    assert_eq!(watermark.digest, Digest::of(Seq(1), &candles(1, 22)));
    let window = stream.window(EPOCH).unwrap();
    assert_eq!((window.start, window.rows), (Seq(18), candles(18, 22)));
}

#[test]
fn a_watermark_is_an_empty_batch_at_the_next_sequence() {
    let mut state = State::new(5, 10);
    fold(&mut state, &[batch("A", 1, 4)]);
    let watermark = state.get(StreamIndex(0)).unwrap().watermark_batch(EPOCH, 9);
    assert!(watermark.rows.is_empty());
    assert_eq!((watermark.start, watermark.ts_publish_us, watermark.flags), (Seq(5), 9, Flags::SIMULATED));
    assert_eq!(watermark.digest, Digest::of(Seq(1), &candles(1, 4)));
}

#[test]
fn rows_that_differ_from_their_digest_are_noticed() {
    let mut state = State::new(5, 10);
    let mut damaged = batch("A", 3, 4);
    damaged.rows = Rows::Candles(vec![row(3), row(9)]);
    let applied = fold(&mut state, &[batch("A", 1, 2), damaged, batch("A", 5, 6)]);
    assert!(matches!(applied[1].mismatch, Some(Mismatch::Digest { at: Seq(4), .. })), "{applied:?}");
    assert_eq!(applied[2].mismatch, None, "one damage is told once");
}

#[test]
fn a_hole_between_two_records_is_noticed_and_ends_the_window() {
    let mut state = State::new(50, 10);
    let applied = fold(&mut state, &[batch("A", 1, 2), batch("A", 5, 6)]);
    assert!(matches!(applied[1].mismatch, Some(Mismatch::Sequence { expected: Seq(3), found: Seq(5), .. })));
    let window = state.get(StreamIndex(0)).unwrap().window(EPOCH).unwrap();
    assert_eq!((window.start, window.rows), (Seq(5), candles(5, 6)));
}

#[test]
fn a_stream_whose_first_records_are_retired_is_taken_as_it_is() {
    let mut state = State::new(50, 10);
    let applied = fold(&mut state, &[batch("A", 5, 6), batch("A", 7, 8)]);
    assert_eq!((applied[0].is_partial, &applied[0].mismatch), (true, &None));
    assert_eq!((applied[1].is_partial, &applied[1].mismatch), (false, &None));
}

#[test]
fn no_more_streams_are_opened_than_allowed() {
    let mut state = State::new(5, 1);
    assert!(state.apply(Position(1), EPOCH, &batch("A", 1, 1)).is_some());
    assert_eq!(state.apply(Position(2), EPOCH, &batch("B", 1, 1)), None);
    assert!(state.apply(Position(3), EPOCH, &batch("A", 2, 2)).is_some());
}

#[test]
fn the_epoch_is_the_one_in_which_the_journal_is_followed() {
    let mut state = State::new(5, 1);
    state.follow(Epoch(9));
    state.apply(Position(1), Epoch(9), &Batch { epoch: Epoch(3), ..batch("A", 1, 1) });
    assert_eq!(state.epoch(), Epoch(9), "a record may be older");
    state.follow(Epoch(7));
    assert_eq!(state.epoch(), Epoch(7), "a journal whose clock was behind took its place");
}

#[test]
fn a_window_of_metrics_begins_where_the_columns_changed() {
    let rows = |columns: &[&str], value: f64| {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let values = vec![value; columns.len()];
        Rows::Metrics(MetricRows { columns: columns.into(), ts: vec![UnixNanos(1)], values })
    };
    let mut window = Window::new(10);
    window.push(&rows(&["a"], 1.0));
    window.push(&rows(&["a"], 2.0));
    assert_eq!(window.rows().unwrap().len(), 2);
    window.push(&rows(&["a", "b"], 3.0));
    assert_eq!(window.rows().unwrap(), rows(&["a", "b"], 3.0));
}

#[test]
fn pages_go_through_all_topics_of_a_prefix_in_order() {
    let mut state = State::new(1, 100);
    let symbols = ["D", "B", "A", "C", "E"];
    let batches: Vec<Batch> = symbols.iter().map(|symbol| batch(symbol, 1, 1)).collect();
    fold(&mut state, &batches);
    let forming = BTreeMap::new();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = state.page(&forming, "candles.test.", &after, 2);
        assert!(page.entries.len() <= 2);
        seen.extend(page.entries.iter().map(|entry| entry.key.symbol().to_owned()));
        after = page.entries.last().unwrap().key.topic();
        if !page.has_more {
            break;
        }
    }
    assert_eq!(seen, ["A", "B", "C", "D", "E"]);
    assert!(state.page(&forming, "metrics.", "", 2).entries.is_empty());
    assert!(state.page(&forming, "candles.test.A", "candles.test.A.1m", 2).entries.is_empty());
}

#[test]
fn a_window_of_large_rows_is_cut_to_what_fits_a_message() {
    let columns: Vec<String> = (0..256).map(|n| n.to_string()).collect();
    let rows = MetricRows {
        columns: columns.into(),
        ts: (0..5000).map(UnixNanos).collect(),
        values: vec![1.0; 5000 * 256],
    };
    let mut window = Window::new(5000);
    window.push(&Rows::Metrics(rows));
    let rows = window.rows().unwrap();
    assert!(rows.len() > 100 && rows.approx_bytes() <= 1 << 20, "{} rows", rows.len());
    assert_eq!(rows.last_ts(), Some(UnixNanos(4999)));
}
