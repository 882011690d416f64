use super::*;

#[test]
fn what_was_appended_is_read_back_in_order_across_segments_and_reopens() {
    let dir = folder();
    let mut expected = Vec::new();
    for round in 0..3 {
        let mut opened = reopen(dir.path());
        for length in [1, 50, 300, 7] {
            let group = [record(round, length), record(length as u64, 10)];
            if opened.appender.wants_roll(NOW) {
                opened.appender.roll(b"state", NOW).unwrap();
            }
            opened.appender.append(&group).unwrap();
            expected.extend(group);
        }
        assert_eq!(read_all(&opened.journal).unwrap(), expected);
        opened.appender.close().unwrap();
    }
    assert!(files(dir.path()).len() > 3);
    let opened = reopen(dir.path());
    assert_eq!(read_all(&opened.journal).unwrap(), expected);
    assert_eq!(opened.journal.latest(), Position(24));
}

#[test]
fn a_read_gives_about_as_many_bytes_as_asked_and_at_least_one_record() {
    let dir = folder();
    let mut opened = open(Options::new(dir.path(), BOOT), NOW).unwrap();
    let group: Vec<_> = (1..=10).map(|at| record(at, 100)).collect();
    opened.appender.append(&group).unwrap();
    let lengths = |max| opened.journal.read(Position(4), max).unwrap().records.len();
    assert_eq!((lengths(0), lengths(99), lengths(250), lengths(1 << 20)), (1, 1, 2, 7));
}

#[test]
fn a_read_past_the_end_is_empty_and_says_where_the_end_is() {
    let dir = folder();
    let mut opened = reopen(dir.path());
    append_some(&mut opened.appender, 2);
    for from in [3, 4, u64::MAX] {
        let read = opened.journal.read(Position(from), 100).unwrap();
        assert_eq!((read.records.len(), read.first, read.latest), (0, Position(3), Position(2)));
    }
    assert_eq!(opened.journal.read(Position::NONE, 1).unwrap().first, Position::FIRST);
}

#[test]
fn any_position_is_found_through_the_sparse_index_also_after_a_reopen() {
    let dir = folder();
    let mut opened = open(Options::new(dir.path(), BOOT), NOW).unwrap();
    for batch in 0..50u64 {
        let group: Vec<_> = (1..=100).map(|at| record(batch * 100 + at, 200)).collect();
        opened.appender.append(&group).unwrap();
        if batch == 25 {
            opened.appender.roll(b"", NOW).unwrap();
        }
    }
    let check = |journal: &Journal| {
        for position in (1..=5000).step_by(37) {
            let read = journal.read(Position(position), 1).unwrap();
            assert_eq!((read.first.0, read.records), (position, vec![record(position, 200)]));
        }
    };
    check(&opened.journal);
    opened.appender.close().unwrap();
    drop(opened.journal);
    check(&reopen(dir.path()).journal);
}

#[test]
fn readers_beside_the_writer_see_only_whole_records() {
    let dir = folder();
    let Opened { mut appender, journal, .. } =
        open(Options { segment_bytes: 20_000, ..options(dir.path()) }, NOW).unwrap();
    let total = 3000;
    let reader = std::thread::spawn(move || {
        let mut next = 1;
        while next <= total {
            for bytes in journal.read(Position(next), 5000).unwrap().records {
                assert_eq!(bytes, record(next, (next % 97) as usize));
                next += 1;
            }
        }
    });
    for position in 1..=total {
        if appender.wants_roll(NOW) {
            appender.roll(b"", NOW).unwrap();
        }
        appender.append(&[record(position, (position % 97) as usize)]).unwrap();
    }
    reader.join().unwrap();
}

#[test]
fn the_newest_preamble_comes_back_with_where_to_replay_from() {
    let dir = folder();
    let mut opened = reopen(dir.path());
    assert_eq!((opened.preamble.len(), opened.replay_from), (0, Position(1)));
    append_some(&mut opened.appender, 3);
    opened.appender.roll(b"state as of 3", NOW).unwrap();
    append_some(&mut opened.appender, 2);
    drop(opened);
    let opened = reopen(dir.path());
    assert_eq!((opened.preamble.as_slice(), opened.replay_from), (&b"state as of 3"[..], Position(4)));
}

#[test]
fn a_segment_without_records_is_not_sealed() {
    let dir = folder();
    let mut opened = reopen(dir.path());
    opened.appender.roll(b"", NOW).unwrap();
    assert_eq!(files(dir.path()).len(), 1);
    assert!(!opened.appender.wants_roll(UnixMillis(i64::MAX)));
}

#[test]
fn empty_and_oversized_records_are_refused_and_nothing_of_their_group_is_written() {
    let dir = folder();
    let mut opened = reopen(dir.path());
    for wrong in [Vec::new(), vec![0; MAX_RECORD_BYTES + 1]] {
        let refused = opened.appender.append(&[record(1, 5), wrong]);
        assert!(matches!(refused, Err(JournalError::RecordSize { .. })));
    }
    assert_eq!(opened.journal.latest(), Position::NONE);
    append_some(&mut opened.appender, 1);
    assert_eq!(read_all(&opened.journal).unwrap(), [record(1, 30)]);
}

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let dir = folder();
    let first = reopen(dir.path());
    assert!(matches!(open(options(dir.path()), NOW), Err(JournalError::Locked { .. })));
    drop(first);
    reopen(dir.path());
}
