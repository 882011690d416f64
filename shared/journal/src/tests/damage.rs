use super::*;

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

#[test]
fn a_flipped_bit_at_any_byte_is_found_and_never_served() {
    let dir = small_journal();
    for number in 0..3 {
        let length = std::fs::metadata(&files(dir.path())[number]).unwrap().len() as usize;
        for (at, bit) in (0..length).flat_map(|at| [(at, 0u8), (at, 7)]) {
            let damaged = copy(dir.path());
            let path = &files(damaged.path())[number];
            let mut bytes = std::fs::read(path).unwrap();
            bytes[at] ^= 1 << bit;
            std::fs::write(path, &bytes).unwrap();
            let found = open(options(damaged.path()), NOW).and_then(|opened| read_all(&opened.journal));
            // The preamble of a sealed segment is not needed any more, so a flip there may go unseen.
            let unused = number < 2 && found.as_ref().is_ok_and(|all| *all == expected());
            let refused = matches!(found, Err(JournalError::Damaged { .. }));
            assert!(
                refused || unused && (64..74).contains(&at),
                "file {number} byte {at} bit {bit}: {found:?}"
            );
        }
    }
}

#[test]
fn a_full_check_at_start_finds_a_flip_in_an_old_segment_and_says_where() {
    let dir = small_journal();
    let path = files(dir.path())[0].clone();
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[length - 1] ^= 4;
    std::fs::write(&path, &bytes).unwrap();
    let refused = open(Options { verify: Verify::All, ..options(dir.path()) }, NOW).unwrap_err();
    let JournalError::Damaged { file, offset, reason } = &refused else { panic!("{refused}") };
    assert_eq!((file, *offset as usize), (&path, length - 50), "{reason}");
    assert!(refused.to_string().contains("move the folder away"));
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
    assert!(matches!(open(options(dir.path()), NOW), Err(JournalError::Damaged { .. })));
}

#[test]
fn a_refused_open_changes_no_file() {
    let dir = small_journal();
    let path = last_file(dir.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[length - 60] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let before: Vec<_> = files(dir.path()).iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(open(options(dir.path()), NOW).is_err());
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
