use super::*;
use gapless_disk::MemoryDisk;
use std::collections::BTreeMap;

type Content = BTreeMap<String, u64>;

const NAME: &str = "followers.json";
const REMEDY: &str = "remove both";

fn dir() -> &'static Path {
    Path::new("/journal")
}

fn content(number: u64) -> Content {
    BTreeMap::from([("backfill".to_owned(), number), ("live-engine".to_owned(), number + 7)])
}

fn stored(number: u64) -> MemoryDisk {
    let disk = MemoryDisk::default();
    store(&disk, dir(), NAME, &content(number)).unwrap();
    disk
}

fn flip(disk: &MemoryDisk, name: &str, at: usize, bit: u8) -> bool {
    let mut bytes = disk.read(&dir().join(name)).unwrap();
    let Some(byte) = bytes.get_mut(at) else { return false };
    *byte ^= 1 << bit;
    disk.put(dir().join(name), bytes);
    true
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_or_changes_nothing() {
    for copy in [NAME, "followers.json.copy"] {
        let places = (0..).take_while(|at| flip(&stored(41), copy, *at, 0));
        for (at, bit) in places.flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let disk = stored(41);
            flip(&disk, copy, at, bit);
            let loaded = load::<Content>(&disk, dir(), NAME, REMEDY).unwrap().unwrap();
            assert_eq!(loaded.content, content(41), "byte {at} bit {bit} of {copy}");
            assert_eq!(loaded.may_be_old, copy == NAME && !loaded.damages.is_empty());
        }
    }
}

#[test]
fn with_both_copies_damaged_nothing_is_believed() {
    let disk = stored(41);
    flip(&disk, NAME, 30, 1);
    flip(&disk, "followers.json.copy", 30, 1);
    let Err(error) = load::<Content>(&disk, dir(), NAME, REMEDY) else { panic!("it is believed") };
    assert!(matches!(error, JournalError::Damaged { .. }) && error.to_string().contains(REMEDY), "{error}");
}

#[test]
fn a_copy_that_was_left_alone_may_be_old() {
    let disk = stored(41);
    disk.remove(&dir().join(NAME)).unwrap();
    let loaded = load::<Content>(&disk, dir(), NAME, REMEDY).unwrap().unwrap();
    assert_eq!((loaded.content, loaded.may_be_old, loaded.damages.len()), (content(41), true, 1));
}

#[test]
fn between_two_copies_the_first_is_the_newer_one() {
    let disk = stored(41);
    let newer = stored(42).read(&dir().join(NAME)).unwrap();
    disk.put(dir().join(NAME), newer);
    let loaded = load::<Content>(&disk, dir(), NAME, REMEDY).unwrap().unwrap();
    assert_eq!((loaded.content, loaded.damages.len()), (content(42), 0));
}

#[test]
fn a_file_of_a_release_before_is_read() {
    let disk = MemoryDisk::default();
    disk.put(dir().join(NAME), serde_json::to_vec_pretty(&content(5)).unwrap());
    assert_eq!(load::<Content>(&disk, dir(), NAME, REMEDY).unwrap().unwrap().content, content(5));
    assert!(load::<Content>(&disk, dir(), "other.json", REMEDY).unwrap().is_none());
}
