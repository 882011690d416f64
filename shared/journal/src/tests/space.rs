//! A full disk. The limit on file sizes stands in for it: the system answers with a short write first and
//! with an error then, as a disk does. It holds for a whole process, so the test runs itself again in one.

use super::bad_disk::BadDisk;
use super::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const CHILD: &str = "GAPLESS_JOURNAL_SPACE_TEST";

#[test]
fn a_full_disk_refuses_the_group_and_later_appends_work_when_there_is_room() {
    if std::env::var_os(CHILD).is_some() {
        return fill_and_go_on();
    }
    let name = "tests::space::a_full_disk_refuses_the_group_and_later_appends_work_when_there_is_room";
    // The signal that the limit sends by default ends the process; ignoring it is inherited.
    let script = "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

fn fill_and_go_on() {
    let dir = folder();
    let mut opened = open(Options { segment_bytes: 1 << 20, ..options(dir.path()) }, NOW).unwrap();
    append_some(&mut opened.appender, 10);
    let file = last_file(dir.path());
    let length = std::fs::metadata(&file).unwrap().len();
    let before = getrlimit(Resource::Fsize);
    // Room for half of the next group: the write is short before it fails.
    setrlimit(Resource::Fsize, Rlimit { current: Some(length + 100), ..before }).unwrap();
    let group: Vec<_> = (11..=14).map(|at| record(at, 30)).collect();
    for _ in 0..3 {
        let refused = opened.appender.append(&group);
        assert!(matches!(refused, Err(JournalError::NoSpace { .. })), "{refused:?}");
        assert_eq!(std::fs::metadata(&file).unwrap().len(), length, "the file ends with a whole record");
        assert_eq!(opened.journal.latest(), Position(10));
    }
    // As long as a file may be at all, which is what stands in for the disk.
    assert!(opened.appender.append(&[record(11, 2000)]).is_err());
    assert!(matches!(opened.appender.probe(), Err(JournalError::NoSpace { .. })));
    setrlimit(Resource::Fsize, before).unwrap();
    opened.appender.probe().unwrap();
    opened.appender.append(&group).unwrap();
    drop(opened);
    let expected: Vec<_> = (1..=14).map(|at| record(at, 30)).collect();
    assert_eq!(read_all(&reopen(dir.path()).journal).unwrap(), expected);
}

#[test]
fn a_journal_on_a_full_disk_opens_for_reading_and_is_written_again_when_there_is_room() {
    for is_closed in [false, true] {
        let dir = folder();
        let mut opened = reopen(dir.path());
        let epoch = opened.journal.epoch();
        append_some(&mut opened.appender, 3);
        if is_closed {
            opened.appender.close().unwrap();
        } else {
            drop(opened.appender);
        }
        drop(opened.journal);

        let disk = Arc::new(BadDisk::default());
        disk.is_full.store(true, Ordering::Relaxed);
        for _ in 0..2 {
            let mut opened = open(Options { disk: disk.clone(), ..options(dir.path()) }, NOW).unwrap();
            assert_eq!(read_all(&opened.journal).unwrap().len(), 3);
            let refused = opened.appender.append(&[record(4, 30)]).unwrap_err();
            assert!(matches!(refused, JournalError::NoSpace { .. }), "{refused}");
            assert!(matches!(opened.appender.probe(), Err(JournalError::NoSpace { .. })));
            assert_eq!(opened.journal.latest(), Position(3));
        }
        let mut opened = open(Options { disk: disk.clone(), ..options(dir.path()) }, NOW).unwrap();
        disk.is_full.store(false, Ordering::Relaxed);
        opened.appender.probe().unwrap();
        append_some(&mut opened.appender, 1);
        drop(opened);
        let opened = reopen(dir.path());
        assert_eq!((opened.journal.latest(), opened.journal.epoch()), (Position(4), epoch));
        assert_eq!(read_all(&opened.journal).unwrap().len(), 4);
    }
}
