use super::{checkpoint, header};
use crate::{Checkpoint, CheckpointFolder, Damage, Found, file_name};
use gapless_disk::{Disk, DiskFile, RealDisk};
use gapless_model::Position;
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};
use tempfile::TempDir;

struct Place {
    dir: TempDir,
    folder: CheckpointFolder,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let folder = CheckpointFolder::open(Arc::new(RealDisk), &dir.path().join("a/b")).unwrap();
        Place { dir, folder }
    }

    fn write(&self, epoch: u64, position: u64) -> PathBuf {
        self.folder.write(&checkpoint(epoch, position)).unwrap()
    }

    fn newest(&self) -> Option<(u64, u64)> {
        found(&self.folder.newest_valid().unwrap())
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.dir()).unwrap();
        let mut names: Vec<_> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn found(found: &Found) -> Option<(u64, u64)> {
    found.checkpoint.as_ref().map(|found| (found.header().epoch.0, found.header().position.0))
}

fn flip(path: &PathBuf, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_newest_of_several_is_found() {
    let place = Place::new();
    assert_eq!(place.newest(), None);
    for position in [5, 900, 70] {
        place.write(1, position);
    }
    assert_eq!(place.newest(), Some((1, 900)));
    assert_eq!(place.names()[0], "checkpoint-00000000000000000005.gcp");
}

#[test]
fn a_newer_history_is_newer_than_a_larger_position() {
    let place = Place::new();
    place.write(1, 900);
    place.write(2, 70);
    assert_eq!(place.newest(), Some((2, 70)));
    let older = place.folder.newest_valid_where(|header| header.epoch.0 < 2).unwrap();
    assert_eq!(found(&older), Some((1, 900)));
    let checked = place.folder.check().unwrap();
    assert_eq!(checked.whole, [header(2, 70), header(1, 900)]);
}

#[test]
fn a_damaged_one_is_skipped_with_its_reason_and_the_one_before_is_used() {
    let place = Place::new();
    place.write(1, 10);
    let inside = place.write(1, 20);
    let header = place.write(1, 30);
    flip(&inside, 60);
    flip(&header, 20);
    let result = place.folder.newest_valid().unwrap();
    assert_eq!(found(&result), Some((1, 10)));
    let mut skipped = result.skipped.into_iter().map(|skipped| (skipped.path, skipped.damage));
    assert_eq!(skipped.next(), Some((header, Damage::Header)));
    assert_eq!(skipped.next(), Some((inside, Damage::Part { part: 0 })));
    assert_eq!(skipped.next(), None);
}

#[test]
fn an_older_damaged_one_is_not_looked_at() {
    let place = Place::new();
    flip(&place.write(1, 10), 60);
    place.write(1, 20);
    let result = place.folder.newest_valid().unwrap();
    assert_eq!((found(&result), result.skipped.len()), (Some((1, 20)), 0));
}

#[test]
fn a_renamed_file_is_not_what_its_name_says() {
    let place = Place::new();
    let path = place.write(1, 10);
    fs::rename(&path, place.folder.dir().join(file_name(Position(99)))).unwrap();
    let result = place.folder.newest_valid().unwrap();
    assert!(result.checkpoint.is_none());
    assert_eq!(result.skipped[0].damage, Damage::Renamed { inside: Position(10) });
}

#[test]
fn other_files_are_left_alone() {
    let place = Place::new();
    let others = ["checkpoint-1.gcp", "checkpoint-x.gcp", "notes.txt", ".lock"];
    for name in others {
        fs::write(place.folder.dir().join(name), "mine").unwrap();
    }
    place.write(1, 10);
    assert_eq!(place.newest(), Some((1, 10)));
    place.folder.prune(&header(1, 10), 1).unwrap();
    assert!(others.iter().all(|name| place.names().contains(&(*name).to_owned())));
}

#[test]
fn what_a_killed_writer_left_is_removed_by_the_next_one() {
    let place = Place::new();
    let left = place.folder.dir().join(format!(".new-{}.tmp", file_name(Position(5))));
    fs::write(&left, "half").unwrap();
    assert_eq!(place.newest(), None);
    assert!(left.exists(), "a reader removes nothing: a writer may be at it");
    place.write(1, 10);
    assert!(!left.exists());
}

#[test]
fn all_but_the_newest_few_are_removed() {
    let place = Place::new();
    for position in [10, 20, 30, 40] {
        place.write(1, position);
    }
    let removed = place.folder.prune(&header(1, 40), 2).unwrap();
    assert_eq!(removed, [file_name(Position(20)), file_name(Position(10))]);
    assert_eq!(place.names(), [file_name(Position(30)), file_name(Position(40))]);
    place.folder.prune(&header(1, 40), 0).unwrap();
    assert_eq!(place.names(), [file_name(Position(40))]);
}

#[test]
fn what_was_written_last_stays_also_behind_the_newest() {
    let place = Place::new();
    for position in [40, 50, 30] {
        place.write(1, position);
    }
    place.folder.prune(&header(1, 30), 2).unwrap();
    assert_eq!(place.names(), [file_name(Position(30)), file_name(Position(50))]);
}

#[test]
fn those_of_a_journal_that_was_replaced_go_first() {
    let place = Place::new();
    for (epoch, position) in [(7, 100), (7, 200), (5, 10), (5, 20)] {
        place.write(epoch, position);
    }
    let removed = place.folder.prune(&header(5, 20), 2).unwrap();
    assert_eq!(removed, [file_name(Position(200)), file_name(Position(100))]);
    assert_eq!(place.folder.check().unwrap().whole, [header(5, 20), header(5, 10)]);
}

/// A disk that makes something else of every byte 9.
#[derive(Debug)]
struct Rotten(RealDisk);

#[derive(Debug)]
struct RottenFile(Arc<dyn DiskFile>);

impl Disk for Rotten {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.0.create_dir_all(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }
    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.0.open(path, writable)
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RottenFile(self.0.create(path)?)))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        self.0.lock(path)
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.read(path)
    }
}

impl DiskFile for RottenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        bytes.iter_mut().filter(|byte| **byte == 9).for_each(|byte| *byte = 8);
        self.0.write_all_at(&bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

#[test]
fn what_the_disk_makes_something_else_of_takes_no_ones_place() {
    let place = Place::new();
    place.write(1, 10);
    let rotten = CheckpointFolder::open(Arc::new(Rotten(RealDisk)), place.folder.dir()).unwrap();
    for position in [10, 20] {
        let nines = Checkpoint::new(header(1, position), [[9; 100]]).unwrap();
        let error = rotten.write(&nines).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::InvalidData, "{error}");
    }
    assert_eq!(place.folder.check().unwrap().whole, [header(1, 10)]);
    assert_eq!(place.names(), [file_name(Position(10))]);
}

#[test]
fn every_file_is_read_when_all_are_checked() {
    let place = Place::new();
    for position in [10, 20, 30] {
        place.write(1, position);
    }
    flip(&place.folder.dir().join(file_name(Position(20))), 60);
    let checked = place.folder.check().unwrap();
    assert_eq!(checked.whole, [header(1, 30), header(1, 10)]);
    assert_eq!(checked.damaged[0].damage, Damage::Part { part: 0 });
}

#[test]
fn a_file_without_a_whole_header_is_removed() {
    let place = Place::new();
    place.write(1, 10);
    flip(&place.write(1, 20), 20);
    fs::write(place.folder.dir().join(file_name(Position(30))), "").unwrap();
    place.folder.prune(&header(1, 10), 3).unwrap();
    assert_eq!(place.names(), [file_name(Position(10))]);
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let place = Place::new();
    let file = place.dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = CheckpointFolder::open(Arc::new(RealDisk), &file.join("below")).unwrap_err();
    assert!(error.to_string().contains("below"), "{error}");
}
