use super::*;
use crate::samples::{batch, candle, key, published, rows, running};
use gapless_model::{Batch, Digest, Epoch, Kind, Rows, Seq, UnixMillis};

mod crash;
mod export;

const CANDLES: &str = "candles.sim.BTC-USD.1m";

fn store() -> (tempfile::TempDir, AppStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = AppStore::open(dir.path().join("app.duckdb")).unwrap();
    (dir, store)
}

fn all() -> SeqRange {
    SeqRange::new(Seq(0), Seq(u64::MAX))
}

fn scan(store: &AppStore, key: &StreamKey, range: SeqRange) -> Vec<Batch> {
    let mut batches = Vec::new();
    store
        .reader()
        .scan(key, range, |batch| {
            batches.push(batch);
            Ok::<(), StoreError>(())
        })
        .unwrap();
    batches
}

fn line(key: &StreamKey, from: u64, to: u64, state: GapState) -> GapLine {
    GapLine {
        key: key.clone(),
        epoch: Epoch(7),
        range: SeqRange::new(Seq(from), Seq(to + 1)),
        cause: "missed".into(),
        detected: UnixMillis(1_700_000_000_123),
        state,
        healed: (state == GapState::Healed).then_some(UnixMillis(1_700_000_000_456)),
        healed_by: if state == GapState::Healed { "replay".into() } else { String::new() },
    }
}

#[test]
fn rows_of_every_kind_come_back_as_they_were_committed() {
    let (_dir, mut store) = store();
    for topic in ["candles.sim.A.1m", "metrics.host.cpu.1s", "warnings.gapless.x.1s"] {
        let key = key(topic);
        let first = batch(&key, 7, 1, 2000);
        let second = batch(&key, 8, 2001, 500);
        store.commit(vec![Change::Rows(first.clone()), Change::Rows(second.clone())]).unwrap();
        let back = scan(&store, &key, all());
        assert_eq!(
            back.iter().map(|b| (b.epoch, b.range())).collect::<Vec<_>>(),
            [(Epoch(7), first.range()), (Epoch(8), second.range())]
        );
        assert_eq!(back[0].rows, first.rows);
        assert_eq!(back[1].rows, second.rows);
        assert_eq!(back[0].flags, first.flags);
        let digest = Digest::of(Seq(1), &first.rows) + Digest::of(Seq(2001), &second.rows);
        assert_eq!(store.digest(&key, all()).unwrap(), StoredDigest { rows: 2500, digest });
        assert_eq!(store.cursor(&key).unwrap().digest, digest);
    }
}

#[test]
fn rows_and_cursor_survive_a_reopen_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.duckdb");
    let key = key(CANDLES);
    {
        let mut store = AppStore::open(&path).unwrap();
        store.commit(vec![Change::Rows(published(&key, 7, 1, 10))]).unwrap();
        store.commit(vec![Change::Rows(published(&key, 7, 11, 5))]).unwrap();
    }
    let store = AppStore::open(&path).unwrap();
    let cursor = store.cursor(&key).unwrap();
    assert_eq!((cursor.epoch, cursor.applied, cursor.digest), (Epoch(7), Seq(15), running(&key, 15)));
    assert_eq!(store.cursors(), [cursor]);
    assert_eq!(store.digest(&key, all()).unwrap(), StoredDigest { rows: 15, digest: running(&key, 15) });
}

#[test]
fn rows_seen_before_are_left_out() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    store.commit(vec![Change::Rows(published(&key, 7, 1, 10))]).unwrap();
    let done = store
        .commit(vec![
            Change::Rows(published(&key, 7, 3, 5)),
            Change::Rows(published(&key, 7, 8, 6)),
            Change::Rows(published(&key, 7, 8, 6)),
        ])
        .unwrap();
    assert_eq!(done, Committed { rows: 3, duplicates: 14, removed: 0 });
    assert_eq!(store.digest(&key, all()).unwrap(), StoredDigest { rows: 13, digest: running(&key, 13) });
}

#[test]
fn a_hole_changes_nothing_of_the_whole_commit() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    let other = self::key("candles.sim.OTHER.1m");
    store.commit(vec![Change::Rows(published(&key, 7, 1, 10))]).unwrap();
    let before = store.cursors();
    let result = store.commit(vec![
        Change::Rows(published(&other, 7, 1, 3)),
        Change::Rows(published(&key, 7, 11, 3)),
        Change::Rows(published(&key, 7, 15, 3)),
    ]);
    assert!(matches!(result, Err(StoreError::Hole { expected: Seq(14), found: Seq(15), .. })), "{result:?}");
    assert_eq!(store.cursors(), before);
    assert_eq!(store.digest(&key, all()).unwrap().rows, 10);
    assert_eq!(store.digest(&other, all()).unwrap().rows, 0);
    store.commit(vec![Change::Rows(published(&key, 7, 11, 3))]).unwrap();
}

#[test]
fn rows_that_differ_from_what_the_sender_counted_are_refused() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    store.commit(vec![Change::Rows(published(&key, 7, 1, 10))]).unwrap();
    let mut wrong = published(&key, 7, 11, 2);
    if let Rows::Candles(rows) = &mut wrong.rows {
        rows[1].close += 0.01;
    }
    let result = store.commit(vec![Change::Rows(wrong)]);
    assert!(matches!(result, Err(StoreError::Digest { .. })), "{result:?}");
    assert_eq!(store.cursor(&key).unwrap().applied, Seq(10));
}

#[test]
fn a_stream_may_begin_in_the_middle_and_learns_the_running_digest() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    store.commit(vec![Change::Rows(batch(&key, 7, 100, 5))]).unwrap();
    assert_eq!(store.cursor(&key).unwrap().digest, Digest::default());
    store.commit(vec![Change::Rows(published(&key, 7, 105, 5))]).unwrap();
    assert_eq!(store.cursor(&key).unwrap().digest, running(&key, 109));
    store.commit(vec![Change::Rows(batch(&key, 7, 110, 1))]).unwrap();
    assert_eq!(store.cursor(&key).unwrap().digest, running(&key, 110));
    assert_eq!(store.reader().bounds(&key).unwrap(), SeqRange::new(Seq(100), Seq(111)));
}

#[test]
fn a_rewind_takes_rows_back_and_other_rows_take_their_place() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    store.commit(vec![Change::Rows(published(&key, 7, 1, 10))]).unwrap();
    let mut replacement = batch(&key, 9, 8, 2);
    if let Rows::Candles(rows) = &mut replacement.rows {
        rows[0].close = 7.0;
        rows[0].low = 7.0;
    }
    let done = store
        .commit(vec![
            Change::Rows(published(&key, 7, 11, 2)),
            Change::Rewind { key: key.clone(), keep: Seq(7), epoch: Epoch(9) },
            Change::Rows(replacement.clone()),
        ])
        .unwrap();
    assert_eq!(done, Committed { rows: 4, duplicates: 0, removed: 5 });
    let digest = running(&key, 7) + Digest::of(Seq(8), &replacement.rows);
    let cursor = store.cursor(&key).unwrap();
    assert_eq!((cursor.epoch, cursor.applied, cursor.digest), (Epoch(9), Seq(9), digest));
    assert_eq!(store.digest(&key, all()).unwrap(), StoredDigest { rows: 9, digest });
}

#[test]
fn a_rewind_above_the_cursor_only_changes_the_epoch() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    store.commit(vec![Change::Rows(published(&key, 7, 1, 10))]).unwrap();
    store.commit(vec![Change::Rewind { key: key.clone(), keep: Seq(50), epoch: Epoch(9) }]).unwrap();
    let cursor = store.cursor(&key).unwrap();
    assert_eq!((cursor.epoch, cursor.applied, cursor.digest), (Epoch(9), Seq(10), running(&key, 10)));
}

#[test]
fn a_reset_replaces_epoch_and_sequence_in_one_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.duckdb");
    let (key, other) = (key(CANDLES), self::key("candles.sim.OTHER.1m"));
    {
        let mut store = AppStore::open(&path).unwrap();
        store
            .commit(vec![Change::Rows(published(&key, 7, 1, 10)), Change::Rows(published(&other, 7, 1, 4))])
            .unwrap();
        store.commit(vec![Change::Reset { key: key.clone(), epoch: Epoch(9) }]).unwrap();
    }
    let mut store = AppStore::open(&path).unwrap();
    let cursor = store.cursor(&key).unwrap();
    assert_eq!((cursor.epoch, cursor.applied), (Epoch(9), Seq::NONE));
    assert_eq!(store.digest(&key, all()).unwrap().rows, 0);
    assert_eq!(store.digest(&other, all()).unwrap().rows, 4);
    store.commit(vec![Change::Rows(published(&key, 9, 1, 2))]).unwrap();
    assert_eq!(store.cursor(&key).unwrap().digest, running(&key, 2));
}

#[test]
fn a_truncation_moves_the_cursor_and_leaves_a_line() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    store.commit(vec![Change::Rows(published(&key, 7, 1, 3))]).unwrap();
    store
        .commit(vec![
            Change::Gap(line(&key, 4, 9, GapState::Open)),
            Change::Truncated(line(&key, 4, 9, GapState::Open)),
            Change::Rows(published(&key, 7, 10, 2)),
        ])
        .unwrap();
    let lines = store.reader().gaps().unwrap();
    assert_eq!(lines, [line(&key, 4, 9, GapState::Truncated)]);
    assert_eq!(store.cursor(&key).unwrap().digest, running(&key, 11));
    let ranges: Vec<SeqRange> = scan(&store, &key, all()).iter().map(Batch::range).collect();
    assert_eq!(ranges, [SeqRange::new(Seq(1), Seq(4)), SeqRange::new(Seq(10), Seq(12))]);
    let beyond = store.commit(vec![Change::Truncated(line(&key, 20, 30, GapState::Open))]);
    assert!(matches!(beyond, Err(StoreError::Hole { .. })), "{beyond:?}");
}

#[test]
fn the_ledger_keeps_one_line_per_gap() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    store.commit(vec![Change::Gap(line(&key, 4, 9, GapState::Open))]).unwrap();
    store.commit(vec![Change::Gap(line(&key, 4, 9, GapState::Healed))]).unwrap();
    assert_eq!(store.reader().gaps().unwrap(), [line(&key, 4, 9, GapState::Healed)]);
    assert!(store.cursors().is_empty(), "a line in the ledger is not a cursor");
}

#[test]
fn a_second_store_is_told_who_owns_the_file() {
    let (dir, store) = store();
    let path = dir.path().join("app.duckdb");
    match AppStore::open(&path).err() {
        Some(StoreError::Owned { pid, path: named }) => {
            assert_eq!(pid, Some(std::process::id()));
            assert_eq!(named, path);
        }
        other => panic!("{other:?}"),
    }
    drop(store);
    AppStore::open(&path).unwrap();
}

#[test]
fn a_clone_of_the_reader_keeps_the_file_owned() {
    let (dir, store) = store();
    let reader = store.reader().try_clone().unwrap();
    drop(store);
    assert!(matches!(AppStore::open(dir.path().join("app.duckdb")), Err(StoreError::Owned { .. })));
    drop(reader);
    AppStore::open(dir.path().join("app.duckdb")).unwrap();
}

#[test]
fn blocks_find_the_range_that_differs() {
    let (_dir, mut store) = store();
    let (key, other) = (key(CANDLES), self::key("candles.sim.OTHER.1m"));
    let mut changed = batch(&other, 7, 1, 1000);
    if let Rows::Candles(rows) = &mut changed.rows {
        rows[456].volume += 1.0;
    }
    store.commit(vec![Change::Rows(published(&key, 7, 1, 1000)), Change::Rows(changed)]).unwrap();
    let blocks = |key| store.reader().blocks(key, all(), 100).unwrap();
    let (ours, theirs) = (blocks(&key), blocks(&other));
    assert_eq!(ours.len(), 10);
    let different: Vec<SeqRange> =
        ours.iter().zip(&theirs).filter(|(a, b)| a != b).map(|(a, _)| a.range).collect();
    assert_eq!(different, [SeqRange::new(Seq(401), Seq(501))]);
}

#[test]
fn named_values_can_be_queried_one_by_one() {
    let (_dir, mut store) = store();
    let key = key("metrics.host.cpu.1s");
    store.commit(vec![Change::Rows(batch(&key, 7, 1, 3))]).unwrap();
    let table = store
        .reader()
        .query(
            "SELECT seq, value, stream, simulated FROM metric_values WHERE name = 'mem ''x''' ORDER BY seq",
        )
        .unwrap();
    assert_eq!(table.columns, ["seq", "value", "stream", "simulated"]);
    let values: Vec<Option<&str>> = table.rows.iter().map(|row| row[1].as_deref()).collect();
    assert_eq!(values, [Some("-0.0"), Some("-0.0"), None]);
    assert_eq!(table.rows[0][2].as_deref(), Some("metrics.host.cpu.1s"));
    assert_eq!(table.rows[0][3].as_deref(), Some("true"));
}

#[test]
fn extreme_numbers_come_back_bit_by_bit() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    let odd = |ts: i64, value: f64| gapless_model::Candle {
        ts: UnixMillis(ts),
        open: value,
        high: value,
        low: value,
        close: value,
        volume: value.abs(),
    };
    let mut candles: Vec<_> = (1..3000).map(candle).collect();
    for (at, (ts, value)) in [(i64::MAX, -0.0), (i64::MIN, 0.0), (-1, 5e-324), (0, f64::MAX), (1, f64::MIN)]
        .into_iter()
        .enumerate()
    {
        candles[at * 500 + 3] = odd(ts, value);
    }
    let batch = Batch { rows: Rows::Candles(candles.clone()), ..batch(&key, 7, 1, 1) };
    store.commit(vec![Change::Rows(batch.clone())]).unwrap();
    store.reader().query("SELECT 1").unwrap();
    store.reader().database().connection.execute_batch("CHECKPOINT").unwrap();
    let back = scan(&store, &key, all());
    let digest = back.iter().fold(Digest::default(), |sum, batch| sum + Digest::of(batch.start, &batch.rows));
    assert_eq!(digest, Digest::of(Seq(1), &batch.rows));
}

#[test]
fn a_watermark_changes_nothing() {
    let (_dir, mut store) = store();
    let key = key(CANDLES);
    let watermark = Batch { rows: Rows::empty(Kind::Candles), ..batch(&key, 7, 500, 1) };
    store.commit(vec![Change::Rows(watermark)]).unwrap();
    assert_eq!(store.cursor(&key), None);
    let unsequenced = Batch { rows: rows(Kind::Candles, 1, 2), ..batch(&key, 7, 0, 1) };
    let result = store.commit(vec![Change::Rows(unsequenced)]);
    assert!(matches!(result, Err(StoreError::Hole { found: Seq::NONE, .. })), "{result:?}");
}

#[test]
fn a_newer_layout_is_refused() {
    let (dir, store) = store();
    store.reader().database().connection.execute_batch("UPDATE gapless_layout SET version = 99").unwrap();
    drop(store);
    let result = AppStore::open(dir.path().join("app.duckdb")).map(|_| ());
    assert!(matches!(result, Err(StoreError::Layout { found: 99, supported: 1, .. })), "{result:?}");
}
