use super::*;
use gapless_disk::{Disk, MemoryDisk, RealDisk};
use gapless_model::{Epoch, EpochStart, Seq, UnixMillis};
use std::path::Path;

fn header(epoch: u64, position: u64) -> Header {
    Header { partition: 0, epoch: Epoch(epoch), position: Position(position), streams: 1 }
}

fn journal(latest: u64) -> JournalStatusResponse {
    let start = |epoch, first| EpochStart { epoch: Epoch(epoch), first_sequence: Seq(first) };
    JournalStatusResponse {
        partition: 0,
        epoch: Epoch(20),
        earliest: Position(1),
        latest: Position(latest),
        epochs: vec![start(8, 1), start(10, 61), start(20, 51)],
        streams: Vec::new(),
        server_time: UnixMillis(0),
    }
}

fn keeper(disk: &MemoryDisk, keep: usize) -> Keeper {
    let folder = CheckpointFolder::open(Arc::new(disk.clone()), Path::new("/checkpoints")).unwrap();
    Keeper::new(folder, keep)
}

fn state(epoch: u64, position: u64) -> EngineCheckpoint {
    let parts = vec![b"part one".to_vec(), b"part two".to_vec()];
    EngineCheckpoint { partition: 0, epoch: Epoch(epoch), position: Position(position), streams: 1, parts }
}

fn path(position: u64) -> PathBuf {
    Path::new("/checkpoints").join(file_name(Position(position)))
}

#[test]
fn a_checkpoint_counts_only_for_the_history_that_it_belongs_to() {
    let holds = |epoch, position| holds(&header(epoch, position), &journal(80));
    assert!(holds(20, 70));
    assert!(holds(10, 50), "shared by all epochs since");
    assert!(!holds(10, 51), "this record was another one then");
    assert!(!holds(8, 55), "an epoch before the last one kept it, the last one did not");
    assert!(!holds(20, 81), "the journal has lost it");
    assert!(!holds(15, 5), "another journal");
}

#[test]
fn the_journal_keeps_what_the_checkpoint_before_the_newest_needs() {
    let mut keeper = keeper(&MemoryDisk::default(), 3);
    let told = |keeper: &Keeper| keeper.acknowledged(&journal(80)).0;
    assert_eq!(told(&keeper), 0);
    for (position, acknowledged) in [(30, 0), (40, 30), (70, 40), (75, 70)] {
        keeper.store(state(20, position)).unwrap();
        assert_eq!(told(&keeper), acknowledged, "after {position}");
    }
    assert_eq!(keeper.newest(), Some(&header(20, 75)));
}

#[test]
fn with_a_single_checkpoint_the_journal_keeps_what_comes_after_it() {
    let mut keeper = keeper(&MemoryDisk::default(), 1);
    keeper.store(state(20, 30)).unwrap();
    keeper.store(state(20, 40)).unwrap();
    assert_eq!(keeper.acknowledged(&journal(80)), Position(40));
}

#[test]
fn a_writer_goes_on_with_what_is_whole_of_the_one_before() {
    let disk = MemoryDisk::default();
    let mut before = keeper(&disk, 3);
    for position in [30, 40, 50] {
        before.store(state(20, position)).unwrap();
    }
    let mut bytes = disk.read(&path(50)).unwrap();
    bytes[60] ^= 1;
    disk.put(path(50), bytes);
    let mut keeper = keeper(&disk, 3);
    let damaged = keeper.look().unwrap();
    assert_eq!(damaged.iter().map(|skipped| &skipped.path).collect::<Vec<_>>(), [&path(50)]);
    assert_eq!((keeper.newest(), keeper.acknowledged(&journal(80)).0), (Some(&header(20, 40)), 30));
}

#[test]
fn of_a_journal_that_was_replaced_nothing_is_let_go() {
    let mut keeper = keeper(&MemoryDisk::default(), 2);
    for (epoch, position) in [(99, 30), (99, 40), (20, 5)] {
        keeper.store(state(epoch, position)).unwrap();
        assert_eq!(keeper.acknowledged(&journal(80)), Position::NONE);
    }
    keeper.store(state(20, 7)).unwrap();
    assert_eq!(keeper.acknowledged(&journal(80)), Position(5));
}

#[test]
fn a_folder_that_was_removed_is_made_again_and_what_was_in_it_counts_no_more() {
    let base = tempfile::tempdir().unwrap();
    let (dir, disk) = (base.path().join("checkpoints"), Arc::new(RealDisk) as Arc<dyn Disk>);
    let mut keeper = Keeper::new(CheckpointFolder::open(disk.clone(), &dir).unwrap(), 2);
    keeper.store(state(20, 30)).unwrap();
    keeper.store(state(20, 40)).unwrap();
    assert!(!keeper.make_again(&disk).unwrap());
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(keeper.make_again(&disk).unwrap());
    assert_eq!((keeper.newest(), keeper.acknowledged(&journal(80))), (None, Position::NONE));
    let kept = keeper.store(state(20, 50)).unwrap();
    assert!(kept.path.is_file());
    assert_eq!(keeper.acknowledged(&journal(80)), Position::NONE, "there is none before it any more");
}

#[test]
fn an_engine_that_has_read_nothing_is_no_checkpoint() {
    let words = keeper(&MemoryDisk::default(), 2).store(state(20, 0)).unwrap_err();
    assert!(words.contains("has not read anything"), "{words}");
}
