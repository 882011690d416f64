//! A disk with a bad sector.

use super::bad_disk::BadDisk;
use super::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[test]
fn a_sector_that_cannot_be_read_loses_its_records_alone_and_is_not_asked_for_ever() {
    let dir = folder();
    let mut opened = open(Options { segment_bytes: 1 << 20, ..options(dir.path()) }, NOW).unwrap();
    let written: Vec<_> = (1..=40).map(|at| record(at, 1000)).collect();
    opened.appender.append(&written).unwrap();
    opened.appender.roll(b"", NOW).unwrap();
    opened.appender.append(&[record(41, 1000)]).unwrap();
    opened.appender.close().unwrap();
    drop(opened.journal);

    let path = files(dir.path()).remove(0);
    let disk = Arc::new(BadDisk { path, bytes: 8192..12288, ..BadDisk::default() });
    let failures = Arc::clone(&disk.failures);
    let journal = open(Options { disk, ..options(dir.path()) }, NOW).unwrap().journal;
    let mut served = Vec::new();
    for _ in 0..3 {
        served.clear();
        let mut from = Position::FIRST;
        while from <= journal.latest() {
            let read = journal.read(from, 100).unwrap();
            served.extend((read.first.0..).zip(&read.records).map(|(at, record)| (at, record.clone())));
            from = Position(read.first.0 + read.records.len() as u64).max(from.next());
        }
    }
    assert!(served.iter().all(|(at, read)| *read == record(*at, 1000)));
    let missing: Vec<u64> = (1..=41).filter(|at| !served.iter().any(|(read, _)| read == at)).collect();
    // Frames have 1020 bytes behind a head of 64: four sectors' worth, and those that reach into it.
    assert_eq!(missing, [8, 9, 10, 11, 12]);
    let damage = journal.damage();
    assert_eq!(damage.iter().map(|one| (one.first.0, one.last.0)).collect::<Vec<_>>(), [(8, 12)]);
    assert!((7000..8192).contains(&damage[0].offset), "{damage:?}");
    let failed = failures.load(Ordering::Relaxed);
    assert!(failed <= 4, "{failed} reads of a sector that cannot be read");
}
