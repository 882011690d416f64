//! What the disk does not take, and what somebody did to the folders meanwhile.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Rows of `A` on the disk, of which the folder of the files is then one that takes nothing: a file is in its place.
fn stuck(folder: &Path) -> (Shelf, PathBuf) {
    let mut shelf = open(folder, Group::Stream);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    flush(&mut shelf);
    let rows = folder.join(format!("{A}@1")).join(A);
    std::fs::rename(&rows, folder.join("kept")).unwrap();
    std::fs::write(&rows, b"").unwrap();
    (shelf, rows)
}

fn repair(folder: &Path, rows: &Path) {
    std::fs::remove_file(rows).unwrap();
    std::fs::rename(folder.join("kept"), rows).unwrap();
}

fn hand_over(shelf: &mut Shelf, event: Event) {
    shelf.handle(event, Instant::now());
}

fn manifest(folder: &Path, artifact: &str) -> Manifest {
    Manifest::parse(&std::fs::read(folder.join(artifact).join(MANIFEST)).unwrap()).unwrap()
}

/// Every file that any manifest names is there, whole.
fn nothing_is_claimed_that_is_not_there(folder: &Path) {
    for found in manifests(folder) {
        let artifact = folder.join(format!("{}@{}", found.name, found.number));
        for file in found.files() {
            assert_eq!(std::fs::metadata(artifact.join(&file.name)).unwrap().len(), file.bytes);
        }
    }
}

#[test]
fn one_artifact_that_cannot_be_written_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (mut shelf, rows) = stuck(folder.path());
    hand_over(&mut shelf, Event::Rows(batch(A, 5, 11, 20)));
    hand_over(&mut shelf, Event::Rows(batch(B, 5, 1, 5)));
    let now = Instant::now() + 11 * SECOND;
    settle(&mut shelf, now);
    assert_eq!(manifest(folder.path(), &format!("{B}@1")).streams[0].rows, 5);
    assert_eq!(shelf.waiting().0, 10, "its rows still wait");
    let words = shelf.trouble().unwrap();
    assert!(words.starts_with(&format!("{A}@1: {}", rows.display())), "{words}");
    assert_eq!(shelf.next_due(now), now + SECOND, "it is let be for a while");
    repair(folder.path(), &rows);
    settle(&mut shelf, now + SECOND);
    assert_eq!((shelf.trouble(), shelf.waiting().0), (None, 0));
    assert_eq!(manifest(folder.path(), &format!("{A}@1")).streams[0].digest.0, digest(A, 1, 20));
}

#[test]
fn what_cannot_be_written_takes_no_more_memory_than_there_is_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (mut shelf, rows) = stuck(folder.path());
    let now = Instant::now() + 11 * SECOND;
    hand_over(&mut shelf, Event::Rows(batch(A, 5, 11, 910)));
    settle(&mut shelf, now);
    // The others have what room there is.
    for from in (1..500).step_by(100) {
        hand_over(&mut shelf, Event::Rows(batch(B, 5, from, from + 99)));
        assert!(shelf.is_full());
        settle(&mut shelf, now);
        assert!(!shelf.is_full());
    }
    assert_eq!(manifest(folder.path(), &format!("{B}@1")).streams[0].rows, 500);
    hand_over(&mut shelf, Event::Rows(batch(A, 5, 911, 1010)));
    settle(&mut shelf, now);
    assert!(shelf.is_full());
    assert!(shelf.trouble().unwrap().contains("takes all memory"), "{:?}", shelf.trouble());
    assert!(shelf.next_due(now) > now, "nothing is done until it is tried again");
    repair(folder.path(), &rows);
    settle(&mut shelf, now + SECOND);
    assert_eq!((shelf.is_full(), shelf.trouble()), (false, None));
}

#[test]
fn events_that_an_artifact_cannot_take_wait_in_their_order_and_only_they() {
    let folder = tempfile::tempdir().unwrap();
    let (mut shelf, rows) = stuck(folder.path());
    hand_over(&mut shelf, Event::Rows(last_batch(A, 5, 11, 20)));
    // They begin another artifact, which waits for the end of this one.
    hand_over(&mut shelf, Event::Rows(batch(A, 5, 21, 25)));
    hand_over(&mut shelf, Event::Rewind { key: key(A), from: Epoch(5), to: Epoch(8), keep: Seq(23) });
    hand_over(&mut shelf, Event::Rows(batch(A, 8, 24, 30)));
    hand_over(&mut shelf, Event::Rows(batch(B, 5, 1, 5)));
    assert_eq!(shelf.waiting().0, 10 + 5 + 7 + 5);
    // Somebody asks: the answer names the trouble, and the others are written.
    try_flush(&mut shelf);
    assert_eq!(manifest(folder.path(), &format!("{B}@1")).streams[0].rows, 5);
    assert!(shelf.trouble().unwrap().contains(&*rows.to_string_lossy()));
    repair(folder.path(), &rows);
    flush(&mut shelf);
    let found: Vec<_> = manifests(folder.path())
        .into_iter()
        .filter(|m| m.name == A)
        .map(|m| (m.state, m.streams[0].last))
        .collect();
    assert_eq!(found, [(State::Complete, 20), (State::Live, 30)]);
    assert_eq!(cursor(&shelf, A), Some((8, 30)));
}

#[test]
fn a_folder_without_a_manifest_that_is_in_the_way_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    flush(&mut shelf);
    drop(shelf);
    std::fs::remove_file(folder.path().join(format!("{A}@1")).join(MANIFEST)).unwrap();
    std::fs::write(folder.path().join(format!("{B}@1")), b"a file").unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    assert_eq!(cursor(&shelf, A), None, "its rows come again");
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 12)));
    take(&mut shelf, Event::Rows(batch(B, 5, 1, 5)));
    flush(&mut shelf);
    assert_eq!(manifest(folder.path(), &format!("{A}@1")).streams[0].rows, 12);
    assert!(folder.path().join(format!("damaged-{A}@1")).join(A).is_dir(), "with its files");
    assert!(folder.path().join(format!("damaged-{B}@1")).is_file());
}

#[test]
fn a_folder_that_is_removed_meanwhile_is_begun_again_and_lists_what_was_in_it() {
    for is_replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = open(folder.path(), Group::Stream);
        take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
        flush(&mut shelf);
        take(&mut shelf, Event::Rows(batch(A, 5, 11, 20)));
        let path = folder.path().join(format!("{A}@1"));
        std::fs::remove_dir_all(&path).unwrap();
        if is_replaced {
            std::fs::write(&path, b"a file in its place").unwrap();
        }
        flush(&mut shelf);
        nothing_is_claimed_that_is_not_there(folder.path());
        let record = manifest(folder.path(), &format!("{A}@1")).streams[0].clone();
        assert_eq!((record.first, record.last, record.truncated.len()), (11, 20, 1));
        assert_eq!((record.truncated[0].from, record.truncated[0].to), (1, 10));
        assert_eq!(record.running_digest.unwrap().0, digest(A, 1, 20));
        drop(shelf);
        assert_eq!(cursor(&open(folder.path(), Group::Stream), A), Some((5, 20)));
    }
}

#[test]
fn an_empty_folder_in_place_of_an_artifact_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    flush(&mut shelf);
    let path = folder.path().join(format!("{A}@1"));
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    take(&mut shelf, Event::Rewind { key: key(A), from: Epoch(5), to: Epoch(8), keep: Seq(7) });
    take(&mut shelf, Event::Rows(batch(A, 8, 8, 20)));
    flush(&mut shelf);
    nothing_is_claimed_that_is_not_there(folder.path());
    let record = manifest(folder.path(), &format!("{A}@1")).streams[0].clone();
    assert_eq!((record.truncated[0].to, record.first, record.last), (7, 8, 20));
}

#[test]
fn on_a_disk_that_is_gone_nothing_is_begun_and_all_goes_on_when_it_is_back() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("artifacts");
    let mut shelf = open(&folder, Group::Stream);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    flush(&mut shelf);
    std::fs::rename(&folder, base.path().join("unmounted")).unwrap();
    std::fs::create_dir(&folder).unwrap();
    hand_over(&mut shelf, Event::Rows(batch(A, 5, 11, 20)));
    hand_over(&mut shelf, Event::Rows(batch(B, 5, 1, 5)));
    try_flush(&mut shelf);
    assert!(shelf.trouble().unwrap().contains("was removed, or its disk is gone"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(base.path().join("unmounted"), &folder).unwrap();
    flush(&mut shelf);
    assert_eq!(manifest(&folder, &format!("{A}@1")).streams[0].rows, 20);
    assert_eq!(manifest(&folder, &format!("{B}@1")).streams[0].rows, 5);
}

#[test]
fn an_artifact_that_lacks_a_file_is_not_called_complete_until_it_is_back() {
    for is_cut in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = open(folder.path(), Group::Stream);
        // More rows than the next ones, so that they are in a file of their own.
        take(&mut shelf, Event::Rows(batch(A, 5, 1, 90)));
        flush(&mut shelf);
        let name = manifest(folder.path(), &format!("{A}@1")).streams[0].parts[0].files[0].name.clone();
        let file = folder.path().join(format!("{A}@1")).join(name);
        let bytes = std::fs::read(&file).unwrap();
        match is_cut {
            true => std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap(),
            false => std::fs::remove_file(&file).unwrap(),
        }
        hand_over(&mut shelf, Event::Rows(last_batch(A, 5, 91, 92)));
        settle(&mut shelf, Instant::now());
        let words = shelf.trouble().unwrap();
        assert!(words.contains(&*file.to_string_lossy()) && words.contains("stays live"), "{words}");
        let found = manifest(folder.path(), &format!("{A}@1"));
        assert_eq!((found.state, found.streams[0].rows), (State::Live, 92));
        // The next rows do not wait for it.
        hand_over(&mut shelf, Event::Rows(batch(A, 5, 93, 94)));
        try_flush(&mut shelf);
        assert_eq!(manifest(folder.path(), &format!("{A}@2")).streams[0].rows, 2);
        std::fs::write(&file, bytes).unwrap();
        settle(&mut shelf, Instant::now() + 60 * SECOND);
        assert_eq!(manifest(folder.path(), &format!("{A}@1")).state, State::Complete);
        assert_eq!(shelf.trouble(), None);
    }
}

#[test]
fn an_artifact_that_somebody_else_removed_does_not_hold_up_retention_or_a_rewind() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { count: Some(2), ..Limits::default() };
    let mut shelf = Shelf::open(ShelfSettings { limits, ..settings(folder.path(), Group::Stream) }).unwrap();
    for (from, to) in [(1, 10), (11, 20)] {
        take(&mut shelf, Event::Rows(last_batch(A, 5, from, to)));
        settle(&mut shelf, Instant::now());
    }
    std::fs::remove_dir_all(folder.path().join(format!("{A}@1"))).unwrap();
    take(&mut shelf, Event::Rewind { key: key(A), from: Epoch(5), to: Epoch(8), keep: Seq(7) });
    for (from, to) in [(8, 30), (31, 40), (41, 50)] {
        take(&mut shelf, Event::Rows(last_batch(A, 8, from, to)));
        settle(&mut shelf, Instant::now());
    }
    assert_eq!(shelf.trouble(), None);
    assert_eq!(manifests(folder.path()).iter().map(|m| m.number).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn a_file_where_the_folder_should_be_is_called_that() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("artifacts");
    std::fs::write(&path, b"").unwrap();
    let error = Shelf::open(settings(&path, Group::Stream)).err().unwrap().to_string();
    assert!(error.starts_with(&format!("{} is a file, not a folder", path.display())), "{error}");
}
