//! An archive whose file is damaged.

use super::holes::{Told, after, follow};
use super::*;
use crate::samples::{at, range, rows};
use crate::{Config, Error, run};
use gapless_model::{Digest, Position, Rows, Seq, StreamKey};
use gapless_protocol::Begin;
use gapless_service_kit::Shutdown;
use gapless_service_kit::health::{State, snapshot};
use gapless_store::{Archive, Options};
use gapless_wire::BackfillRequest;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of a DuckDB file before its first block, and of a block. Rows lie at the beginning of theirs.
const HEADERS: u64 = 3 * 4096;
const BLOCK: usize = 256 << 10;

/// Overwrites a part of the file.
fn damage(path: &Path, at: u64) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[0x5a; 64]).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_named_and_can_be_rebuilt_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 40, 10));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 7, 40);
    eventually("the acknowledgement", || journal.acknowledged() == 4);
    bench.stop();
    let archive = folder.path().join("archive.duckdb");
    damage(&archive, 16);
    let config =
        Config { archive: archive.clone(), backfill: "tcp://127.0.0.1:*".into(), ..Config::default() };
    let error = run(config, Shutdown::new(), |_| {}).unwrap_err();
    assert!(matches!(error, Error::Unopenable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("--rebuild") && error.to_string().contains("archive.duckdb"),
        "{error}"
    );
    let mut bench = Bench::start_with(&journal, folder.path(), |config| config.rebuild = true);
    bench.reaches(&key(A), 7, 40);
    assert_eq!(ranges(&bench.all(&key(A), 0)), [range(1, 40)]);
    bench.stop();
    assert!(folder.path().join("archive.aside-1.duckdb").exists(), "nothing is deleted");
}

/// An archive with a stream of which rows 2001 to 4000 lie in a damaged block and the others do not, and another one
/// that is whole.
fn partly_damaged(folder: &Path, damaged: &StreamKey, whole: &StreamKey) {
    let intact = folder.join("intact.duckdb");
    let records = records(damaged, whole);
    // Opened for each, so that each gets a block of its own.
    for (at, batch) in records.iter().enumerate() {
        let mut archive = Archive::open_sealing_at(&intact, &Options::default(), 1).unwrap();
        archive.append(&[(Position(at as u64 + 1), batch.clone())]).unwrap();
        while archive.sealer().unwrap().seal_next().unwrap().is_some() {}
    }
    let path = folder.join("archive.duckdb");
    let size = std::fs::metadata(&intact).unwrap().len();
    for at in (HEADERS..size).step_by(BLOCK).map(|block| block + 512) {
        std::fs::copy(&intact, &path).unwrap();
        damage(&path, at);
        let Ok(archive) = Archive::open(&path, &Options::default()) else { continue };
        let reader = archive.reader().unwrap();
        let reads = |batch: &Batch| reader.page(&batch.key, batch.range(), 10_000, usize::MAX).is_ok();
        if records.iter().map(reads).eq([true, false, true, true]) {
            return;
        }
    }
    panic!("no block belongs to these rows alone");
}

fn records(damaged: &StreamKey, whole: &StreamKey) -> [Batch; 4] {
    let rows = |from, to| noisy(damaged, from, to);
    [rows(1, 2000), rows(2001, 4000), rows(4001, 4010), batch(whole, 7, 1, 2000)]
}

/// Candles with numbers that do not pack: their rows are too large to share a block of the file with others.
fn noisy(key: &StreamKey, from: u64, to: u64) -> Batch {
    let rows = |from: u64| {
        let mut rows = rows(key.kind(), range(from, to));
        if let Rows::Candles(rows) = &mut rows {
            rows.iter_mut().zip(from..).for_each(|(row, seq)| row.volume = (seq as f64).sqrt());
        }
        rows
    };
    Batch { digest: Digest::of(Seq(1), &rows(1)), rows: rows(from), ..batch(key, 7, from, to) }
}

/// A service with such an archive, after the journal retired its records and took one more.
fn serving(folder: &Path, damaged: &StreamKey, whole: &StreamKey) -> (FakeJournal, Bench) {
    partly_damaged(folder, damaged, whole);
    let mut journal = FakeJournal::start(7);
    journal.write(records(damaged, whole));
    journal.retire(4);
    journal.write([noisy(damaged, 4011, 4020)]);
    let mut bench = Bench::start(&journal, folder);
    bench.reaches(damaged, 7, 4020);
    eventually("the acknowledgement", || journal.acknowledged() == 5);
    (journal, bench)
}

#[test]
fn rows_that_are_damaged_are_missing_and_reported_and_all_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (key(A), key("metrics.host.cpu.1s"));
    let (_journal, mut bench) = serving(folder.path(), &a, &b);
    for _ in 0..2 {
        let mut served = |from: u64, to: u64, since: Option<u64>| {
            let start_ts = since.map(|seq| at(seq).to_nanos());
            let (answer, _) = bench.page(&BackfillRequest { start_ts, ..request(&a, from, to) });
            (answer.earliest.0, (answer.served_from.0, answer.served_to.0), answer.has_more)
        };
        assert_eq!(served(2500, 0, None), (4001, (4001, 4020), false), "first the rows in the middle");
        assert_eq!(served(0, 0, None), (1, (1, 2000), true));
        assert_eq!(served(2000, 0, None), (4001, (4001, 4020), false));
        assert_eq!(served(2100, 3000, None), (4001, (4001, 4000), false), "nothing, and where rows go on");
        assert_eq!(served(1500, 3000, None), (1, (1501, 2000), false), "no row follows that was asked for");
        assert_eq!(served(0, 0, Some(1500)), (1, (1500, 2000), true));
        assert_eq!(served(0, 0, Some(3000)), (1, (4001, 4020), false));
    }
    let last = bench.all(&b, 0).last().map(|batch| batch.range().last());
    assert_eq!(last, Some(Seq(2000)), "other streams are served");
    let conditions = snapshot(Some("backfill"));
    let condition = |state: &&State| state.name == "archive-readable" && !state.ok;
    let condition = conditions.iter().find(condition).expect("it is not ready");
    assert!(condition.reason.contains(&a.to_string()), "{condition:?}");
    assert!(condition.reason.contains("2001..4000"), "{condition:?}");
}

#[test]
fn clients_get_what_is_before_and_behind_damage_and_are_told_what_is_missing() {
    use Told::{Rows, Truncated};
    let folder = tempfile::tempdir().unwrap();
    let a = key(A);
    let (_journal, bench) = serving(folder.path(), &a, &key("metrics.host.cpu.1s"));
    let told = |begin| follow(&bench, &a, begin, 4020);
    let (before, behind) = (Rows(range(1, 2000)), Rows(range(4001, 4020)));
    assert_eq!(told(Begin::Earliest), [before, Truncated(range(2001, 4000)), behind]);
    assert_eq!(told(after(1990)), [Rows(range(1991, 2000)), Truncated(range(2001, 4000)), behind]);
    assert_eq!(told(after(3000)), [Truncated(range(3001, 4000)), behind]);
    assert_eq!(told(after(4005)), [Rows(range(4006, 4020))]);
}
