#![allow(clippy::unwrap_used)]
use crate::{Disk, MemoryDisk, RealDisk, is_leftover, write_atomically};

#[test]
fn a_file_is_replaced_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    write_atomically(&RealDisk, dir.path(), "a", &[b"old and long"]).unwrap();
    let file = write_atomically(&RealDisk, dir.path(), "a", &[b"ne", b"w"]).unwrap();
    assert_eq!(RealDisk.read(&dir.path().join("a")).unwrap(), b"new");
    assert_eq!(file.len().unwrap(), 3);
    assert_eq!(RealDisk.list(dir.path()).unwrap(), ["a"]);
}

#[test]
fn a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("a")).unwrap();
    write_atomically(&RealDisk, dir.path(), "a", &[b"new"]).unwrap_err();
    assert!(RealDisk.list(dir.path()).unwrap().is_empty());
}

#[test]
fn what_a_killed_writer_leaves_is_told_from_files() {
    assert!(is_leftover(".new-journal.json.tmp"));
    assert!(!is_leftover("journal.json") && !is_leftover(".new-journal.json"));
}

#[test]
fn a_lock_is_held_until_its_value_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let held = RealDisk.lock(&path).unwrap();
    assert!(held.is_some());
    assert!(RealDisk.lock(&path).unwrap().is_none());
    drop(held);
    assert!(RealDisk.lock(&path).unwrap().is_some());
}

#[test]
fn memory_behaves_like_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let both: [&dyn Disk; 2] = [&RealDisk, &MemoryDisk::default()];
    let seen = both.map(|disk| {
        let path = |name: &str| dir.path().join(name);
        write_atomically(disk, dir.path(), "b", &[b"whole"]).unwrap();
        let file = disk.create(&path("a")).unwrap();
        file.write_all_at(b"xyz", 3).unwrap();
        file.set_len(5).unwrap();
        let same = disk.create(&path("a")).unwrap();
        assert_eq!(file.len().unwrap(), 0, "a file that is made again is emptied");
        same.write_all_at(b"12345", 0).unwrap();
        let mut buffer = [0; 3];
        let read = (file.read_at(&mut buffer, 3).unwrap(), file.read_at(&mut buffer, 9).unwrap());
        let short = file.read_exact_at(&mut buffer, 3).unwrap_err().kind();
        disk.rename(&path("a"), &path("c")).unwrap();
        disk.remove(&path("b")).unwrap();
        let gone = disk.read(&path("a")).unwrap_err().kind();
        (disk.list(dir.path()).unwrap(), disk.read(&path("c")).unwrap(), read, short, gone)
    });
    assert_eq!(seen[0], seen[1]);
}
