//! What is kept, what is acknowledged, and journals that lose or change their history.

use super::*;
use crate::samples::range;
use gapless_model::{Epoch, Seq};
use gapless_wire::{ErrorCode, Message};

#[test]
fn what_is_committed_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 50, 5));
    let bench = Bench::start(&journal, folder.path());
    eventually("the acknowledgement", || journal.acknowledged() == 10);
    bench.stop();
}

#[test]
fn rows_that_the_journal_lost_are_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (key(A), key("candles.sim.B.1m"));
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 50, 10));
    journal.write([batch(&b, 7, 1, 3)]);
    journal.write([batch(&a, 7, 51, 60)]);
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&a, 7, 60);
    bench.reaches(&b, 7, 3);
    eventually("the acknowledgement", || journal.acknowledged() == 7);
    journal.lose(4, 9);
    let fresh = Batch { ts_publish_us: 1, ..batch(&a, 9, 41, 42) };
    journal.write([fresh.clone()]);
    eventually("the new epoch", || {
        journal.heartbeat();
        bench.status(&a).watermark.epoch == Epoch(9)
    });
    bench.reaches(&a, 9, 42);
    for round in 0..2 {
        let status = bench.status(&a);
        let epochs: Vec<(u64, u64)> = status.epochs.iter().map(|s| (s.epoch.0, s.first_sequence.0)).collect();
        assert_eq!(epochs, [(7, 1), (9, 41)], "round {round}");
        let all = as_published(&bench.all(&a, 0));
        assert_eq!(all.last().unwrap(), &fresh);
        assert_eq!(ranges(&all), [range(1, 40), range(41, 42)]);
        eventually("the stream that is gone to be taken back", || {
            match bench.ask(&Message::StreamStatusRequest(b.clone())) {
                Message::StreamStatusResponse(status) => status.watermark.latest == Seq::NONE,
                Message::Error(error) => error.code == ErrorCode::UNKNOWN_STREAM,
                other => panic!("{other:?}"),
            }
        });
        if round == 0 {
            bench.stop();
            bench = Bench::start(&journal, folder.path());
            bench.reaches(&a, 9, 42);
        }
    }
}

#[test]
fn a_quiet_stream_learns_of_an_epoch_that_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 20, 10));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 7, 20);
    bench.stop();
    journal.lose(2, 9);
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 9, 20);
    assert_eq!(rows_in(&bench.all(&key(A), 0)), 20, "nothing is lost");
}

#[test]
fn another_journal_begins_another_archive_and_the_old_one_stays_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 20, 10));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 7, 20);
    bench.stop();
    journal.replace(9);
    journal.write([batch(&key(A), 9, 1, 3)]);
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 9, 3);
    assert_eq!(ranges(&bench.all(&key(A), 0)), [range(1, 3)]);
    bench.stop();
    let names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().any(|name| name == "archive.retired-7.duckdb"), "{names:?}");
}

#[test]
fn what_was_acknowledged_of_another_journal_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 50, 10));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 7, 50);
    eventually("the acknowledgement", || journal.acknowledged() == 5);
    journal.replace(9);
    journal.write([batch(&key(A), 9, 1, 3), batch(&key(A), 9, 4, 6)]);
    eventually("the new epoch", || {
        journal.heartbeat();
        bench.epoch(&key(A)) == Some(Epoch(9))
    });
    bench.reaches(&key(A), 9, 6);
    eventually("the acknowledgement", || journal.acknowledged() == 2);
}

#[test]
fn retention_keeps_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 20, 10));
    let only_five = |config: &mut crate::Config| config.retention.max_rows = 5;
    let mut bench = Bench::start_with(&journal, folder.path(), only_five);
    bench.reaches(&key(A), 7, 20);
    bench.stop();
    let mut bench = Bench::start_with(&journal, folder.path(), only_five);
    eventually("the first pass", || bench.status(&key(A)).watermark.earliest == Seq(16));
    assert_eq!(ranges(&bench.all(&key(A), 0)), [range(16, 20)]);
}
