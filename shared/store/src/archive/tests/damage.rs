//! Bits that a disk turns over: found, never served.

use super::*;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

const ROWS: u64 = 30_000;
const BATCH: u64 = 100;
/// Flips per file. The places are spread evenly, headers included.
const FLIPS: u64 = 64;

/// Two streams, most of their rows sorted into partitions, some in a hot table, all in the main file.
fn intact(folder: &Path) -> PathBuf {
    let path = folder.join("intact.duckdb");
    let mut archive = Archive::open_sealing_at(&path, &Options::default(), ROWS).unwrap();
    let mut position = 0;
    for from in (1..=ROWS).step_by(BATCH as usize * 10) {
        let starts = (from..from + BATCH * 10).step_by(BATCH as usize);
        let batches = starts.flat_map(|start| keys().map(|key| batch(&key, 7, start, BATCH)));
        let records: Vec<(Position, Batch)> = (position + 1..).map(Position).zip(batches).collect();
        position += records.len() as u64;
        archive.append(&records).unwrap();
    }
    assert!(archive.sealer().unwrap().seal_next().unwrap().is_some());
    archive.checkpoint().unwrap();
    path
}

fn keys() -> [StreamKey; 2] {
    [key(CANDLES), key("candles.sim.ETH-USD.1m")]
}

fn flip(path: &Path, at: u64) {
    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ (1 << (at % 8))]).unwrap();
}

/// Pages of 1,000 rows that were right, and those that were refused. A wrong row fails the test.
fn read(archive: &Archive) -> (u64, u64) {
    let reader = archive.reader().unwrap();
    let (mut right, mut refused) = (0, 0);
    for key in keys() {
        for from in (1..=ROWS).step_by(1000) {
            match reader.page(&key, range(from, from + 999), 1000, usize::MAX) {
                Ok(page) => {
                    let page = page.expect("the stream is known");
                    assert_eq!(page.served, range(from, from + 999));
                    for found in &page.batches {
                        let rows = found.rows.len() as u64;
                        assert_eq!(found.rows, batch(&key, 7, found.start.0, rows).rows);
                    }
                    right += 1;
                }
                Err(StoreError::Damaged(_)) => refused += 1,
                Err(other) => panic!("{other}: not said to be damage"),
            }
        }
    }
    (right, refused)
}

#[test]
fn a_flipped_bit_is_refused_or_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let intact = intact(folder.path());
    let size = fs::metadata(&intact).unwrap().len();
    let (mut unopenable, mut right, mut refused) = (0, 0, 0);
    for flipped in 0..FLIPS {
        let path = folder.path().join(format!("flipped-{flipped}.duckdb"));
        fs::copy(&intact, &path).unwrap();
        flip(&path, size * flipped / FLIPS + flipped * 37 % 4096);
        match Archive::open_sealing_at(&path, &Options::default(), ROWS) {
            Ok(archive) => {
                let (pages, errors) = read(&archive);
                (right, refused) = (right + pages, refused + errors);
            }
            Err(StoreError::Damaged(_)) => unopenable += 1,
            Err(other) => panic!("flip {flipped}: {other}: not said to be damage"),
        }
        fs::remove_file(&path).unwrap();
    }
    println!(
        "{FLIPS} flips in {size} bytes: {unopenable} files refused, {right} pages right, {refused} refused"
    );
    assert!(unopenable + refused > 0 && right > 0);
}

#[test]
fn a_flipped_bit_in_the_log_costs_whole_commits_or_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.duckdb");
    let mut archive = Archive::open_sealing_at(&path, &Options::default(), ROWS).unwrap();
    let key = key(CANDLES);
    for position in 1..=20 {
        archive.append(&[(Position(position), batch(&key, 7, position * BATCH - BATCH + 1, BATCH))]).unwrap();
    }
    // What a kill leaves: nothing is brought from the log into the main file.
    let log = |path: &Path| PathBuf::from(format!("{}.wal", path.display()));
    let image = folder.path().join("image.duckdb");
    fs::copy(&path, &image).unwrap();
    fs::copy(log(&path), log(&image)).unwrap();
    drop(archive);
    let size = fs::metadata(log(&image)).unwrap().len();
    let (mut whole, mut shorter, mut refused) = (0, 0, 0);
    for flipped in 0..FLIPS / 2 {
        let path = folder.path().join(format!("flipped-{flipped}.duckdb"));
        fs::copy(&image, &path).unwrap();
        fs::copy(log(&image), log(&path)).unwrap();
        flip(&log(&path), (size * 2 * flipped / FLIPS + flipped * 5).min(size - 1));
        match Archive::open_sealing_at(&path, &Options::default(), ROWS) {
            Ok(archive) => {
                let rows = archive.position().0 * BATCH;
                let status = archive.reader().unwrap().status(&key);
                assert_eq!(status.map_or(Seq::NONE, |status| status.watermark.latest), Seq(rows));
                let page = archive.reader().unwrap().page(&key, range(1, rows), rows, usize::MAX).unwrap();
                for found in page.into_iter().flat_map(|page| page.batches) {
                    let rows = found.rows.len() as u64;
                    assert_eq!(found.rows, batch(&key, 7, found.start.0, rows).rows);
                }
                if rows == 20 * BATCH { whole += 1 } else { shorter += 1 }
            }
            Err(StoreError::Damaged(_)) => refused += 1,
            Err(other) => panic!("flip {flipped}: {other}: not said to be damage"),
        }
    }
    println!(
        "{} flips in a log of {size} bytes: {whole} whole, {shorter} shorter, {refused} refused",
        FLIPS / 2
    );
    assert!(shorter + refused > 0);
}

#[test]
fn rows_changed_past_the_checksums_are_refused() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append((0..4).map(|n| published(&key, 7, 1 + n * 100, 100)).collect());
    bench.change(Place::Hot(1), 25, |batch| change_close(batch, 25));
    let reader = bench.archive.reader().unwrap();
    let whole = reader.page(&key, range(1, 400), 400, usize::MAX);
    assert!(matches!(&whole, Err(StoreError::Damaged(reason)) if reason.contains("not those")), "{whole:?}");
    assert_eq!(reader.page(&key, range(1, 20), 100, usize::MAX).unwrap().unwrap().served, range(1, 20));
    assert!(!reader.check(&key).unwrap().iter().all(RangeCheck::is_sound));
}

#[test]
fn a_batch_larger_than_a_block_is_compared_as_a_whole() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 100), published(&key, 7, 101, 9_000)]);
    let page =
        |bench: &Bench| bench.archive.reader().unwrap().page(&key, range(1, 9_100), 10_000, usize::MAX);
    let whole = page(&bench).unwrap().unwrap();
    assert_eq!(ranges(&whole.batches), [range(1, 100), range(101, 9_100)]);
    bench.change(Place::Hot(1), 3_000, |batch| change_close(batch, 3_000));
    assert!(matches!(page(&bench), Err(StoreError::Damaged(reason)) if reason.contains("not those")));
}

#[test]
fn an_archive_that_is_set_aside_makes_room_for_a_new_one() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 5)]);
    let path = bench.path();
    assert!(matches!(Archive::set_aside(&path), Err(StoreError::Owned { .. })));
    let Bench { dir, archive, .. } = bench;
    drop(archive);
    let aside = Archive::set_aside(&path).unwrap().unwrap();
    assert_eq!(aside, dir.path().join("archive.aside-1.duckdb"));
    assert_eq!(Archive::set_aside(&path).unwrap(), None);
    assert_eq!(Archive::open(&path, &Options::default()).unwrap().position(), Position::NONE);
    assert_eq!(Archive::open(&aside, &Options::default()).unwrap().position(), Position(1));
    assert_eq!(Archive::set_aside(&path).unwrap().unwrap(), dir.path().join("archive.aside-2.duckdb"));
}
