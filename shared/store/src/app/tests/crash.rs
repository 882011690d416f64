//! What an application leaves behind when it is killed.

use super::*;
use std::io::BufRead;
use std::process::{Command, Stdio};

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "started and killed by the test below"]
fn commits_until_it_is_killed() {
    let Some(path) = std::env::var_os("GAPLESS_CRASH_TEST") else { return };
    let mut store = AppStore::open(path).unwrap();
    let key = key(CANDLES);
    loop {
        let next = store.cursor(&key).map_or(Seq::FIRST, |cursor| cursor.applied.next());
        store.commit(vec![Change::Rows(published(&key, 7, next.0, 30))]).unwrap();
        println!("committed {}", next.0 + 29);
    }
}

#[test]
fn a_killed_application_finds_its_rows_and_its_cursor_in_agreement() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.duckdb");
    let key = key(CANDLES);
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "app::tests::crash::commits_until_it_is_killed"])
            .env("GAPLESS_CRASH_TEST", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut commits =
            lines.filter_map(|line| line.rsplit_once("committed ")?.1.trim().parse::<u64>().ok());
        let told = commits.by_ref().take(3 + round * 5).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // Its output was read until here: a closed pipe would have ended it in order.
        drop(commits);
        let store = AppStore::open(&path).unwrap();
        let cursor = store.cursor(&key).unwrap();
        let last = cursor.applied.0;
        assert!(last >= told, "{told} was told committed, {last} is there");
        assert_eq!(cursor.digest, running(&key, last));
        let stored = StoredDigest { rows: last, digest: running(&key, last) };
        assert_eq!(store.digest(&key, all()).unwrap(), stored, "no row twice, none missing");
    }
}
