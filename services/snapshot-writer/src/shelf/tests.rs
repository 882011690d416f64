use super::*;
use crate::manifest::{Closed, MANIFEST, State};
use crate::samples::{A, batch, digest, key, last_batch, range};
use gapless::TruncateReason;
use gapless_formats::FileForm;

mod trouble;

const B: &str = "metrics.sim.B.1s";

fn settings(folder: &Path, group: Group) -> ShelfSettings {
    ShelfSettings {
        folder: folder.to_path_buf(),
        group,
        parts: PartSettings {
            forms: vec![FileForm::Parquet, FileForm::Csv],
            write_rows: 100,
            write_every: Duration::from_secs(10),
            part_rows: 100_000,
        },
        max_rows: 1000,
        max_bytes: 1 << 30,
        latest_every: Duration::from_secs(1),
        limits: Limits::default(),
        live: "tcp://x:1".into(),
    }
}

fn open(folder: &Path, group: Group) -> Shelf {
    Shelf::open(settings(folder, group)).unwrap()
}

fn take(shelf: &mut Shelf, event: Event) {
    shelf.handle(event, Instant::now());
    assert_eq!(shelf.trouble(), None);
}

/// Does all work that is due.
fn settle(shelf: &mut Shelf, now: Instant) {
    while shelf.work(now).is_some() {}
}

fn flush(shelf: &mut Shelf) {
    try_flush(shelf);
    assert_eq!(shelf.trouble(), None);
}

fn try_flush(shelf: &mut Shelf) -> Done {
    shelf.write_all(Instant::now() + Duration::from_secs(60))
}

fn manifests(folder: &Path) -> Vec<Manifest> {
    let read = |entry: std::fs::DirEntry| std::fs::read(entry.path().join(MANIFEST)).ok();
    let found = std::fs::read_dir(folder).unwrap().filter_map(|entry| read(entry.unwrap()));
    let mut found: Vec<Manifest> = found.map(|bytes| Manifest::parse(&bytes).unwrap()).collect();
    found.sort_by(|a, b| (&a.name, a.number).cmp(&(&b.name, b.number)));
    found
}

fn cursor(shelf: &Shelf, topic: &str) -> Option<(u64, u64)> {
    let found = shelf.cursors().into_iter().find(|(k, _)| *k == key(topic));
    found.map(|(_, cursor)| (cursor.epoch, cursor.sequence))
}

#[test]
fn many_rows_are_written_at_once_and_few_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    let now = Instant::now();
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 99)));
    settle(&mut shelf, now);
    assert_eq!(shelf.waiting().0, 99);
    take(&mut shelf, Event::Rows(batch(A, 5, 100, 100)));
    settle(&mut shelf, Instant::now());
    assert_eq!(shelf.waiting().0, 0, "100 rows are enough");
    take(&mut shelf, Event::Rows(batch(A, 5, 101, 101)));
    let now = Instant::now();
    assert!(shelf.next_due(now) <= now + Duration::from_secs(11));
    settle(&mut shelf, now + Duration::from_secs(11));
    assert_eq!(manifests(folder.path())[0].streams[0].rows, 101);
}

#[test]
fn too_much_in_memory_is_written_early() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    let now = Instant::now();
    for stream in 0..11 {
        take(&mut shelf, Event::Rows(batch(&format!("candles.sim.S{stream}.1m"), 5, 1, 95)));
    }
    assert!(shelf.is_full());
    settle(&mut shelf, now);
    assert!(!shelf.is_full() && shelf.waiting().0 > 0, "{:?}", shelf.waiting());
}

#[test]
fn streams_go_on_where_the_manifests_end_whatever_was_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    flush(&mut shelf);
    take(&mut shelf, Event::Rows(batch(A, 5, 11, 20)));
    take(&mut shelf, Event::Rows(batch(B, 5, 1, 5)));
    drop(shelf);
    let mut shelf = open(folder.path(), Group::Stream);
    assert_eq!((cursor(&shelf, A), cursor(&shelf, B)), (Some((5, 10)), None));
    take(&mut shelf, Event::Rows(batch(A, 5, 8, 20)));
    take(&mut shelf, Event::Rows(batch(B, 5, 1, 5)));
    flush(&mut shelf);
    let found = manifests(folder.path());
    assert_eq!(found.iter().map(|m| m.streams[0].rows).collect::<Vec<_>>(), [20, 5]);
    assert_eq!(found[0].streams[0].digest.0, digest(A, 1, 20));
}

#[test]
fn a_folder_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path(), Group::Stream);
    let second = Shelf::open(settings(folder.path(), Group::Stream));
    assert!(matches!(second.err(), Some(Error::Owned { .. })));
}

#[test]
fn a_folder_keeps_its_grouping() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 1)));
    flush(&mut shelf);
    drop(shelf);
    let other = Shelf::open(settings(folder.path(), Group::Source)).err().unwrap();
    assert!(other.to_string().contains("group = \"stream\""), "{other}");
}

#[test]
fn the_end_of_a_stream_completes_its_artifact_and_the_next_rows_begin_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    take(&mut shelf, Event::Rows(last_batch(A, 5, 1, 10)));
    settle(&mut shelf, Instant::now());
    assert_eq!(shelf.counts(), (0, 1));
    drop(shelf);
    let mut shelf = open(folder.path(), Group::Stream);
    assert_eq!(cursor(&shelf, A), Some((5, 10)));
    take(&mut shelf, Event::Rows(last_batch(A, 5, 11, 12)));
    // It is complete before the next rows, whether its time has come or not.
    take(&mut shelf, Event::Rows(batch(A, 5, 13, 14)));
    flush(&mut shelf);
    let found = manifests(folder.path());
    let seen: Vec<_> =
        found.iter().map(|m| (m.number, m.state, m.streams[0].first, m.streams[0].last)).collect();
    assert_eq!(seen, [(1, State::Complete, 1, 10), (2, State::Complete, 11, 12), (3, State::Live, 13, 14)]);
    assert_eq!(found[2].streams[0].running_digest.unwrap().0, digest(A, 1, 14));
    assert!(folder.path().join(format!("{A}@1/latest.json")).is_file());
}

#[test]
fn a_session_of_a_source_ends_with_the_last_of_its_streams() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Source);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    take(&mut shelf, Event::Rows(last_batch(B, 5, 1, 5)));
    settle(&mut shelf, Instant::now());
    assert_eq!(shelf.counts(), (1, 0));
    take(&mut shelf, Event::Rows(last_batch(B, 5, 6, 7)));
    take(&mut shelf, Event::Rows(last_batch(A, 5, 11, 11)));
    settle(&mut shelf, Instant::now());
    assert_eq!(shelf.counts(), (0, 1));
    take(&mut shelf, Event::Rows(batch(B, 5, 8, 9)));
    flush(&mut shelf);
    let found = manifests(folder.path());
    assert_eq!((found.len(), found[0].streams.len(), found[0].name.as_str()), (2, 2, "sim"));
    assert_eq!((found[1].streams[0].first, found[1].state), (8, State::Live));
}

#[test]
fn rows_that_are_not_to_be_had_are_noted_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    let gone = |from, to| Event::Truncated {
        key: key(A),
        epoch: Epoch(5),
        range: range(from, to),
        reason: TruncateReason::Trimmed,
    };
    take(&mut shelf, gone(11, 30));
    take(&mut shelf, gone(11, 30));
    take(&mut shelf, Event::Rows(batch(A, 5, 31, 40)));
    flush(&mut shelf);
    let record = &manifests(folder.path())[0].streams[0];
    let holes: Vec<_> =
        record.truncated.iter().map(|hole| (hole.from, hole.to, hole.reason.as_str())).collect();
    assert_eq!((holes, record.rows, record.parts.len()), (vec![(11, 30, "Trimmed")], 20, 2));
    // Even what cannot happen is not silent.
    take(&mut shelf, Event::Rows(batch(A, 5, 51, 52)));
    flush(&mut shelf);
    let record = &manifests(folder.path())[0].streams[0];
    assert_eq!((record.truncated[1].from, record.truncated[1].to), (41, 50));
    take(&mut shelf, gone(60, 70));
    flush(&mut shelf);
    let record = &manifests(folder.path())[0].streams[0];
    assert_eq!((record.truncated[2].from, record.cursor.sequence), (53, 70), "nothing between is left out");
}

#[test]
fn a_rewind_reaches_back_into_complete_artifacts() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    take(&mut shelf, Event::Rows(last_batch(A, 5, 1, 10)));
    take(&mut shelf, Event::Rows(batch(A, 5, 11, 20)));
    flush(&mut shelf);
    let rewind = Event::Rewind { key: key(A), from: Epoch(5), to: Epoch(8), keep: Seq(7) };
    take(&mut shelf, rewind.clone());
    assert_eq!(cursor(&shelf, A), Some((8, 7)));
    let rows = |found: &[Manifest]| found.iter().map(|m| m.streams[0].rows).collect::<Vec<_>>();
    assert_eq!(rows(&manifests(folder.path())), [7, 0]);
    take(&mut shelf, Event::Rows(batch(A, 8, 8, 12)));
    flush(&mut shelf);
    drop(shelf);
    let mut shelf = open(folder.path(), Group::Stream);
    assert_eq!(cursor(&shelf, A), Some((8, 12)));
    take(&mut shelf, Event::Rewind { key: key(A), from: Epoch(8), to: Epoch(9), keep: Seq(12) });
    flush(&mut shelf);
    let found = manifests(folder.path());
    assert_eq!((rows(&found), found[1].streams[0].first), (vec![7, 5], 8));
    let total = found[0].streams[0].digest.0 + found[1].streams[0].digest.0;
    assert_eq!(total, digest(A, 1, 12));
}

#[test]
fn a_lost_history_stays_as_it_is_and_the_new_one_gets_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Source);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    take(&mut shelf, Event::Rows(batch(B, 5, 1, 5)));
    let reset = |topic: &str| Event::Reset { key: key(topic), from: Epoch(5), to: Epoch(8) };
    take(&mut shelf, reset(A));
    take(&mut shelf, Event::Rows(batch(A, 8, 1, 3)));
    take(&mut shelf, reset(B));
    take(&mut shelf, Event::Rows(batch(B, 8, 3, 4)));
    flush(&mut shelf);
    let found = manifests(folder.path());
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].state, found[0].streams[0].closed), (State::Complete, Some(Closed::Reset)));
    assert_eq!(found[0].streams.iter().map(|s| s.rows).collect::<Vec<_>>(), [10, 5]);
    assert_eq!((found[1].session.epoch, found[1].streams[0].rows, found[1].streams[1].first), (8, 3, 3));
    drop(shelf);
    let shelf = open(folder.path(), Group::Source);
    assert_eq!((cursor(&shelf, A), cursor(&shelf, B)), (Some((8, 3)), Some((8, 4))));
}

#[test]
fn a_session_whose_last_stream_never_comes_back_is_completed_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Source);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    take(&mut shelf, Event::Rows(batch(B, 5, 1, 5)));
    take(&mut shelf, Event::Reset { key: key(A), from: Epoch(5), to: Epoch(8) });
    take(&mut shelf, Event::Rows(batch(A, 8, 1, 3)));
    flush(&mut shelf);
    assert_eq!(shelf.counts(), (2, 0));
    let now = Instant::now();
    settle(&mut shelf, now);
    assert_eq!(shelf.counts(), (2, 0));
    settle(&mut shelf, now + 2 * SUPERSEDED_REST);
    assert_eq!(shelf.counts(), (1, 1));
}

#[test]
fn retention_removes_complete_artifacts_and_remembers_where_their_streams_stood() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { count: Some(1), ..Limits::default() };
    let mut shelf = Shelf::open(ShelfSettings { limits, ..settings(folder.path(), Group::Stream) }).unwrap();
    for (from, to) in [(1, 10), (11, 20), (21, 30)] {
        take(&mut shelf, Event::Rows(last_batch(A, 5, from, to)));
        settle(&mut shelf, Instant::now());
    }
    let numbers = |folder: &Path| manifests(folder).iter().map(|m| m.number).collect::<Vec<_>>();
    assert_eq!(numbers(folder.path()), [3]);
    drop(shelf);
    let limits = Limits { count: Some(0), ..Limits::default() };
    let mut shelf = Shelf::open(ShelfSettings { limits, ..settings(folder.path(), Group::Stream) }).unwrap();
    settle(&mut shelf, Instant::now());
    assert!(numbers(folder.path()).is_empty());
    drop(shelf);
    let mut shelf = open(folder.path(), Group::Stream);
    assert_eq!(cursor(&shelf, A), Some((5, 30)), "it is not written from its beginning again");
    take(&mut shelf, Event::Rows(batch(A, 5, 31, 32)));
    flush(&mut shelf);
    assert_eq!(numbers(folder.path()), [4]);
}

#[test]
fn a_damaged_manifest_is_put_aside_and_its_rows_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    flush(&mut shelf);
    drop(shelf);
    let path = folder.path().join(format!("{A}@1")).join(MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"sequence\": 10", "\"sequence\": 18", 1)).unwrap();
    let mut shelf = open(folder.path(), Group::Stream);
    assert_eq!(cursor(&shelf, A), None);
    assert!(folder.path().join(format!("damaged-{A}@1")).is_dir());
    take(&mut shelf, Event::Rows(batch(A, 5, 1, 10)));
    flush(&mut shelf);
    drop(shelf);
    assert_eq!(cursor(&open(folder.path(), Group::Stream), A), Some((5, 10)));
}

#[test]
fn folders_that_a_killed_writer_was_making_or_removing_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".new-x@1", ".removing-x@2", "somebody's own"] {
        std::fs::create_dir_all(folder.path().join(name).join("rows")).unwrap();
    }
    drop(open(folder.path(), Group::Stream));
    let left =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<String> = left.collect();
    left.sort();
    assert_eq!(left, [".lock", "somebody's own"]);
}
