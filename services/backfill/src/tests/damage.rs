//! An archive whose file is damaged.

use super::*;
use crate::samples::range;
use crate::{Config, Error, run};
use gapless_model::{Seq, StreamKey};
use gapless_service_kit::Shutdown;
use gapless_service_kit::health::{State, snapshot};
use gapless_store::{Archive, Options};
use gapless_wire::{ErrorCode, Message};
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

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
    assert_eq!(ranges(&bench.all(&key(A), 0)).first(), Some(&range(1, 10)));
    bench.stop();
    assert!(folder.path().join("archive.aside-1.duckdb").exists(), "nothing is deleted");
}

/// An archive with a stream whose oldest rows lie in a damaged block, and another one that is whole.
fn partly_damaged(folder: &Path, damaged: &StreamKey, whole: &StreamKey) {
    let intact = folder.join("intact.duckdb");
    let append = |batches: &[Batch]| {
        let mut archive = Archive::open_sealing_at(&intact, &Options::default(), 1).unwrap();
        for batch in batches {
            archive.append(&[(archive.position().next(), batch.clone())]).unwrap();
        }
        while archive.sealer().unwrap().seal_next().unwrap().is_some() {}
    };
    append(&[batch(damaged, 7, 1, 2000), batch(damaged, 7, 2001, 2010)]);
    append(&[batch(whole, 7, 1, 2000)]);
    let path = folder.join("archive.duckdb");
    let size = std::fs::metadata(&intact).unwrap().len();
    for at in (0..size / 4096).map(|page| page * 4096 + 512) {
        std::fs::copy(&intact, &path).unwrap();
        damage(&path, at);
        let Ok(archive) = Archive::open(&path, &Options::default()) else { continue };
        let reader = archive.reader().unwrap();
        let reads = |key| reader.page(key, range(1, 10), 10, usize::MAX).is_ok();
        if !reads(damaged) && reads(whole) {
            return;
        }
    }
    panic!("no block belongs to one stream alone");
}

#[test]
fn rows_that_are_damaged_are_refused_counted_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (key(A), key("metrics.host.cpu.1s"));
    partly_damaged(folder.path(), &a, &b);
    let mut journal = FakeJournal::start(7);
    journal.write([batch(&a, 7, 1, 2000), batch(&a, 7, 2001, 2010), batch(&b, 7, 1, 2000)]);
    let mut bench = Bench::start(&journal, folder.path());
    for _ in 0..2 {
        match bench.ask(&Message::BackfillRequest(request(&a, 0, 0))) {
            Message::Error(error) => {
                assert_eq!(error.code, ErrorCode::INTERNAL);
                assert!(error.message.contains("damaged") && error.retry_after_ms > 0, "{}", error.message);
            }
            other => panic!("{other:?}"),
        }
    }
    let last = bench.all(&b, 0).last().map(|batch| batch.range().last());
    assert_eq!(last, Some(Seq(2000)), "other streams are served");
    let conditions = snapshot(Some("backfill"));
    let condition = |state: &&State| state.name == "archive-readable" && !state.ok;
    let condition = conditions.iter().find(condition).expect("it is not ready");
    assert!(condition.reason.contains(&a.to_string()), "{condition:?}");
}
