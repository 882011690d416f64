use super::*;
use crate::manifest::{MANIFEST, Session};
use crate::samples::{A, batch, digest, key, last_batch, range};

fn settings() -> PartSettings {
    PartSettings {
        forms: vec![FileForm::Parquet],
        write_rows: 1000,
        write_every: Duration::from_secs(10),
        part_rows: 100_000,
    }
}

fn begin(base: &Path) -> Artifact {
    let session =
        Session { source_id: "sim".into(), epoch: 5, live: "tcp://x:1".into(), first_publish: None };
    Artifact::begin(base, crate::manifest::Group::Stream, A, 1, session).unwrap()
}

/// Adds rows as the shelf does.
fn add(artifact: &mut Artifact, batch: Batch) {
    let stand = artifact.stand(&key(A)).unwrap_or_default();
    artifact.add(&key(A), stand, Item::Rows(batch), Instant::now());
}

fn on_disk(artifact: &Artifact) -> Manifest {
    Manifest::parse(&std::fs::read(artifact.folder().join(MANIFEST)).unwrap()).unwrap()
}

fn files(artifact: &Artifact) -> Vec<String> {
    RealDisk.list(&artifact.folder().join(A)).unwrap()
}

#[test]
fn nothing_counts_before_the_manifest_names_it() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    add(&mut artifact, batch(A, 5, 1, 10));
    assert!(on_disk(&artifact).streams.is_empty());
    let written = artifact.write(What::All, &settings()).unwrap();
    assert_eq!((written.rows, written.parts), (10, 1));
    let manifest = on_disk(&artifact);
    assert_eq!(manifest.streams[0].digest.0, digest(A, 1, 10));
    assert_eq!(manifest.session.first_publish.as_deref(), Some("2023-11-14T22:13:20Z"));
    assert!(artifact.is_idle() && artifact.due(&settings(), Instant::now()).is_none());
}

#[test]
fn what_a_killed_writer_left_is_removed_and_the_stream_goes_on_where_the_manifest_ends() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    add(&mut artifact, batch(A, 5, 1, 10));
    artifact.write(What::All, &settings()).unwrap();
    // Killed after a part had its name, and in the midst of another, and of the manifest.
    let rows = artifact.folder().join(A);
    let unnamed = part::write(
        artifact.folder(),
        &Stream { key: &key(A), folder: A },
        &settings().forms,
        &[],
        &[batch(A, 5, 11, 20)],
    );
    let unnamed = artifact.folder().join(&unnamed.unwrap().files[0].name);
    std::fs::write(rows.join(".new-rows-1.parquet.tmp"), b"half").unwrap();
    std::fs::write(artifact.folder().join(".new-manifest.json.tmp"), b"{").unwrap();
    std::fs::write(rows.join("notes.txt"), b"somebody's own").unwrap();
    assert!(unnamed.is_file());
    let (folder, manifest) = (artifact.folder().to_path_buf(), on_disk(&artifact));
    drop(artifact);
    let artifact = Artifact::open(&folder, manifest);
    assert_eq!(files(&artifact).len(), 2, "{:?}", files(&artifact));
    assert!(!folder.join(".new-manifest.json.tmp").exists());
    let stand = artifact.stand(&key(A)).unwrap();
    assert_eq!(stand.cursor.unwrap().sequence, 10);
}

#[test]
fn small_parts_are_replaced_by_one() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    for (from, to) in [(1, 4), (5, 8), (9, 20)] {
        add(&mut artifact, batch(A, 5, from, to));
        artifact.write(What::All, &settings()).unwrap();
        assert_eq!(files(&artifact).len(), 1);
    }
    let record = &on_disk(&artifact).streams[0];
    assert_eq!((record.parts.len(), record.rows, record.digest.0), (1, 20, digest(A, 1, 20)));
}

#[test]
fn a_rewind_takes_rows_back_from_memory_and_from_the_disk() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    add(&mut artifact, batch(A, 5, 1, 10));
    artifact.write(What::All, &settings()).unwrap();
    add(&mut artifact, batch(A, 5, 11, 20));
    artifact.rewind(&key(A), Epoch(8), Seq(15), &settings().forms).unwrap();
    artifact.write(What::All, &settings()).unwrap();
    let record = on_disk(&artifact).streams[0].clone();
    assert_eq!((record.rows, record.cursor.epoch, record.cursor.sequence), (15, 8, 15));
    add(&mut artifact, batch(A, 8, 16, 17));
    artifact.rewind(&key(A), Epoch(9), Seq(7), &settings().forms).unwrap();
    let record = on_disk(&artifact).streams[0].clone();
    assert_eq!((record.rows, record.cursor.epoch, record.digest.0), (7, 9, digest(A, 1, 7)));
    assert_eq!(files(&artifact).len(), 1);
    add(&mut artifact, batch(A, 9, 8, 30));
    artifact.write(What::All, &settings()).unwrap();
    let record = on_disk(&artifact).streams[0].clone();
    assert_eq!((record.rows, record.digest.0), (30, digest(A, 1, 30)));
    assert_eq!(record.epochs.iter().map(|mark| mark.first).collect::<Vec<_>>(), [1, 8]);
}

#[test]
fn a_disk_that_takes_nothing_loses_nothing() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    add(&mut artifact, batch(A, 5, 1, 10));
    // A file where the stream's folder should be.
    std::fs::write(artifact.folder().join(A), b"").unwrap();
    artifact.write(What::All, &settings()).unwrap_err();
    assert_eq!(artifact.waiting().0, 10);
    add(&mut artifact, batch(A, 5, 11, 12));
    std::fs::remove_file(artifact.folder().join(A)).unwrap();
    artifact.write(What::All, &settings()).unwrap();
    assert_eq!(on_disk(&artifact).streams[0].rows, 12);
}

#[test]
fn the_end_of_its_streams_completes_it() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    add(&mut artifact, last_batch(A, 5, 1, 10));
    assert!(artifact.is_over() && !artifact.is_complete());
    assert!(artifact.due(&settings(), Instant::now()).is_some_and(|(due, _)| due <= Instant::now()));
    artifact.write(What::All, &settings()).unwrap();
    artifact.complete().unwrap();
    assert!(artifact.is_complete());
    let manifest = on_disk(&artifact);
    assert_eq!((manifest.state, manifest.streams[0].closed), (State::Complete, Some(Closed::End)));
    assert!(manifest.completed_at.is_some());
}

#[test]
fn the_last_state_is_written_when_it_changed_and_never_goes_back() {
    let base = tempfile::tempdir().unwrap();
    let (every, mut now) = (Duration::from_secs(1), Instant::now());
    let mut artifact = begin(base.path());
    assert_eq!(artifact.latest_due(every, now), None);
    add(&mut artifact, batch(A, 5, 1, 10));
    artifact.write(What::All, &settings()).unwrap();
    add(&mut artifact, batch(A, 5, 11, 12));
    artifact.write_latest(now).unwrap();
    let read = |artifact: &Artifact| -> crate::Latest {
        serde_json::from_slice(&std::fs::read(artifact.folder().join(LATEST)).unwrap()).unwrap()
    };
    let latest = read(&artifact);
    let row = &latest.streams[A];
    assert_eq!((row.sequence, row.epoch, row.simulated), (12, 5, true));
    assert_eq!(row.row["volume"], 12.0);
    assert_eq!(row.digest, Some(crate::manifest::Hex(digest(A, 1, 12))));
    assert_eq!(latest.source.source_id, "sim");
    add(&mut artifact, batch(A, 5, 13, 13));
    assert_eq!(artifact.latest_due(every, now), Some(now + every), "not too often");
    // Killed here: rows 11 to 13 come again.
    let (folder, manifest) = (artifact.folder().to_path_buf(), on_disk(&artifact));
    let mut artifact = Artifact::open(&folder, manifest);
    add(&mut artifact, batch(A, 5, 11, 11));
    assert_eq!(artifact.latest_due(every, now), None, "row 12 was shown already");
    now += every;
    add(&mut artifact, batch(A, 5, 12, 14));
    artifact.write_latest(now).unwrap();
    assert_eq!(read(&artifact).streams[A].sequence, 14);
}

#[test]
fn a_lost_last_state_is_made_from_the_rows() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    add(&mut artifact, batch(A, 5, 1, 10));
    artifact.write(What::All, &settings()).unwrap();
    let (folder, manifest) = (artifact.folder().to_path_buf(), on_disk(&artifact));
    let mut artifact = Artifact::open(&folder, manifest);
    artifact.write_latest(Instant::now()).unwrap();
    let latest: crate::Latest = serde_json::from_slice(&std::fs::read(folder.join(LATEST)).unwrap()).unwrap();
    assert_eq!((latest.streams[A].sequence, latest.streams[A].epoch), (10, 5));
}

#[test]
fn rows_seen_before_are_left_out() {
    assert_eq!(unseen(batch(A, 5, 1, 10), 0).range(), range(1, 10));
    assert_eq!(unseen(batch(A, 5, 1, 10), 4).range(), range(5, 10));
    assert!(unseen(batch(A, 5, 1, 10), 10).rows.is_empty());
    assert!(unseen(batch(A, 5, 1, 10), 99).rows.is_empty());
}

#[test]
fn a_writer_that_is_killed_before_it_completes_an_artifact_completes_it_at_the_next_start() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    add(&mut artifact, last_batch(A, 5, 1, 10));
    artifact.write(What::All, &settings()).unwrap();
    let (folder, manifest) = (artifact.folder().to_path_buf(), on_disk(&artifact));
    assert_eq!(manifest.state, State::Live);
    let mut artifact = Artifact::open(&folder, manifest);
    assert!(artifact.due(&settings(), Instant::now()).is_some_and(|(due, _)| due <= Instant::now()));
    artifact.complete().unwrap();
    assert_eq!(on_disk(&artifact).state, State::Complete);
}

#[test]
fn an_artifact_that_was_removed_is_begun_again_and_keeps_what_its_streams_have_come_to() {
    let base = tempfile::tempdir().unwrap();
    let mut artifact = begin(base.path());
    add(&mut artifact, last_batch(A, 5, 1, 10));
    artifact.write(What::All, &settings()).unwrap();
    assert!(!artifact.is_lost().unwrap());
    std::fs::remove_file(artifact.folder().join(MANIFEST)).unwrap();
    assert!(!artifact.is_lost().unwrap(), "the manifest alone is written again");
    std::fs::remove_dir_all(artifact.folder()).unwrap();
    assert!(artifact.is_lost().unwrap());
    artifact.begin_again().unwrap();
    assert!(!artifact.is_lost().unwrap() && artifact.is_over());
    let record = on_disk(&artifact).streams[0].clone();
    assert_eq!((record.rows, record.cursor.sequence, record.closed), (0, 10, Some(Closed::End)));
    assert_eq!((record.truncated[0].from, record.truncated[0].to), (1, 10));
    // A stream that goes back behind what is missing goes on from there.
    artifact.rewind(&key(A), Epoch(8), Seq(4), &settings().forms).unwrap();
    add(&mut artifact, batch(A, 8, 5, 6));
    artifact.write(What::All, &settings()).unwrap();
    let record = on_disk(&artifact).streams[0].clone();
    assert_eq!((record.truncated[0].to, record.first, record.last), (4, 5, 6));
}
