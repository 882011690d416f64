use super::*;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

fn open_with(dir: &Path, sync: Sync) -> Opened {
    open(Options { sync, ..options(dir) }, NOW).unwrap()
}

#[test]
fn always_means_synced_when_the_append_returns() {
    let dir = folder();
    let mut opened = open_with(dir.path(), Sync::Always);
    let appended = opened.appender.append(&[b"a", b"b"]).unwrap();
    assert_eq!(appended, Appended { first: Position(1), last: Position(2), synced: true });
    assert_eq!(opened.journal.synced(), Position(2));
}

#[test]
fn every_means_synced_a_little_later_by_itself() {
    let dir = folder();
    let mut opened = open_with(dir.path(), Sync::Every(Duration::from_millis(5)));
    for _ in 0..3 {
        let appended = opened.appender.append(&[b"a"]).unwrap();
        assert!(!appended.synced);
        assert!(opened.journal.wait_synced(appended.last, LONG).unwrap());
    }
}

#[test]
fn os_means_synced_only_when_somebody_asks() {
    let dir = folder();
    let mut opened = open_with(dir.path(), Sync::Os);
    let last = opened.appender.append(&[b"a"]).unwrap().last;
    assert!(!opened.journal.wait_synced(last, Duration::from_millis(20)).unwrap());
    opened.journal.request_sync();
    assert!(opened.journal.wait_synced(last, LONG).unwrap());
}

#[test]
fn asking_does_not_wait_for_a_long_interval() {
    let dir = folder();
    let mut opened = open_with(dir.path(), Sync::Every(Duration::from_secs(3600)));
    let last = opened.appender.append(&[b"a"]).unwrap().last;
    opened.journal.request_sync();
    assert!(opened.journal.wait_synced(last, LONG).unwrap());
}

#[test]
fn a_sealed_segment_and_a_reopened_journal_are_synced() {
    let dir = folder();
    let mut opened = open_with(dir.path(), Sync::Os);
    append_some(&mut opened.appender, 2);
    opened.appender.roll(b"", NOW).unwrap();
    assert_eq!(opened.journal.synced(), Position(2));
    append_some(&mut opened.appender, 2);
    drop(opened);
    assert_eq!(open_with(dir.path(), Sync::Os).journal.synced(), Position(4));
}

#[test]
fn manual_means_synced_when_the_caller_does_it_and_no_thread_is_needed() {
    let dir = folder();
    let mut opened = open_with(dir.path(), Sync::Manual);
    let last = opened.appender.append(&[b"a"]).unwrap().last;
    opened.journal.request_sync();
    assert_eq!(opened.journal.synced(), Position::NONE);
    opened.journal.sync_now().unwrap();
    assert_eq!(opened.journal.synced(), last);
}
