//! A journal that was put back from an older copy of its folder.

use super::*;
use gapless_model::Epoch;

const LATER: UnixMillis = UnixMillis(NOW.0 + 60_000);

fn append_named(appender: &mut Appender, name: &str) {
    appender.append(&[name.as_bytes()]).unwrap();
}

/// A copy from when the journal had three records, of which "archive" had two; the journal itself went on to
/// six, and "archive" with it.
fn older_copy() -> tempfile::TempDir {
    let dir = folder();
    let mut opened = reopen(dir.path());
    append_some(&mut opened.appender, 3);
    opened.journal.acknowledge("archive", opened.journal.epoch(), Position(2), NOW).unwrap();
    opened.journal.persist_followers().unwrap();
    copy(dir.path())
}

fn overtake(opened: &Opened, position: u64) {
    opened.journal.acknowledge("archive", opened.journal.epoch(), Position(position), NOW).unwrap();
}

fn later(dir: &Path) -> Opened {
    open(options(dir), LATER).unwrap()
}

fn starts(journal: &Journal) -> Vec<u64> {
    journal.epochs().iter().map(|start| start.first_sequence.0).collect()
}

#[test]
fn a_follower_that_has_more_than_the_journal_stops_it_from_giving_numbers_out_twice() {
    let dir = older_copy();
    let mut opened = reopen(dir.path());
    append_named(&mut opened.appender, "another fourth");
    assert!(opened.journal.halted().is_none());
    overtake(&opened, 6);
    let reason = opened.journal.halted().unwrap().to_string();
    for part in ["\"archive\"", "record 6", "ends at 4", "(at 3 when", "older copy", "restart"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    let refused = opened.appender.append(&[b"another fifth"]);
    assert!(matches!(refused, Err(JournalError::Halted { .. })), "{refused:?}");
    assert_eq!(opened.journal.read(Position(4), 1).unwrap().records, [b"another fourth"]);
}

#[test]
fn what_was_added_to_the_copy_is_of_the_epoch_that_the_next_open_begins() {
    for is_closed in [true, false] {
        let dir = older_copy();
        let mut opened = reopen(dir.path());
        for name in ["another fourth", "another fifth"] {
            append_named(&mut opened.appender, name);
        }
        let old = opened.journal.epoch();
        overtake(&opened, 6);
        if is_closed {
            opened.appender.close().unwrap();
        } else {
            drop(opened.appender);
        }
        drop(opened.journal);
        for _ in 0..2 {
            let opened = later(dir.path());
            let new = Epoch(LATER.0 as u64);
            assert!(new > old && opened.journal.epoch() == new);
            assert_eq!(starts(&opened.journal), [1, 4]);
            let overruled = (3..=6).map(|at| opened.journal.overruled(Position(at))).collect::<Vec<_>>();
            assert_eq!(overruled, [None, Some(new), Some(new), None]);
            assert_eq!(opened.appender.next_position(), Position(6));
            let archive = &opened.journal.followers()[0];
            assert!(archive.acknowledged <= Position(3), "{archive:?}");
            assert!(opened.journal.halted().is_none());
            opened.journal.persist_followers().unwrap();
        }
    }
}

#[test]
fn the_epoch_begins_where_the_copy_ended_also_when_it_was_opened_more_than_once_before_it_showed() {
    let dir = older_copy();
    let mut opened = reopen(dir.path());
    append_named(&mut opened.appender, "another fourth");
    opened.journal.retire(NOW).unwrap();
    drop(opened);
    overtake(&reopen(dir.path()), 6);
    assert_eq!(starts(&later(dir.path()).journal), [1, 4]);
}

#[test]
fn a_state_that_was_put_down_after_the_copy_is_not_restored() {
    let dir = older_copy();
    let mut opened = reopen(dir.path());
    opened.appender.roll(b"as of the third", NOW).unwrap();
    append_named(&mut opened.appender, "another fourth");
    opened.appender.roll(b"as of another fourth", NOW).unwrap();
    append_named(&mut opened.appender, "another fifth");
    overtake(&opened, 6);
    drop(opened);
    for _ in 0..2 {
        let opened = later(dir.path());
        let restored = (opened.preamble.as_slice(), opened.replay_from);
        assert_eq!(restored, (&b"as of the third"[..], Position(4)));
    }
    let mut opened = later(dir.path());
    opened.appender.roll(b"as of another fifth", LATER).unwrap();
    append_named(&mut opened.appender, "sixth");
    drop(opened);
    assert_eq!(later(dir.path()).replay_from, Position(6));
}

#[test]
fn a_position_of_another_epoch_or_of_none_proves_nothing() {
    let dir = older_copy();
    let mut opened = reopen(dir.path());
    let epoch = opened.journal.epoch();
    for other in [Epoch(epoch.0 - 1), Epoch(epoch.0 + 1), Epoch::UNSTATED] {
        opened.journal.acknowledge("archive", other, Position(600), NOW).unwrap();
    }
    opened.journal.acknowledge("archive", epoch, Position(3), NOW).unwrap();
    assert!(opened.journal.halted().is_none());
    append_some(&mut opened.appender, 1);
    drop(opened);
    assert_eq!(starts(&later(dir.path()).journal), [1]);
}

#[test]
fn the_follower_that_proves_it_is_not_forgotten_and_nothing_is_retired_meanwhile() {
    let dir = older_copy();
    let retention = Retention { max_bytes: Some(1), ..Retention::default() };
    let mut opened = open(Options { retention, ..options(dir.path()) }, NOW).unwrap();
    opened.appender.roll(b"", NOW).unwrap();
    overtake(&opened, 6);
    assert!(opened.journal.forget_follower("archive").is_err());
    assert_eq!(opened.journal.retire(NOW).unwrap(), Retired::default());
}
