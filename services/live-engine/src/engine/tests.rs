use super::*;
use crate::derive::RuleText;
use gapless_model::{Candle, Digest, Flags, Kind, MonoTime, Rows, Seq, StreamKey, UnixMillis};
use proptest::prelude::*;

mod doubt;

pub(crate) const EPOCH: Epoch = Epoch(7);
pub(crate) const LIMITS: Limits = Limits { window_rows: 10, max_streams: 10 };

pub(crate) fn rules() -> Vec<Rule> {
    let to = vec!["5m".into(), "15m".into()];
    vec![Rule::try_from(&RuleText { prefix: "candles.".into(), from: "1m".into(), to }).unwrap()]
}

fn source_of(symbol: &str) -> StreamKey {
    StreamKey::new(Kind::Candles, "test", symbol, "1m").unwrap()
}

/// A journal: what was sequenced so far, for one source and what is derived from it.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) records: Vec<(JournalRecord, Batch)>,
    ends: std::collections::HashMap<StreamKey, (Seq, Digest)>,
}

impl Journal {
    pub(crate) fn append(&mut self, producer: (&str, u64), batch: Batch) {
        let (latest, digest) = self.ends.get(&batch.key).copied().unwrap_or_default();
        let start = latest.next();
        let digest = digest + Digest::of(start, &batch.rows);
        let batch = Batch { epoch: EPOCH, start, digest, ..batch };
        self.ends.insert(batch.key.clone(), (batch.range().last(), digest));
        let record = JournalRecord {
            partition: 0,
            position: Position(self.records.len() as u64 + 1),
            epoch: EPOCH,
            producer_id: producer.0.into(),
            producer_sequence: producer.1,
            content_hash: 0,
            batch: Vec::new(),
        };
        self.records.push((record, batch));
    }

    pub(crate) fn append_rows(&mut self, first_minute: i64, count: i64) {
        self.append_rows_of("A", first_minute, count);
    }

    pub(crate) fn append_rows_of(&mut self, symbol: &str, first_minute: i64, count: i64) {
        let rows = (first_minute..first_minute + count).map(|minute| {
            let price = (minute % 50) as f64;
            let ts = UnixMillis(minute * 60_000);
            Candle { ts, open: price, high: price, low: price, close: price, volume: 1.0 }
        });
        let rows = Rows::Candles(rows.collect());
        self.append(("source", 0), Batch::unsequenced(source_of(symbol), Flags::NONE, rows));
    }

    pub(crate) fn latest(&self) -> Position {
        Position(self.records.len() as u64)
    }

    /// Every derived row: stream, time and the position that caused it.
    fn derived(&self) -> Vec<(String, i64, u64)> {
        let own = self.records.iter().filter(|(record, _)| record.producer_id == PRODUCER_ID);
        own.flat_map(|(record, batch)| {
            let Rows::Candles(rows) = &batch.rows else { unreachable!() };
            rows.iter().map(|row| (batch.key.topic(), row.ts.0, record.producer_sequence))
        })
        .collect()
    }
}

/// Reads the whole journal into a new engine, as after a start.
fn read(journal: &Journal) -> Engine {
    let mut engine = Engine::new(&LIMITS, &rules(), None);
    engine.handle_watermark(EPOCH, Position(1), journal.latest());
    for (record, batch) in &journal.records {
        let folded = engine.handle_record(record.epoch, record, batch).unwrap();
        assert_eq!((folded.publish, folded.mismatch), (false, None));
    }
    assert!(engine.is_live());
    engine
}

/// Sends what is derived until nothing is left; ingestion takes everything.
fn settle(engine: &mut Engine, journal: &mut Journal) {
    let now = MonoTime(0);
    while let Some(send) = engine.outbox.poll_send(now) {
        journal.append((PRODUCER_ID, send.producer_sequence), send.batch);
        engine.outbox.handle_reply(send.id, crate::outbox::Reply::Accepted, now);
        let (record, batch) = journal.records.last().unwrap();
        engine.handle_record(record.epoch, record, batch).unwrap();
    }
}

#[test]
fn history_is_read_in_silence_and_what_comes_after_is_published() {
    let mut journal = Journal::default();
    journal.append_rows(0, 3);
    journal.append_rows(3, 3);
    let mut engine = Engine::new(&LIMITS, &rules(), None);
    let (record, batch) = &journal.records[0];
    assert!(
        !engine.handle_record(record.epoch, record, batch).unwrap().publish,
        "before the journal said how far it is"
    );
    engine.handle_watermark(EPOCH, Position(1), Position(2));
    let (record, batch) = &journal.records[1];
    assert!(!engine.handle_record(record.epoch, record, batch).unwrap().publish);
    assert!(engine.is_live());
    journal.append_rows(6, 1);
    let (record, batch) = &journal.records[2];
    assert!(engine.handle_record(record.epoch, record, batch).unwrap().publish);
}

#[test]
fn an_empty_or_fully_retired_journal_is_live_at_once() {
    for (earliest, latest) in [(1, 0), (501, 500)] {
        let mut engine = Engine::new(&LIMITS, &rules(), None);
        engine.handle_watermark(EPOCH, Position(earliest), Position(latest));
        assert!(engine.is_live());
    }
}

#[test]
fn history_that_ends_in_retired_records_ends_without_them() {
    let mut engine = Engine::new(&LIMITS, &rules(), None);
    engine.handle_watermark(EPOCH, Position(1), Position(9));
    engine.handle_truncated(Position(9));
    assert!(engine.is_live());
}

#[test]
fn a_later_watermark_does_not_move_the_end_of_history() {
    let mut journal = Journal::default();
    journal.append_rows(0, 1);
    let mut engine = Engine::new(&LIMITS, &rules(), None);
    engine.handle_watermark(EPOCH, Position(1), Position(1));
    engine.handle_watermark(EPOCH, Position(1), Position(900));
    let (record, batch) = &journal.records[0];
    engine.handle_record(record.epoch, record, batch).unwrap();
    assert!(engine.is_live());
}

#[test]
fn a_restart_derives_nothing_that_the_journal_holds() {
    let mut journal = Journal::default();
    journal.append_rows(0, 31);
    let mut engine = read(&journal);
    settle(&mut engine, &mut journal);
    let derived = journal.derived();
    assert_eq!(derived.len(), 6 + 2);
    let mut engine = read(&journal);
    assert_eq!(engine.outbox.len(), 0);
    settle(&mut engine, &mut journal);
    assert_eq!(journal.derived(), derived);
}

proptest! {
    /// An engine that dies and starts again anywhere derives what one that lives on does: the same rows,
    /// caused by the same positions.
    #[test]
    fn restarts_change_no_derived_row(
        batches in prop::collection::vec((1i64..12, 0u8..3), 1..25),
    ) {
        let (mut lively, mut restarted) = (Journal::default(), Journal::default());
        let mut engine = read(&lively);
        let mut minute = 0;
        // Sources first, so that positions are the same in both journals.
        for (count, _) in &batches {
            lively.append_rows(minute, *count);
            restarted.append_rows(minute, *count);
            minute += count + i64::from(*count == 7);
        }
        for (record, batch) in &lively.records {
            engine.handle_record(record.epoch, record, batch).unwrap();
        }
        settle(&mut engine, &mut lively);
        for (_, sends) in &batches {
            // Reads everything, sends a little, dies.
            let mut engine = read(&restarted);
            for _ in 0..*sends {
                let Some(send) = engine.outbox.poll_send(MonoTime(0)) else { break };
                restarted.append((PRODUCER_ID, send.producer_sequence), send.batch);
            }
        }
        let mut last = read(&restarted);
        settle(&mut last, &mut restarted);
        let (mut one, mut other) = (lively.derived(), restarted.derived());
        // Two derived streams may take turns differently; each has its own order.
        one.sort();
        other.sort();
        prop_assert_eq!(one, other);
        let in_order = |journal: &Journal| {
            let derived = journal.derived();
            ["candles.test.A.5m", "candles.test.A.15m"].into_iter().all(|topic| {
                let times: Vec<i64> = derived.iter().filter(|row| row.0 == topic).map(|row| row.1).collect();
                times.windows(2).all(|pair| pair[0] < pair[1])
            })
        };
        prop_assert!(in_order(&lively) && in_order(&restarted));
    }
}
