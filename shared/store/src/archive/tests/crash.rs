//! What a process leaves behind when it is killed.

use super::*;
use std::io::BufRead;
use std::process::{Command, Stdio};

/// The crash between the two commits of sealing.
#[test]
fn a_crash_between_partition_and_drop_leaves_every_row_once() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 120)]);
    bench.append(vec![published(&key, 7, 121, 10)]);
    let sealer = bench.archive.sealer().unwrap();
    assert_eq!(sealer.make_partition(Kind::Candles, 1).unwrap(), 120);
    assert_eq!(bench.tables(), ["hot_candles_1", "hot_candles_2", "part_candles_1"]);
    drop(sealer);
    let mut bench = bench.reopen();
    assert_eq!(bench.tables(), ["hot_candles_2", "part_candles_1"]);
    assert_eq!(bench.page(&key, 1, 1000).served, range(1, 130));
    bench.append(vec![published(&key, 7, 131, 1)]);
    assert_eq!(bench.reopen().status(&key).watermark.digest, running(&key, 131));
}

/// The crash before that: the partition has some of its rows, and not its name.
#[test]
fn a_partition_that_was_not_finished_is_begun_anew() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 120)]);
    bench.append(vec![published(&key, 7, 121, 10)]);
    let unfinished = Place::Unfinished(1);
    let connection = &bench.archive.database.connection;
    block_table::create(connection, Kind::Candles, unfinished).unwrap();
    let line = Line::new(unfinished, 0, &Block::of(&published(&key, 7, 1, 50)), &|_| 0);
    block_table::insert(connection, Kind::Candles, unfinished, &[line]).unwrap();
    let bench = bench.reopen();
    assert_eq!(bench.tables(), ["hot_candles_1", "hot_candles_2"]);
    assert_eq!((bench.seal(), bench.tables().len()), (120, 2));
    assert_eq!(bench.page(&key, 1, 1000).served, range(1, 130));
}

/// A drop that failed, and a rewind before the next try: the directory is read from the tables in between.
#[test]
fn a_table_that_was_sorted_and_is_still_there_is_not_sorted_twice() {
    let mut bench = Bench::new();
    let key = key(CANDLES);
    bench.append(vec![published(&key, 7, 1, 120)]);
    bench.append(vec![published(&key, 7, 121, 10)]);
    bench.archive.sealer().unwrap().make_partition(Kind::Candles, 1).unwrap();
    let (position, truth) = (bench.archive.position(), status(&key, 130, &[(7, 1), (8, 131)]));
    bench.archive.rewind(position, Epoch(7), Epoch(8), &[truth]).unwrap();
    bench.seal();
    assert_eq!(bench.tables(), ["hot_candles_2", "part_candles_1"]);
    assert_eq!(bench.page(&key, 1, 1000).served, range(1, 130));
}

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "started and killed by the test below"]
fn appends_until_it_is_killed() {
    let Some(path) = std::env::var_os("GAPLESS_CRASH_TEST") else { return };
    let mut archive = Archive::open_sealing_at(path, &Options::default(), 100).unwrap();
    let mut sealer = archive.sealer().unwrap();
    let key = key(CANDLES);
    std::thread::spawn(move || {
        loop {
            sealer.seal_next().unwrap();
            std::thread::yield_now();
        }
    });
    println!("started");
    loop {
        let at = archive.position().0;
        archive.append(&[(Position(at + 1), published(&key, 7, 1 + at * 30, 30))]).unwrap();
        println!("committed {}", at + 1);
    }
}

#[test]
fn a_killed_process_leaves_rows_and_position_together() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive.duckdb");
    let key = key(CANDLES);
    let mut before = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "archive::tests::crash::appends_until_it_is_killed",
            ])
            .env("GAPLESS_CRASH_TEST", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut commits =
            lines.filter_map(|line| line.rsplit_once("committed ")?.1.trim().parse::<u64>().ok());
        let told = commits.by_ref().take(5 + round * 7).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // Its output was read until here: a closed pipe would have ended it in order.
        drop(commits);
        let archive = Archive::open_sealing_at(&path, &Options::default(), 100).unwrap();
        let position = archive.position().0;
        assert!(position >= told && position > before, "{told} was told committed, {position} is there");
        before = position;
        let reader = archive.reader().unwrap();
        assert_eq!(reader.status(&key).unwrap().watermark.latest, Seq(position * 30));
        assert_eq!(
            reader.digest(&key, range(1, u64::MAX - 1)).unwrap(),
            Some((position * 30, running(&key, position * 30)))
        );
    }
}
