//! Any sequence of appends, rolls, reopens, kills and torn tails against a plain list.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<usize>),
    Roll,
    Close,
    Kill,
    /// Killed while the last group was being written: that many bytes of it are missing.
    Tear(usize),
    Retire(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(1usize..120, 1..5).prop_map(Step::Append),
        1 => Just(Step::Roll),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        2 => (1usize..400).prop_map(Step::Tear),
        1 => (0u64..2000).prop_map(Step::Retire),
    ]
}

/// What must be there: every record by position, and how many bytes the last group took.
#[derive(Default)]
struct Model {
    records: Vec<Vec<u8>>,
    last_group: Vec<usize>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn an_acknowledged_record_is_never_lost_changed_or_moved(steps in prop::collection::vec(step(), 1..30)) {
        let dir = folder();
        let mut model = Model::default();
        let mut opened = reopen(dir.path());
        for step in steps {
            match step {
                Step::Append(lengths) => {
                    let first = model.records.len() as u64;
                    let group: Vec<_> = lengths.iter().zip(first..).map(|(length, at)| record(at * 7 + 1, *length)).collect();
                    opened.appender.append(&group).unwrap();
                    model.records.extend(group);
                    model.last_group = lengths;
                }
                Step::Roll => {
                    opened.appender.roll(b"state", NOW).unwrap();
                    model.last_group.clear();
                }
                Step::Retire(max_bytes) => {
                    let retention = Retention { max_age: None, max_bytes: Some(max_bytes), ..Retention::default() };
                    drop(opened);
                    opened = open(Options { retention, ..options(dir.path()) }, NOW).unwrap();
                    opened.journal.retire(NOW).unwrap();
                    model.last_group.clear();
                }
                Step::Close => {
                    let Opened { appender, journal, .. } = opened;
                    appender.close().unwrap();
                    drop(journal);
                    opened = reopen(dir.path());
                    model.last_group.clear();
                }
                Step::Kill => {
                    drop(opened);
                    opened = reopen(dir.path());
                    model.last_group.clear();
                }
                Step::Tear(bytes) => {
                    drop(opened);
                    tear(dir.path(), &mut model, bytes);
                    opened = reopen(dir.path());
                }
            }
            check(&opened.journal, &model)?;
        }
    }
}

/// Cuts into the last group only: what came before it was acknowledged earlier.
fn tear(dir: &Path, model: &mut Model, bytes: usize) {
    let group: usize = model.last_group.iter().map(|length| length + 20).sum();
    let bytes = bytes.min(group);
    let path = last_file(dir);
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - bytes as u64).unwrap();
    let mut left = group - bytes;
    for length in std::mem::take(&mut model.last_group) {
        match left.checked_sub(length + 20) {
            Some(rest) => left = rest,
            None => {
                left = 0;
                model.records.pop();
            }
        }
    }
}

fn check(journal: &Journal, model: &Model) -> Result<(), TestCaseError> {
    let status = journal.status();
    prop_assert_eq!(status.latest.0 as usize, model.records.len());
    let earliest = status.earliest.0 as usize;
    prop_assert_eq!(read_all(journal).unwrap(), &model.records[earliest - 1..]);
    Ok(())
}
