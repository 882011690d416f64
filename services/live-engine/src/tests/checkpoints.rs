use super::fake_ingestion::EPOCH;
use super::*;
use gapless_checkpoint::{Checkpoint, CheckpointFolder, Header};
use gapless_disk::RealDisk;
use gapless_model::{Digest, Epoch, Position, Seq};
use gapless_wire::{CheckpointRequest, ErrorCode};
use std::sync::Arc;

const TOPIC: &str = "candles.test.A.1m";
const DERIVED: &str = "candles.test.A.5m";

fn folder(dir: &Path) -> CheckpointFolder {
    CheckpointFolder::open(Arc::new(RealDisk), dir).unwrap()
}

/// The state of a live engine as of now, as a file would hold it.
fn fetch(engine: &Running) -> Checkpoint {
    let mut requester = engine.requester();
    let end = Instant::now() + DEADLINE;
    let (mut header, mut parts, mut all) = (None, Vec::new(), 1);
    while parts.len() < all {
        let position = header.map_or(Position::NONE, |header: Header| header.position);
        let request = CheckpointRequest { partition: 0, position, part: parts.len() as u32 };
        match ask(&mut requester, &Message::CheckpointRequest(request)) {
            Message::CheckpointResponse(found) => {
                let (epoch, position, streams) = (found.epoch, found.position, found.streams);
                header.get_or_insert(Header { partition: 0, epoch, position, streams });
                all = found.parts as usize;
                parts.push(found.bytes);
            }
            Message::Error(error) => assert_eq!(error.code, ErrorCode::NOT_READY),
            other => panic!("{other:?}"),
        }
        assert!(Instant::now() < end, "no state within {DEADLINE:?}");
    }
    Checkpoint::new(header.unwrap(), parts).unwrap()
}

/// Waits until an engine that just began states the end of the stream, and gives it.
fn end_of_history(engine: &Running) -> Batch {
    next_batch(&mut engine.subscribe(TOPIC), TOPIC, |_| true).1
}

fn digest(count: u64) -> Digest {
    Digest::of(Seq(1), &rows("A", 0, count).rows)
}

/// The start times of all bars in the journal, in units of their length.
fn bars(ingestion: &FakeIngestion) -> Vec<i64> {
    let own = ingestion.records().into_iter().filter(|(record, _)| record.producer_id == "engine.0");
    own.flat_map(|(_, batch)| {
        let Rows::Candles(rows) = batch.rows else { unreachable!() };
        rows.into_iter().map(|row| row.ts.0 / 300_000)
    })
    .collect()
}

/// Five records of three minutes each, their bars, and a checkpoint after each.
fn with_checkpoints(dir: &Path) -> FakeIngestion {
    let ingestion = FakeIngestion::new();
    let engine = Running::start_at(&ingestion, dir);
    for round in 0..5 {
        ingestion.accept(&rows("A", round * 3, 3));
        let checkpoint = loop {
            let checkpoint = fetch(&engine);
            if checkpoint.header().position.0 >= ingestion.records().len() as u64 {
                break checkpoint;
            }
        };
        folder(dir).write(&checkpoint).unwrap();
    }
    ingestion
}

#[test]
fn a_restart_reads_only_what_came_after_the_newest_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let ingestion = with_checkpoints(dir.path());
    let newest = folder(dir.path()).check().unwrap().whole[0].position.0;
    ingestion.accept(&rows("A", 15, 2));
    ingestion.read_from();
    let engine = Running::start_at(&ingestion, dir.path());
    let end = end_of_history(&engine);
    assert_eq!((end.start, end.digest), (Seq(18), digest(17)));
    assert!(ingestion.read_from().is_some_and(|from| from > newest));
    ingestion.accept(&rows("A", 17, 3));
    next_batch(&mut engine.subscribe("candles."), DERIVED, |batch| batch.range().end() == Seq(5));
    assert_eq!(bars(&ingestion), [0, 1, 2, 3]);
}

#[test]
fn an_engine_at_the_journals_end_is_live_without_reading_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let ingestion = FakeIngestion::new();
    ingestion.accept(&rows("A", 0, 3));
    folder(dir.path()).write(&fetch(&Running::start(&ingestion))).unwrap();
    ingestion.read_from();
    let engine = Running::start_at(&ingestion, dir.path());
    let end = end_of_history(&engine);
    assert_eq!((end.start, end.epoch, end.digest), (Seq(4), EPOCH, digest(3)));
    assert_eq!(ingestion.read_from(), None);
}

#[test]
fn damaged_checkpoints_are_passed_over_for_an_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let ingestion = with_checkpoints(dir.path());
    let headers = folder(dir.path()).check().unwrap().whole;
    let path = |nth: usize| dir.path().join(gapless_checkpoint::file_name(headers[nth].position));
    let mut bytes = std::fs::read(path(0)).unwrap();
    bytes[90] ^= 4;
    std::fs::write(path(0), bytes).unwrap();
    // Whole as a file, but no state.
    let nonsense = Checkpoint::new(headers[1], [b"nonsense"]).unwrap();
    std::fs::write(path(1), nonsense.bytes()).unwrap();
    ingestion.read_from();
    let engine = Running::start_at(&ingestion, dir.path());
    assert_eq!(end_of_history(&engine).digest, digest(15));
    assert_eq!(ingestion.read_from(), Some(headers[2].position.0 + 1));
}

#[test]
fn without_a_usable_checkpoint_the_journal_is_read_from_its_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let ingestion = with_checkpoints(dir.path());
    for header in folder(dir.path()).check().unwrap().whole {
        std::fs::write(dir.path().join(gapless_checkpoint::file_name(header.position)), "GAPLCKPT").unwrap();
    }
    ingestion.read_from();
    let engine = Running::start_at(&ingestion, dir.path());
    assert_eq!(end_of_history(&engine).digest, digest(15));
    assert_eq!(ingestion.read_from(), Some(1));
}

#[test]
fn a_history_lost_before_the_checkpoint_is_begun_from_an_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let ingestion = with_checkpoints(dir.path());
    let second = folder(dir.path()).check().unwrap().whole[3].position.0;
    let newer = Epoch(EPOCH.0 + 1);
    ingestion.lose_records_after(second as usize, newer);
    ingestion.accept(&rows("A", 90, 1));
    ingestion.read_from();
    let engine = Running::start_at(&ingestion, dir.path());
    let (_, end) = next_batch(&mut engine.subscribe(TOPIC), TOPIC, |batch| batch.epoch == newer);
    let Rows::Candles(mut expected) = rows("A", 0, 6).rows else { unreachable!() };
    expected.push(row(90));
    assert_eq!((end.start, end.digest), (Seq(8), Digest::of(Seq(1), &Rows::Candles(expected))));
    assert_eq!(ingestion.read_from(), Some(second + 1));
}

#[test]
fn an_engine_without_its_journal_hands_out_no_state() {
    let nowhere = "tcp://127.0.0.1:1".to_owned();
    let (journal_live, journal_replay, ingest) = (nowhere.clone(), nowhere.clone(), nowhere);
    let (live, state) = (ANY.into(), ANY.into());
    let engine =
        Running::with(Config { journal_live, journal_replay, ingest, live, state, ..Config::default() });
    let request = CheckpointRequest { partition: 0, position: Position::NONE, part: 0 };
    let Message::Error(error) = ask(&mut engine.requester(), &Message::CheckpointRequest(request)) else {
        panic!("a state of nothing")
    };
    assert_eq!(error.code, ErrorCode::NOT_READY);
}

/// An engine keeps nothing when it ends, so that ending it is as good as killing it.
#[test]
fn engines_that_die_anywhere_and_go_on_from_checkpoints_lose_and_repeat_no_bar() {
    for seed in 0..6 {
        let mut random = fastrand::Rng::with_seed(seed);
        let dir = tempfile::tempdir().unwrap();
        let ingestion = FakeIngestion::new();
        let mut minute = 0;
        for _ in 0..8 {
            ingestion.be_difficult(random.u32(0..3), random.u32(0..3));
            let engine = Running::start_at(&ingestion, dir.path());
            for _ in 0..random.u32(1..6) {
                let count = random.u64(1..9);
                ingestion.accept(&rows("A", minute, count));
                minute += count;
                if random.bool() {
                    folder(dir.path()).write(&fetch(&engine)).unwrap();
                }
            }
            ingestion.heartbeat();
        }
        ingestion.be_difficult(0, 0);
        let engine = Running::start_at(&ingestion, dir.path());
        let bars_due = minute / 5;
        next_batch(&mut engine.subscribe("candles."), DERIVED, |batch| batch.range().end().0 > bars_due);
        assert_eq!(bars(&ingestion), (0..bars_due as i64).collect::<Vec<i64>>(), "seed {seed}");
    }
}
