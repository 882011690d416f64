use super::*;
use gapless_model::Epoch;
use std::collections::BTreeMap;

/// Three segments with two records each, as a killed process leaves them.
fn small_journal() -> tempfile::TempDir {
    let dir = folder();
    let mut opened = reopen(dir.path());
    for _ in 0..3 {
        opened.appender.roll(b"some state", NOW).unwrap();
        append_some(&mut opened.appender, 2);
    }
    assert_eq!(files(dir.path()).len(), 3);
    dir
}

fn expected() -> Vec<Vec<u8>> {
    (1..=6).map(|at| record(at, 30)).collect()
}

/// What is served, by position, read as a follower does: on from what came, or from the next position.
fn served(journal: &Journal) -> BTreeMap<u64, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut from = Position::FIRST;
    while from <= journal.latest() {
        let read = journal.read(from, 100).unwrap();
        assert!(read.first >= from, "{from}: {read:?}");
        from = Position(read.first.0 + read.records.len() as u64).max(from.next());
        all.extend((read.first.0..).zip(read.records));
    }
    all
}

fn flip(path: &Path, at: usize, bit: u8) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    std::fs::write(path, &bytes).unwrap();
}

#[test]
fn a_flipped_bit_at_any_byte_is_never_served_and_takes_one_record_at_most() {
    let dir = small_journal();
    let expected: BTreeMap<u64, Vec<u8>> = (1..).zip(expected()).collect();
    for number in 0..3 {
        let length = std::fs::metadata(&files(dir.path())[number]).unwrap().len() as usize;
        for (at, bit) in (0..length).flat_map(|at| [(at, 0u8), (at, 7)]) {
            let damaged = copy(dir.path());
            flip(&files(damaged.path())[number], at, bit);
            let opened = reopen(damaged.path());
            let served = served(&opened.journal);
            let found = opened.journal.damage();
            let place = format!("file {number} byte {at} bit {bit}: {found:?}, {:?}", opened.recovery);
            let missing: Vec<u64> = expected.keys().copied().filter(|at| !served.contains_key(at)).collect();
            assert!(served.iter().all(|(at, record)| expected[at] == *record), "{place}");
            assert!(missing.len() <= 1, "{missing:?} {place}");
            let records: Vec<u64> = found.iter().flat_map(|d| d.first.0..=d.last.0).collect();
            let cut = opened.recovery.cut.is_some().then_some(6);
            assert_eq!(missing, records.into_iter().chain(cut).collect::<Vec<_>>(), "{place}");
            // The preamble of a sealed segment is not needed any more, so a flip there may go unseen.
            let unused = number < 2 && (64..74).contains(&at);
            assert!(unused || cut.is_some() || !found.is_empty(), "{place}");
            assert_eq!(opened.recovery.left_epoch.is_some(), number == 2 && !missing.is_empty(), "{place}");
        }
    }
}

#[test]
fn the_state_is_restored_from_an_older_preamble_when_the_newest_is_damaged() {
    for at in [0, 30, 66] {
        let dir = small_journal();
        flip(&last_file(dir.path()), at, 3);
        let opened = reopen(dir.path());
        assert_eq!((opened.preamble.as_slice(), opened.replay_from), (&b"some state"[..], Position(3)));
        assert_eq!(opened.recovery.left_epoch, None, "nothing is lost");
        let said = opened.journal.damage()[0].to_string();
        assert!(said.starts_with("the header of") && said.contains(".log"), "{said}");
        assert_eq!(read_all(&opened.journal).unwrap(), expected());
    }
}

#[test]
fn damage_in_the_segment_being_written_begins_one_epoch_and_writing_goes_on() {
    let dir = small_journal();
    let path = last_file(dir.path());
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    flip(&path, length - 60, 1);
    let mut opened = reopen(dir.path());
    assert!(opened.recovery.left_epoch.is_some() && opened.recovery.cut.is_none());
    append_some(&mut opened.appender, 1);
    let epoch = opened.journal.epoch();
    drop(opened);
    let opened = reopen(dir.path());
    assert_eq!((opened.journal.epoch(), opened.recovery.left_epoch), (epoch, None));
    assert_eq!(served(&opened.journal).into_keys().collect::<Vec<_>>(), [1, 2, 3, 4, 6, 7]);
    let start = opened.journal.epochs()[1];
    assert_eq!((start.epoch, start.first_sequence.0), (epoch, 7));
}

#[test]
fn damage_is_found_under_a_reader_and_gone_with_its_segment() {
    let dir = folder();
    let retention = Retention { max_bytes: Some(400), ..Retention::default() };
    let mut opened = open(Options { retention, ..options(dir.path()) }, NOW).unwrap();
    append_some(&mut opened.appender, 5);
    assert_eq!(served(&opened.journal).len(), 5);
    flip(&last_file(dir.path()), 64 + 150 + 30, 0);
    assert_eq!(served(&opened.journal).into_keys().collect::<Vec<_>>(), [1, 2, 3, 5]);
    opened.appender.roll(b"", NOW).unwrap();
    assert_eq!(served(&opened.journal).into_keys().collect::<Vec<_>>(), [1, 2, 3, 5]);
    let found = opened.journal.damage();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].offset, found[0].first, found[0].last), (64 + 150, Position(4), Position(4)));
    append_some(&mut opened.appender, 5);
    opened.journal.retire(NOW).unwrap();
    assert_eq!((opened.journal.status().earliest, opened.journal.damage()), (Position(6), vec![]));
}

#[test]
fn a_full_check_at_start_finds_a_flip_in_an_old_segment_and_says_where() {
    let dir = small_journal();
    let path = files(dir.path())[0].clone();
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    flip(&path, length - 1, 2);
    assert_eq!(reopen(dir.path()).journal.damage(), []);
    let opened = open(Options { verify: Verify::All, ..options(dir.path()) }, NOW).unwrap();
    let found = opened.journal.damage();
    let reason = "the checksum of a record is wrong".to_owned();
    let (offset, first, last) = (length as u64 - 50, Position(2), Position(2));
    assert_eq!(found, [Damage { file: path, offset, first, last, reason }]);
}

#[test]
fn a_missing_a_shortened_and_a_lengthened_segment_are_refused_at_start() {
    type Harm = fn(&Path);
    let harms: [Harm; 3] = [
        |path| std::fs::remove_file(path).unwrap(),
        |path| {
            let length = std::fs::metadata(path).unwrap().len();
            std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length - 1).unwrap();
        },
        |path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes.push(0);
            std::fs::write(path, bytes).unwrap();
        },
    ];
    for (number, harm) in harms.into_iter().enumerate() {
        let dir = small_journal();
        harm(&files(dir.path())[1]);
        let refused = open(options(dir.path()), NOW);
        assert!(matches!(refused, Err(JournalError::Damaged { .. })), "harm {number}");
    }
}

#[test]
fn a_missing_last_segment_is_refused_after_a_proper_close() {
    let dir = small_journal();
    let opened = reopen(dir.path());
    opened.appender.close().unwrap();
    drop(opened.journal);
    std::fs::remove_file(last_file(dir.path())).unwrap();
    assert!(matches!(open(options(dir.path()), NOW), Err(JournalError::Damaged { .. })));
}

#[test]
fn records_without_their_epochs_are_refused() {
    let dir = small_journal();
    std::fs::remove_file(dir.path().join("journal.json")).unwrap();
    let opened = reopen(dir.path());
    assert_eq!(opened.journal.damage().len(), 1, "the copy is as good");
    assert!(opened.recovery.left_epoch.is_some(), "what it says of the last run may be old");
    drop(opened);
    for name in ["journal.json", "journal.json.copy"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    let refused = open(options(dir.path()), NOW).unwrap_err();
    assert!(matches!(refused, JournalError::Damaged { .. }));
    assert_eq!(refused.to_string().matches("new history").count(), 1, "{refused}");
}

#[test]
fn a_refused_open_changes_no_file() {
    let dir = small_journal();
    let length = std::fs::metadata(&files(dir.path())[1]).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(&files(dir.path())[1]).unwrap();
    file.set_len(length - 3).unwrap();
    let before: Vec<_> = files(dir.path()).iter().map(|path| std::fs::read(path).unwrap()).collect();
    let refused = open(options(dir.path()), NOW).unwrap_err();
    assert!(refused.to_string().contains("move the folder away"), "{refused}");
    let after: Vec<_> = files(dir.path()).iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(before, after);
}

#[test]
fn leftovers_of_an_unfinished_roll_are_removed() {
    let dir = small_journal();
    let leftover = dir.path().join(".new-abc.tmp");
    std::fs::write(&leftover, b"half a header").unwrap();
    assert_eq!(read_all(&reopen(dir.path()).journal).unwrap(), expected());
    assert!(!leftover.exists());
}

#[test]
fn a_flipped_bit_in_a_side_file_costs_an_epoch_at_most() {
    let dir = small_journal();
    let before = reopen(dir.path());
    before.journal.acknowledge("archive", Epoch::UNSTATED, Position(4), NOW).unwrap();
    before.appender.close().unwrap();
    drop(before.journal);
    for name in ["journal.json", "journal.json.copy", "followers.json", "followers.json.copy"] {
        let length = std::fs::metadata(dir.path().join(name)).unwrap().len() as usize;
        for at in 0..length {
            let damaged = copy(dir.path());
            flip(&damaged.path().join(name), at, (at % 8) as u8);
            let opened = reopen(damaged.path());
            let found = opened.journal.damage();
            let place = format!("{name} byte {at}: {found:?}");
            assert_eq!(read_all(&opened.journal).unwrap(), expected(), "{place}");
            assert_eq!(opened.journal.followers()[0].acknowledged, Position(4), "{place}");
            let epochs = opened.journal.epochs();
            assert_eq!(epochs[0].epoch.0, NOW.0 as u64, "{place}");
            assert_eq!(epochs.len() > 1, name == "journal.json" && !found.is_empty(), "{place}");
            opened.journal.persist_followers().unwrap();
            drop(opened);
            assert_eq!(reopen(damaged.path()).journal.damage(), [], "it is mended: {place}");
        }
    }
}
