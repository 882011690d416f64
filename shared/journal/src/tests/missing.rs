//! The oldest file is missing.

use super::*;

/// Three segments with two records each.
fn three_segments(dir: &Path, retention: Retention) -> Opened {
    let mut opened = open(Options { retention, ..options(dir) }, NOW).unwrap();
    for _ in 0..3 {
        opened.appender.roll(b"some state", NOW).unwrap();
        append_some(&mut opened.appender, 2);
    }
    opened
}

fn missing(journal: &Journal) -> Vec<(u64, u64, u64)> {
    journal.damage().iter().map(|damage| (damage.first.0, damage.last.0, damage.records())).collect()
}

#[test]
fn a_missing_oldest_file_that_nothing_retired_is_damage() {
    let dir = folder();
    drop(three_segments(dir.path(), Retention::default()));
    let oldest = files(dir.path()).remove(0);
    std::fs::remove_file(&oldest).unwrap();
    for _ in 0..2 {
        let opened = reopen(dir.path());
        assert_eq!(missing(&opened.journal), [(1, 2, 2)]);
        assert_eq!(opened.journal.damage()[0].file, oldest);
        assert_eq!((opened.journal.status().earliest, opened.recovery.left_epoch), (Position(3), None));
    }
}

#[test]
fn what_was_retired_is_not_missing_and_a_missing_file_is_not_when_it_would_be_retired_by_now() {
    let dir = folder();
    let retention = Retention { max_bytes: Some(450), ..Retention::default() };
    let opened = three_segments(dir.path(), retention);
    assert_eq!(opened.journal.retire(NOW).unwrap().up_to, Position(2));
    drop(opened);
    let opened = open(Options { retention, ..options(dir.path()) }, NOW).unwrap();
    assert_eq!(missing(&opened.journal), []);
    drop(opened);
    std::fs::remove_file(files(dir.path()).remove(0)).unwrap();
    let mut opened = open(Options { retention, ..options(dir.path()) }, NOW).unwrap();
    assert_eq!(missing(&opened.journal), [(3, 4, 2)]);
    for _ in 0..2 {
        opened.appender.roll(b"", NOW).unwrap();
        append_some(&mut opened.appender, 2);
    }
    assert!(opened.journal.retire(NOW).unwrap().up_to >= Position(6));
    assert_eq!(missing(&opened.journal), []);
    drop(opened);
    assert_eq!(missing(&reopen(dir.path()).journal), []);
}

#[test]
fn a_journal_of_a_release_that_did_not_say_where_it_begins_claims_nothing() {
    let dir = folder();
    three_segments(dir.path(), Retention::default()).appender.close().unwrap();
    let text = std::fs::read_to_string(dir.path().join("journal.json")).unwrap();
    let body: Vec<_> = text.lines().filter(|line| !line.starts_with("crc32c")).collect();
    let mut meta: serde_json::Value = serde_json::from_str(&body.join("\n")).unwrap();
    assert_eq!(meta.as_object_mut().unwrap().remove("earliest"), Some(1.into()));
    for name in ["journal.json", "journal.json.copy"] {
        std::fs::write(dir.path().join(name), meta.to_string()).unwrap();
    }
    std::fs::remove_file(files(dir.path()).remove(0)).unwrap();
    assert_eq!(missing(&reopen(dir.path()).journal), []);
}
