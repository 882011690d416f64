//! Good files, damaged: what was written is read, or it is said that it cannot be.

use super::{CLOSED, NOW, dir, goes_on, opened, options, read_all};
use crate::open;
use gapless_disk::MemoryDisk;
use gapless_model::Position;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Damage of one input; more is only slower.
const MAX_HITS: usize = 12;

/// Records of the journal that is damaged: lengths from 1 byte to more than one read.
fn records() -> Vec<Vec<u8>> {
    (1..=14u8).map(|number| vec![number; 1 + usize::from(number) * 11 % 127]).collect()
}

/// Its files: three segments, the last two with a preamble.
fn files(closed: bool) -> BTreeMap<PathBuf, Vec<u8>> {
    let disk = MemoryDisk::default();
    let written = open(options(&disk, 0), NOW).and_then(|mut opened| {
        for (group, records) in records().chunks(5).enumerate() {
            if group > 0 {
                opened.appender.roll(format!("state {group}").as_bytes(), NOW)?;
            }
            opened.appender.append(records)?;
        }
        if closed { opened.appender.close() } else { Ok(()) }
    });
    assert!(written.is_ok(), "{written:?}");
    disk.all()
}

/// What the damage was.
#[derive(Debug, Default)]
struct Hits {
    flips: BTreeMap<usize, usize>,
    others: usize,
    /// The last file ends earlier than it did.
    shortened: bool,
}

/// A good journal, hit: the mode, then four bytes for each hit: which file and what, where (two), how much.
pub fn journal_damage(input: &[u8]) {
    static OPEN: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
    static CLOSED_WELL: OnceLock<BTreeMap<PathBuf, Vec<u8>>> = OnceLock::new();
    let Some((&mode, script)) = input.split_first() else { return };
    let mut files = match mode & CLOSED == 0 {
        true => OPEN.get_or_init(|| files(false)).clone(),
        false => CLOSED_WELL.get_or_init(|| files(true)).clone(),
    };
    let hits = hit(&mut files, script);
    let disk = MemoryDisk::default();
    files.iter().for_each(|(path, bytes)| disk.put(path, bytes.clone()));

    let Some(opened) = opened(&disk, mode) else { return };
    let written = records();
    let (read, failed) = read_all(&opened.journal, &files);
    for (position, record) in &read {
        let number = position.0 as usize;
        assert_eq!(written.get(number - 1), Some(record), "record {position} is another one: {hits:?}");
    }
    let latest = opened.journal.latest().0 as usize;
    let found = opened.journal.damage();
    let is_said = |at: u64| found.iter().any(|damage| (damage.first.0..=damage.last.0).contains(&at));
    for at in (1..=latest as u64).filter(|at| !read.contains_key(&Position(*at))) {
        assert!(failed && is_said(at), "record {at} is missing in silence: {hits:?}");
    }
    if latest < written.len() && !hits.shortened {
        assert!(opened.recovery.left_epoch.is_some(), "records were cut in silence: {hits:?}");
    }
    goes_on(&disk, mode, opened);
}

/// Hits the segments as the script says.
fn hit(files: &mut BTreeMap<PathBuf, Vec<u8>>, script: &[u8]) -> Hits {
    let mut hits = Hits::default();
    let mut segments: Vec<&mut Vec<u8>> =
        files.iter_mut().filter(|(path, _)| path.parent() == Some(dir())).map(|(_, bytes)| bytes).collect();
    // The others are the side files, which come after the numbers.
    segments.truncate(3);
    for (number, step) in script.chunks_exact(4).take(MAX_HITS).enumerate() {
        let &[what, low, high, much] = step else { continue };
        let place = usize::from(u16::from_le_bytes([low, high]));
        let count = segments.len();
        let which = usize::from(what) % count.max(1);
        let Some(file) = segments.get_mut(which) else { continue };
        let length = file.len();
        match what >> 4 & 3 {
            0 | 1 => {
                if let Some(byte) = file.get_mut(place % length.max(1)) {
                    *byte ^= 1 << (much & 7);
                }
                *hits.flips.entry(which).or_default() += 1;
            }
            2 => {
                file.truncate(place % (length + 1));
                hits.others += 1;
                hits.shortened |= which + 1 == count && file.len() < length;
            }
            _ if number % 2 == 0 => {
                file.iter_mut().skip(place % length.max(1)).take(much.into()).for_each(|byte| *byte = 0);
                hits.others += 1;
            }
            _ => {
                file.extend(std::iter::repeat_n(much, place % 70));
                hits.others += 1;
            }
        }
    }
    hits
}
