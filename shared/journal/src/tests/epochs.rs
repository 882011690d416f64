use super::*;
use gapless_model::{Epoch, EpochStart, Seq};
use std::time::Duration;

const LATER: UnixMillis = UnixMillis(NOW.0 + 60_000);

fn open_on(dir: &Path, boot_id: &str, sync: Sync) -> Opened {
    open(Options { boot_id: boot_id.into(), sync, ..options(dir) }, LATER).unwrap()
}

fn journal_of_five(sync: Sync) -> tempfile::TempDir {
    let dir = folder();
    let mut opened = open(Options { sync, ..options(dir.path()) }, NOW).unwrap();
    append_some(&mut opened.appender, 5);
    dir
}

#[test]
fn a_new_journal_begins_the_epoch_of_its_first_millisecond() {
    let dir = folder();
    let status = reopen(dir.path()).journal.status();
    assert_eq!(status.epoch, Epoch(NOW.0 as u64));
    assert_eq!(status.epochs, [EpochStart { epoch: status.epoch, first_sequence: Seq(1) }]);
    assert_eq!((status.earliest, status.latest), (Position(1), Position::NONE));
}

#[test]
fn a_clean_and_a_killed_process_keep_the_epoch() {
    let dir = journal_of_five(Sync::Os);
    let opened = open_on(dir.path(), BOOT, Sync::Os);
    assert!(opened.recovery.unclean);
    assert_eq!(opened.journal.epoch(), Epoch(NOW.0 as u64));
    opened.appender.close().unwrap();
    drop(opened.journal);
    let opened = open_on(dir.path(), "boot-2", Sync::Os);
    assert!(!opened.recovery.unclean);
    assert_eq!(opened.journal.epoch(), Epoch(NOW.0 as u64));
}

#[test]
fn power_loss_with_unsynced_records_begins_an_epoch_after_what_was_recovered() {
    for sync in [Sync::Os, Sync::Every(Duration::from_secs(3600))] {
        let dir = journal_of_five(sync);
        let opened = open_on(dir.path(), "boot-2", sync);
        let old = Epoch(NOW.0 as u64);
        let new = Epoch(LATER.0 as u64);
        let start = |epoch, first| EpochStart { epoch, first_sequence: Seq(first) };
        assert_eq!(opened.recovery.left_epoch, Some(old));
        assert_eq!(opened.journal.status().epochs, [start(old, 1), start(new, 6)]);
        assert_eq!(opened.appender.next_position(), Position(6));
        assert_eq!(read_all(&opened.journal).unwrap().len(), 5);
    }
}

#[test]
fn power_loss_keeps_the_epoch_when_every_group_was_synced() {
    let dir = journal_of_five(Sync::Always);
    let opened = open_on(dir.path(), "boot-2", Sync::Os);
    assert_eq!(opened.recovery.left_epoch, None);
    // From now on nothing is synced.
    drop(opened);
    assert!(open_on(dir.path(), "boot-3", Sync::Always).recovery.left_epoch.is_some());
}

#[test]
fn holes_after_a_power_loss_are_cut_and_an_epoch_begins_since_what_was_there_is_not_known() {
    let dir = journal_of_five(Sync::Always);
    let path = last_file(dir.path());
    let bytes = std::fs::read(&path).unwrap();
    // Each frame has 50 bytes: a hole in the third record, then one in the last.
    for (hole, kept) in [(bytes.len() - 140, 2), (bytes.len() - 40, 4)] {
        let copied = copy(dir.path());
        let mut bytes = bytes.clone();
        bytes[hole..hole + 10].fill(0);
        std::fs::write(last_file(copied.path()), &bytes).unwrap();
        let opened = open_on(copied.path(), "boot-2", Sync::Always);
        assert_eq!(read_all(&opened.journal).unwrap().len(), kept);
        assert!(opened.recovery.left_epoch.is_some(), "{kept}");
    }
}

#[test]
fn records_that_a_follower_has_and_the_files_do_not_begin_an_epoch_once() {
    let dir = journal_of_five(Sync::Os);
    let opened = reopen(dir.path());
    opened.journal.acknowledge("archive", Epoch::UNSTATED, Position(4), NOW).unwrap();
    drop(opened);
    let path = last_file(dir.path());
    let length = std::fs::metadata(&path).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    // Each frame has 50 bytes. The last record nobody had: without it nothing known is lost.
    file.set_len(length - 50).unwrap();
    assert_eq!(reopen(dir.path()).recovery.left_epoch, None);
    file.set_len(length - 100).unwrap();
    let opened = reopen(dir.path());
    assert_eq!(opened.recovery.left_epoch, Some(Epoch(NOW.0 as u64)));
    assert_eq!(opened.appender.next_position(), Position(4));
    opened.journal.persist_followers().unwrap();
    drop(opened);
    assert_eq!(reopen(dir.path()).recovery.left_epoch, None);
}

#[test]
fn a_journal_whose_records_are_gone_starts_over_with_a_later_epoch() {
    let dir = journal_of_five(Sync::Os);
    for file in files(dir.path()) {
        std::fs::remove_file(file).unwrap();
    }
    // The clock was set back meanwhile.
    let opened = open(options(dir.path()), UnixMillis(5)).unwrap();
    assert_eq!(opened.journal.epoch(), Epoch(NOW.0 as u64 + 1));
    assert_eq!(opened.appender.next_position(), Position(1));
}
