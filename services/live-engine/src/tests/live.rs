use super::fake_ingestion::EPOCH;
use super::*;
use gapless_model::{Digest, Epoch, Seq};

const TOPIC: &str = "candles.test.A.1m";
const DERIVED: &str = "candles.test.A.5m";

/// Waits until the subscriber hears the stream: only then is it known to be connected.
fn joined(live: &mut Subscriber, topic: &str) -> Batch {
    next_batch(live, topic, |_| true).1
}

/// The bars that are in the journal, by start time.
fn bars(ingestion: &FakeIngestion) -> Vec<(u64, Candle)> {
    let own = ingestion.records().into_iter().filter(|(record, _)| record.producer_id == "engine.0");
    own.flat_map(|(_, batch)| {
        let Rows::Candles(rows) = batch.rows else { unreachable!() };
        (batch.start.0..).zip(rows)
    })
    .collect()
}

#[test]
fn publishes_the_stored_bytes_as_they_are() {
    let ingestion = FakeIngestion::new();
    ingestion.accept(&rows("A", 0, 3));
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe("candles.");
    assert_eq!(joined(&mut live, TOPIC).start, Seq(4));
    let stored = ingestion.accept(&rows("A", 3, 2));
    let (bytes, batch) = next_batch(&mut live, TOPIC, |batch| !batch.rows.is_empty());
    assert_eq!(bytes, stored);
    assert_eq!((batch.start, batch.epoch), (Seq(4), EPOCH));
    assert_eq!(decode(&bytes, &Limits::live()).unwrap().schema_version, 1, "old clients read candles");
}

#[test]
fn history_is_not_published_again_but_its_end_is_stated_at_once() {
    let ingestion = FakeIngestion::new();
    for minute in 0..4 {
        ingestion.accept(&rows("A", minute, 1));
        ingestion.accept(&rows("B", minute, 1));
    }
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe("");
    let mut ends = std::collections::BTreeMap::new();
    while ends.len() < 2 {
        if let (topic, _, Message::Batch(batch)) = next(&mut live) {
            assert!(batch.rows.is_empty(), "{topic} is history");
            ends.insert(topic, (batch.start, batch.digest));
        }
    }
    let digest = |count: u64| Digest::of(Seq(1), &rows("A", 0, count).rows);
    assert_eq!(ends[TOPIC], (Seq(5), digest(4)));
    assert_eq!(ends["candles.test.B.1m"], (Seq(5), digest(4)));
}

#[test]
fn a_quiet_stream_states_its_end_again_and_again() {
    let ingestion = FakeIngestion::new();
    ingestion.accept(&rows("A", 0, 1));
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe(TOPIC);
    joined(&mut live, TOPIC);
    ingestion.accept(&rows("A", 1, 1));
    next_batch(&mut live, TOPIC, |batch| !batch.rows.is_empty());
    let begin = Instant::now();
    let (_, first) = next_batch(&mut live, TOPIC, |batch| batch.rows.is_empty());
    assert!((Duration::from_millis(200)..Duration::from_millis(900)).contains(&begin.elapsed()));
    let (_, second) = next_batch(&mut live, TOPIC, |batch| batch.rows.is_empty());
    assert!(begin.elapsed() >= Duration::from_millis(1100));
    assert_eq!((first.start, second.start), (Seq(3), Seq(3)));
}

#[test]
fn watermarks_tell_of_every_stream_in_one_message() {
    let ingestion = FakeIngestion::new();
    for symbol in ["A", "B", "C"] {
        ingestion.accept(&rows(symbol, 0, 2));
    }
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe("watermarks");
    let all = loop {
        if let (_, _, Message::WatermarkBatch(batch)) = next(&mut live)
            && batch.watermarks.len() == 3
        {
            break batch;
        }
    };
    assert!(all.watermarks.iter().all(|(_, end)| (end.latest, end.epoch) == (Seq(2), EPOCH)));
}

#[test]
fn derived_bars_become_rows_of_an_ordinary_stream() {
    let ingestion = FakeIngestion::new();
    ingestion.accept(&rows("A", 0, 4));
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe("candles.");
    // No bar is closed yet: one that is published before the subscriber joined would be its history.
    joined(&mut live, TOPIC);
    ingestion.accept(&rows("A", 4, 3));
    next_batch(&mut live, DERIVED, |batch| batch.start == Seq(1) && batch.rows.len() == 1);
    ingestion.accept(&rows("A", 7, 10));
    let (_, batch) = next_batch(&mut live, DERIVED, |batch| batch.start == Seq(2) && !batch.rows.is_empty());
    assert_eq!(batch.rows.len(), 2);
    let Rows::Candles(bars) = batch.rows else { unreachable!() };
    assert_eq!((bars[0].open, bars[0].close, bars[0].volume), (5.0, 9.0, 5.0));
}

#[test]
fn difficulties_on_the_way_to_ingestion_lose_and_repeat_no_bar() {
    let ingestion = FakeIngestion::new();
    ingestion.be_difficult(3, 2);
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe("candles.");
    for minute in 0..60 {
        ingestion.accept(&rows("A", minute, 1));
    }
    ingestion.heartbeat();
    next_batch(&mut live, DERIVED, |batch| batch.range().end() == Seq(13));
    let times: Vec<i64> = bars(&ingestion).iter().map(|(_, bar)| bar.ts.0 / 300_000).collect();
    assert_eq!(times, (0..12).collect::<Vec<i64>>());
}

#[test]
fn a_restart_repeats_no_bar_and_goes_on_with_the_next() {
    let ingestion = FakeIngestion::new();
    for round in 0..4u64 {
        // 13 minutes a round: bars are cut by the restarts.
        ingestion.accept(&rows("A", round * 13, 13));
        let engine = Running::start(&ingestion);
        let mut live = engine.subscribe("candles.");
        let end = Seq((round + 1) * 13 / 5 + 1);
        next_batch(&mut live, DERIVED, |batch| batch.range().end() == end);
    }
    let times: Vec<i64> = bars(&ingestion).iter().map(|(_, bar)| bar.ts.0 / 300_000).collect();
    assert_eq!(times, (0..10).collect::<Vec<i64>>());
}

#[test]
fn a_lost_history_is_read_again_and_stated_in_its_new_epoch() {
    let ingestion = FakeIngestion::new();
    for minute in 0..4 {
        ingestion.accept(&rows("A", minute, 1));
    }
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe(TOPIC);
    assert_eq!(joined(&mut live, TOPIC).start, Seq(5));
    let newer = Epoch(EPOCH.0 + 1);
    ingestion.lose_records_after(2, newer);
    ingestion.accept(&rows("A", 90, 1));
    ingestion.heartbeat();
    let (_, end) = next_batch(&mut live, TOPIC, |batch| batch.epoch == newer && batch.rows.is_empty());
    assert_eq!(end.start, Seq(4));
    let Rows::Candles(mut expected) = rows("A", 0, 2).rows else { unreachable!() };
    expected.push(row(90));
    assert_eq!(end.digest, Digest::of(Seq(1), &Rows::Candles(expected)));
}

#[test]
fn an_engine_without_a_journal_waits_and_stops_when_told() {
    let config = Config {
        journal_live: "tcp://127.0.0.1:1".into(),
        journal_replay: "tcp://127.0.0.1:1".into(),
        ingest: "tcp://127.0.0.1:1".into(),
        live: ANY.into(),
        state: ANY.into(),
        ..Config::default()
    };
    let mut engine = Running::with(config);
    engine.stop();
}

#[test]
fn an_address_in_use_is_named() {
    let ingestion = FakeIngestion::new();
    let engine = Running::start(&ingestion);
    let config = Config { live: engine.bound.live.clone(), state: ANY.into(), ..Config::default() };
    let error = run(config, Shutdown::new(), |_| ()).unwrap_err().to_string();
    assert!(error.contains(&engine.bound.live) && error.contains("in use"), "{error}");
}

#[test]
fn the_journal_keeps_what_waiting_bars_come_from() {
    let ingestion = FakeIngestion::new();
    ingestion.be_difficult(u32::MAX, 0);
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe(TOPIC);
    joined_after(&ingestion, &mut live);
    let before = ingestion.records().len() as u64;
    ingestion.accept(&rows("A", 100, 5));
    ingestion.accept(&rows("A", 105, 1));
    // Watermarks are the clock: the third comes 2.25 s later, acknowledgements go out each second.
    next_batch(&mut live, TOPIC, |batch| batch.range().end() == Seq(8) && !batch.rows.is_empty());
    (0..3).for_each(|_| drop(next_batch(&mut live, TOPIC, |batch| batch.rows.is_empty())));
    assert_eq!(ingestion.acknowledged(), before);
    ingestion.be_difficult(0, 0);
    // Both source records and the bar's own.
    ingestion.until_acknowledged(before + 3);
}

/// A row that the subscriber hears.
fn joined_after(ingestion: &FakeIngestion, live: &mut Subscriber) {
    ingestion.accept(&rows("A", 0, 1));
    joined(live, TOPIC);
}
