use super::SimDisk;
use gapless_disk::{Disk, write_atomically};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn dir() -> PathBuf {
    PathBuf::from("/data")
}

fn disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir_all(&dir()).unwrap();
    disk
}

/// What `a` holds after a power loss, over many losses of the same history.
fn after_losses(history: impl Fn(&SimDisk)) -> BTreeSet<Option<Vec<u8>>> {
    let losses = (0..400).map(|seed| {
        let disk = disk();
        history(&disk);
        disk.lose_power(&mut fastrand::Rng::with_seed(seed));
        disk.read(&dir().join("a")).ok()
    });
    losses.collect()
}

#[test]
fn what_was_synced_survives_a_power_loss_and_the_rest_may_not() {
    let found = after_losses(|disk| {
        let file = disk.create(&dir().join("a")).unwrap();
        file.write_all_at(b"synced", 0).unwrap();
        file.sync().unwrap();
        disk.sync_dir(&dir()).unwrap();
        file.write_all_at(b" not", 6).unwrap();
    });
    assert!(found.iter().flatten().all(|bytes| bytes.starts_with(b"synced")));
    assert!(found.contains(&Some(b"synced".to_vec())) && found.contains(&Some(b"synced not".to_vec())));
}

#[test]
fn a_name_is_durable_only_after_its_folder_was_synced() {
    let found = after_losses(|disk| {
        let file = disk.create(&dir().join("a")).unwrap();
        file.write_all_at(b"x", 0).unwrap();
        file.sync().unwrap();
    });
    assert!(found.contains(&None) && found.contains(&Some(b"x".to_vec())));
}

#[test]
fn a_rename_without_a_sync_of_the_folder_leaves_the_old_file_or_the_new_one() {
    let found = after_losses(|disk| {
        write_atomically(disk, &dir(), "a", &[b"old"]).unwrap();
        let file = disk.create(&dir().join("b")).unwrap();
        file.write_all_at(b"new", 0).unwrap();
        file.sync().unwrap();
        disk.rename(&dir().join("b"), &dir().join("a")).unwrap();
    });
    assert_eq!(found, BTreeSet::from([Some(b"old".to_vec()), Some(b"new".to_vec())]));
}

#[test]
fn an_unsynced_write_is_lost_by_sectors_in_any_subset() {
    let found = after_losses(|disk| {
        let file = disk.create(&dir().join("a")).unwrap();
        disk.sync_dir(&dir()).unwrap();
        file.write_all_at(&[1; 1024], 0).unwrap();
        file.write_all_at(&[2; 8], 1024).unwrap();
    });
    let shapes: BTreeSet<(bool, bool)> = found
        .iter()
        .flatten()
        .filter(|bytes| bytes.len() >= 1024)
        .map(|bytes| (bytes[0] == 1, bytes[600] == 1))
        .collect();
    assert_eq!(shapes.len(), 4, "each of two sectors is there or not");
    assert!(
        found.iter().flatten().any(|bytes| (1025..1032).contains(&bytes.len())),
        "the last write is torn"
    );
}

#[test]
fn a_killed_process_leaves_what_it_wrote() {
    let disk = disk();
    let file = disk.create(&dir().join("a")).unwrap();
    file.write_all_at(b"x", 0).unwrap();
    let held = Disk::lock(&disk, &dir().join("lock")).unwrap();
    assert!(held.is_some());
    disk.kill();
    assert_eq!(disk.read(&dir().join("a")).unwrap(), b"x");
    assert!(Disk::lock(&disk, &dir().join("lock")).unwrap().is_some(), "a dead process holds no lock");
}

#[test]
fn a_process_that_ends_inside_a_write_does_a_part_of_it_and_nothing_after() {
    let lengths: BTreeSet<usize> = (0..100)
        .map(|seed| {
            let disk = disk();
            let file = disk.create(&dir().join("a")).unwrap();
            disk.end_after(2, seed);
            file.write_all_at(b"first", 0).unwrap();
            file.write_all_at(b"second", 5).unwrap_err();
            assert!(disk.is_ended());
            file.write_all_at(b"third", 0).unwrap_err();
            disk.kill();
            disk.read(&dir().join("a")).unwrap().len()
        })
        .collect();
    assert!(lengths.len() > 3 && lengths.iter().all(|len| (5..=11).contains(len)), "{lengths:?}");
}

#[test]
fn a_full_disk_takes_what_fits_and_says_so() {
    let disk = disk();
    let file = disk.create(&dir().join("a")).unwrap();
    disk.set_room(Some(4));
    let error = file.write_all_at(b"sixsix", 0).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    file.set_len(0).unwrap();
    file.write_all_at(b"four", 0).unwrap();
    disk.set_room(None);
    file.write_all_at(b"more", 4).unwrap();
    assert_eq!((disk.used(), disk.counts().full), (8, 1));
}

#[test]
fn what_a_failed_sync_should_have_made_durable_never_is() {
    let found = after_losses(|disk| {
        let file = disk.create(&dir().join("a")).unwrap();
        disk.sync_dir(&dir()).unwrap();
        file.write_all_at(b"lost", 0).unwrap();
        disk.fail_syncs(1);
        file.sync().unwrap_err();
        file.sync().unwrap();
        assert_eq!(file.len().unwrap(), 4, "it still reads well");
    });
    assert_eq!(found, BTreeSet::from([Some(Vec::new())]));
}

#[test]
fn a_flipped_bit_is_in_one_of_the_chosen_files() {
    let disk = disk();
    for name in ["a", "b"] {
        write_atomically(&disk, &dir(), name, &[&[0; 100]]).unwrap();
    }
    let mut dice = fastrand::Rng::with_seed(1);
    let (path, at) = disk.flip(&mut dice, |path| path.ends_with("b")).unwrap();
    assert_eq!(path, dir().join("b"));
    assert_ne!(disk.read(&path).unwrap()[at as usize], 0);
    assert_eq!(disk.flip(&mut dice, |path| path == Path::new("/nowhere")), None);
}

#[test]
fn what_was_written_is_known_without_its_flipped_bits_until_it_is_written_again() {
    let disk = disk();
    let file = write_atomically(&disk, &dir(), "a", &[&[7; 100]]).unwrap();
    let path = dir().join("a");
    let (_, at) = disk.flip(&mut fastrand::Rng::with_seed(1), |_| true).unwrap();
    assert_eq!((disk.pristine(&path), disk.flipped(&dir())), (vec![7; 100], vec![path.clone()]));
    let damaged = disk.read(&path).unwrap();
    file.write_all_at(&damaged, 0).unwrap();
    assert_eq!(disk.flipped(&dir()), [path], "written back as it was read");
    file.write_all_at(&[9], at).unwrap();
    assert!(disk.flipped(&dir()).is_empty());
}

#[test]
fn a_bit_flips_only_where_the_platter_has_what_was_written() {
    let disk = disk();
    let file = disk.create(&dir().join("a")).unwrap();
    file.write_all_at(&[7; 100], 0).unwrap();
    assert_eq!(disk.flip(&mut fastrand::Rng::with_seed(1), |_| true), None);
    file.sync().unwrap();
    assert!(disk.flip(&mut fastrand::Rng::with_seed(1), |_| true).is_some());
}

#[test]
fn a_spoiled_write_is_another_one_by_a_bit() {
    let disk = disk();
    disk.spoil_write(1);
    for name in ["a", "b"] {
        write_atomically(&disk, &dir(), name, &[&[0; 100]]).unwrap();
    }
    let ones =
        |name| -> u32 { disk.read(&dir().join(name)).unwrap().iter().map(|b: &u8| b.count_ones()).sum() };
    assert_eq!((ones("a"), ones("b")), (1, 0));
}

#[test]
fn what_is_durable_survives_every_power_loss() {
    let disk = disk();
    write_atomically(&disk, &dir(), "kept", &[b"kept"]).unwrap();
    disk.create(&dir().join("new")).unwrap().write_all_at(b"new", 0).unwrap();
    let durable: Vec<_> = disk.durable().all().into_iter().collect();
    assert_eq!(durable, [(dir().join("kept"), b"kept".to_vec())]);
}
