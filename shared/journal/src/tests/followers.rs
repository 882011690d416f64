use super::*;
use gapless_model::Epoch;
use std::time::Duration;

/// Five sealed segments of two records, begun a minute apart, and the one being written.
fn five_segments(dir: &Path, retention: Retention) -> Opened {
    let mut opened = open(Options { retention, ..options(dir) }, NOW).unwrap();
    for minute in 1..=5 {
        append_some(&mut opened.appender, 2);
        opened.appender.roll(b"", UnixMillis(NOW.0 + minute * 60_000)).unwrap();
    }
    append_some(&mut opened.appender, 2);
    opened
}

fn by_age(minutes: u64) -> Retention {
    Retention { max_age: Some(Duration::from_secs(minutes * 60)), max_bytes: None, ..Retention::default() }
}

fn minute(at: i64) -> UnixMillis {
    UnixMillis(NOW.0 + at * 60_000 + 1)
}

#[test]
fn segments_are_retired_by_the_age_of_their_newest_record() {
    let dir = folder();
    let opened = five_segments(dir.path(), by_age(10));
    assert_eq!(opened.journal.retire(minute(10)).unwrap().segments, 0);
    let retired = opened.journal.retire(minute(12)).unwrap();
    assert_eq!((retired.segments, retired.up_to), (2, Position(4)));
    assert_eq!(opened.journal.status().earliest, Position(5));
    assert_eq!(files(dir.path()).len(), 4);
}

#[test]
fn segments_are_retired_until_the_size_fits() {
    let dir = folder();
    let opened = five_segments(dir.path(), Retention::default());
    let bytes = opened.journal.status().bytes;
    drop(opened);
    let one = bytes / 6;
    let retention = Retention { max_age: None, max_bytes: Some(bytes - one), ..Retention::default() };
    let opened = open(Options { retention, ..options(dir.path()) }, NOW).unwrap();
    assert_eq!(opened.journal.retire(NOW).unwrap().segments, 1);
    assert_eq!(opened.journal.status().bytes, bytes - one);
    assert_eq!(opened.journal.read(Position(1), 1).unwrap().first, Position(3));
}

#[test]
fn the_segment_being_written_is_never_retired() {
    let dir = folder();
    let opened = five_segments(
        dir.path(),
        Retention { max_age: Some(Duration::ZERO), max_bytes: Some(0), ..Retention::default() },
    );
    opened.journal.retire(UnixMillis(i64::MAX)).unwrap();
    assert_eq!(opened.journal.status().earliest, Position(11));
    assert_eq!(read_all(&opened.journal).unwrap(), [record(11, 30), record(12, 30)]);
}

#[test]
fn nothing_that_a_registered_follower_still_needs_is_retired_also_after_a_reopen() {
    let dir = folder();
    let opened = five_segments(dir.path(), by_age(1));
    opened.journal.acknowledge("archive", Epoch::UNSTATED, Position(5), NOW).unwrap();
    opened.journal.acknowledge("engine", Epoch::UNSTATED, Position(12), NOW).unwrap();
    drop(opened);
    let opened = open(Options { retention: by_age(1), ..options(dir.path()) }, NOW).unwrap();
    let retired = opened.journal.retire(minute(100)).unwrap();
    assert_eq!((retired.up_to, retired.held_by.as_deref()), (Position(4), Some("archive")));
    opened.journal.acknowledge("archive", Epoch::UNSTATED, Position(6), NOW).unwrap();
    assert_eq!(opened.journal.retire(minute(100)).unwrap().up_to, Position(6));
    assert!(opened.journal.forget_follower("archive").unwrap());
    assert_eq!(opened.journal.retire(minute(100)).unwrap().up_to, Position(10));
}

#[test]
fn acknowledged_positions_are_stored_with_the_next_tick() {
    let dir = folder();
    let opened = five_segments(dir.path(), Retention::default());
    opened.journal.acknowledge("a", Epoch::UNSTATED, Position(1), NOW).unwrap();
    opened.journal.acknowledge("a", Epoch::UNSTATED, Position(3), minute(1)).unwrap();
    opened.journal.acknowledge("b", Epoch::UNSTATED, Position(u64::MAX), minute(2)).unwrap();
    opened.journal.persist_followers().unwrap();
    drop(opened);
    let status = |id: &str, acknowledged, seen| FollowerStatus {
        id: id.into(),
        acknowledged: Position(acknowledged),
        seen,
    };
    assert_eq!(
        reopen(dir.path()).journal.followers(),
        [status("a", 3, minute(1)), status("b", 12, minute(2))]
    );
}

#[test]
fn a_follower_that_is_only_heard_of_needs_what_it_needed_before() {
    let dir = folder();
    let opened = five_segments(dir.path(), Retention::default());
    opened.journal.acknowledge("known", Epoch::UNSTATED, Position(9), NOW).unwrap();
    opened.journal.hear_of("known", minute(1)).unwrap();
    opened.journal.hear_of("new", minute(1)).unwrap();
    let known = opened.journal.followers();
    let known: Vec<_> = known.iter().map(|f| (f.id.as_str(), f.acknowledged.0, f.seen)).collect();
    assert_eq!(known, [("known", 9, minute(1)), ("new", 0, minute(1))]);
}

#[test]
fn a_follower_has_acknowledged_nothing_of_a_journal_that_started_over() {
    let dir = folder();
    let opened = five_segments(dir.path(), Retention::default());
    opened.journal.acknowledge("a", Epoch::UNSTATED, Position(9), NOW).unwrap();
    drop(opened);
    for file in files(dir.path()) {
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(reopen(dir.path()).journal.followers()[0].acknowledged, Position::NONE);
}

#[test]
fn unusable_ids_and_too_many_followers_are_refused() {
    let dir = folder();
    let opened = reopen(dir.path());
    for id in ["", "a b", "ü", &"x".repeat(129)] {
        assert!(matches!(
            opened.journal.acknowledge(id, Epoch::UNSTATED, Position(1), NOW),
            Err(JournalError::Follower { .. })
        ));
    }
    for number in 0..MAX_FOLLOWERS {
        opened.journal.acknowledge(&format!("f{number}"), Epoch::UNSTATED, Position(1), NOW).unwrap();
    }
    assert!(matches!(
        opened.journal.acknowledge("more", Epoch::UNSTATED, Position(1), NOW),
        Err(JournalError::Follower { .. })
    ));
    opened.journal.acknowledge("f0", Epoch::UNSTATED, Position(1), NOW).unwrap();
}

#[test]
fn a_slow_journal_is_sealed_by_age_so_that_it_can_be_retired() {
    let dir = folder();
    let mut opened =
        open(Options { retention: by_age(80), segment_bytes: u64::MAX, ..options(dir.path()) }, NOW).unwrap();
    append_some(&mut opened.appender, 1);
    assert!(!opened.appender.wants_roll(minute(9)));
    assert!(opened.appender.wants_roll(minute(10)));
}

const LEASE: Duration = Duration::from_secs(3600);

fn with_lease() -> Retention {
    Retention { follower_lease: Some(LEASE), ..by_age(1) }
}

/// Looks once a minute, as a service does more often; returns what went in the last look.
fn look_for_minutes(journal: &Journal, minutes: std::ops::RangeInclusive<i64>) -> Retired {
    minutes.map(|at| journal.retire(minute(at)).unwrap()).fold(Retired::default(), |_, now| now)
}

#[test]
fn a_follower_that_is_gone_for_longer_than_its_lease_holds_nothing_back_and_gets_what_is_left() {
    let dir = folder();
    let opened = five_segments(dir.path(), with_lease());
    opened.journal.acknowledge("gone", Epoch::UNSTATED, Position(1), NOW).unwrap();
    let held = look_for_minutes(&opened.journal, 10..=70);
    assert_eq!((held.segments, held.held_by.as_deref()), (0, Some("gone")));
    opened.journal.acknowledge("slow", Epoch::UNSTATED, Position(5), minute(70)).unwrap();
    let retired = look_for_minutes(&opened.journal, 71..=71);
    let forgotten = FollowerStatus { id: "gone".into(), acknowledged: Position(1), seen: NOW };
    assert_eq!(
        (retired.up_to, retired.forgotten, retired.held_by.as_deref()),
        (Position(4), vec![forgotten], Some("slow"))
    );
    assert_eq!(opened.journal.read(Position(2), 1).unwrap().first, Position(5));
    drop(opened);
    assert_eq!(reopen(dir.path()).journal.followers()[0].id, "slow");
}

#[test]
fn a_lease_counts_only_time_that_the_journal_was_open_for() {
    let dir = folder();
    let opened = five_segments(dir.path(), with_lease());
    opened.journal.acknowledge("away", Epoch::UNSTATED, Position(1), NOW).unwrap();
    drop(opened);
    let opened = open(Options { retention: with_lease(), ..options(dir.path()) }, minute(10_000)).unwrap();
    let held = look_for_minutes(&opened.journal, 10_000..=10_060);
    assert_eq!(held.held_by.as_deref(), Some("away"));
    assert_eq!(look_for_minutes(&opened.journal, 10_061..=10_061).forgotten.len(), 1);
}

#[test]
fn a_clock_that_jumps_ends_no_lease() {
    let dir = folder();
    let opened = five_segments(dir.path(), with_lease());
    opened.journal.acknowledge("here", Epoch::UNSTATED, Position(1), NOW).unwrap();
    for at in [0, 1_000_000, -1_000_000, 1_000_000] {
        let held = opened.journal.retire(minute(at)).unwrap();
        assert!(held.forgotten.is_empty());
    }
    assert_eq!(opened.journal.followers().len(), 1);
}

#[test]
fn a_follower_that_needs_nothing_of_what_is_retired_stays_known() {
    let dir = folder();
    let opened = five_segments(dir.path(), with_lease());
    opened.journal.acknowledge("quiet", Epoch::UNSTATED, Position(12), NOW).unwrap();
    let retired = (0..200).map(|at| opened.journal.retire(minute(at)).unwrap().segments).sum::<usize>();
    assert_eq!((retired, opened.journal.followers().len()), (5, 1));
}
