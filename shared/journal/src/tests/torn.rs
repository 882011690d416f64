use super::*;

#[test]
fn a_tail_torn_at_any_byte_is_cut_to_the_last_whole_record() {
    let dir = folder();
    let mut opened = reopen(dir.path());
    let mut ends = vec![std::fs::metadata(last_file(dir.path())).unwrap().len()];
    for position in 1..=4 {
        opened.appender.append(&[record(position, position as usize * 9)]).unwrap();
        ends.push(std::fs::metadata(last_file(dir.path())).unwrap().len());
    }
    drop(opened);
    for length in ends[0]..=ends[4] {
        let torn = copy(dir.path());
        let file = std::fs::OpenOptions::new().write(true).open(last_file(torn.path())).unwrap();
        file.set_len(length).unwrap();
        let opened = reopen(torn.path());
        let whole = ends.iter().rposition(|end| *end <= length).unwrap();
        let expected: Vec<_> = (1..=whole as u64).map(|at| record(at, at as usize * 9)).collect();
        assert_eq!(read_all(&opened.journal).unwrap(), expected, "cut to {length} bytes");
        let cut = opened.recovery.cut.map(|cut| (cut.offset, cut.bytes));
        let expected = (ends[whole] != length).then(|| (ends[whole], length - ends[whole]));
        assert_eq!(cut, expected, "cut to {length} bytes");
        assert_eq!(opened.recovery.left_epoch.is_some(), ends[whole] != length, "cut to {length} bytes");
    }
}

#[test]
fn appending_goes_on_after_a_torn_tail_was_cut() {
    let dir = folder();
    let mut opened = reopen(dir.path());
    append_some(&mut opened.appender, 3);
    drop(opened);
    let path = last_file(dir.path());
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    let mut opened = reopen(dir.path());
    assert_eq!(opened.appender.next_position(), Position(3));
    append_some(&mut opened.appender, 2);
    drop(opened);
    let expected: Vec<_> = (1..=4).map(|at| record(at, 30)).collect();
    assert_eq!(read_all(&reopen(dir.path()).journal).unwrap(), expected);
}

#[test]
fn a_short_tail_after_a_proper_close_is_damage() {
    let dir = folder();
    let mut opened = reopen(dir.path());
    append_some(&mut opened.appender, 3);
    opened.appender.close().unwrap();
    drop(opened.journal);
    let path = last_file(dir.path());
    let length = std::fs::metadata(&path).unwrap().len();
    for missing in [1, 50] {
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - missing).unwrap();
        assert!(matches!(open(options(dir.path()), NOW), Err(JournalError::Damaged { .. })), "{missing}");
    }
}

#[test]
fn what_looks_like_a_record_inside_a_torn_one_is_not_taken_for_one() {
    let dir = folder();
    let mut opened = reopen(dir.path());
    append_some(&mut opened.appender, 2);
    for position in [3, 4] {
        let mut payload = b"what a producer sends: ".to_vec();
        crate::frame::put(&mut payload, position, b"never appended");
        payload.extend([b'.'; 50]);
        opened.appender.append(&[payload]).unwrap();
    }
    drop(opened);
    let path = last_file(dir.path());
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 20).unwrap();
    for boot_id in [BOOT, "boot-2"] {
        let copied = copy(dir.path());
        let opened = open(Options { boot_id: boot_id.into(), ..options(copied.path()) }, NOW).unwrap();
        assert_eq!((opened.recovery.latest, opened.recovery.cut.is_some()), (Position(3), true), "{boot_id}");
        assert_eq!(opened.appender.next_position(), Position(4));
    }
}
