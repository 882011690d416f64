//! The folder is taken away while the journal is open.

use super::*;

fn listed(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut all: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()).collect();
    all.sort_by_key(|entry| entry.path());
    all.iter().map(|entry| (entry.path(), entry.metadata().unwrap().len())).collect()
}

/// An open journal in a folder that can be moved away.
fn in_a_folder() -> (tempfile::TempDir, PathBuf, Opened) {
    let above = folder();
    let dir = above.path().join("journal");
    let mut opened = reopen(&dir);
    append_some(&mut opened.appender, 2);
    opened.journal.retire(NOW).unwrap();
    assert!(opened.journal.halted().is_none());
    (above, dir, opened)
}

fn assert_halts(opened: &mut Opened, what: &str) {
    for _ in 0..2 {
        assert!(matches!(opened.journal.retire(NOW), Err(JournalError::Halted { .. })), "{what}");
    }
    let refused = opened.appender.append(&[b"into nowhere"]).unwrap_err();
    assert!(refused.to_string().contains(what), "{refused}");
}

#[test]
fn a_folder_that_was_moved_away_is_noticed_and_nothing_more_is_taken() {
    let (above, dir, mut opened) = in_a_folder();
    std::fs::rename(&dir, above.path().join("elsewhere")).unwrap();
    assert_halts(&mut opened, "is not there any more");
    assert!(opened.appender.close().is_err());
    assert!(!dir.exists(), "nothing was written");
}

#[test]
fn another_journal_in_the_same_place_is_noticed_and_left_as_it_is() {
    for records in [1, 3] {
        let (above, dir, mut opened) = in_a_folder();
        let other = above.path().join("other");
        let mut another = reopen(&other);
        append_some(&mut another.appender, records);
        another.appender.close().unwrap();
        drop(another.journal);
        std::fs::rename(&dir, above.path().join("elsewhere")).unwrap();
        std::fs::rename(&other, &dir).unwrap();
        let before = listed(&dir);
        assert_halts(&mut opened, "is not the file any more");
        assert!(opened.journal.hear_of("new", NOW).is_err());
        assert!(opened.appender.close().is_err());
        assert_eq!(listed(&dir), before);
    }
}
