//! Any files: what is read must hold by itself, whoever wrote it.

use super::{MEND, dir, goes_on, opened, read_all};
use crate::frame::HEAD_BYTES;
use crate::header::HEADER_BYTES;
use gapless_disk::MemoryDisk;

/// A folder of any files: the mode, then each file behind its length (two bytes): `journal.json`,
/// `followers.json`, then segments, which are named as their headers say. A file of no bytes is not there.
pub fn journal_files(input: &[u8]) {
    let Some((&mode, mut rest)) = input.split_first() else { return };
    let disk = MemoryDisk::default();
    let mut names = ["journal.json", "followers.json"].into_iter();
    while let Some((length, bytes)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length)).min(bytes.len());
        let (file, after) = bytes.split_at(length);
        rest = after;
        let name = names.next();
        if file.is_empty() {
            continue;
        }
        let mut file = file.to_vec();
        match name {
            Some(name) => disk.put(dir().join(name), file),
            None => {
                if mode & MEND != 0 {
                    mend(&mut file);
                }
                disk.put(dir().join(format!("{:020}.log", number::<8>(&file, 24))), file);
            }
        }
    }
    let files = disk.all();
    let Some(opened) = opened(&disk, mode) else { return };
    let whole = opened.preamble.as_slice();
    assert!(whole.is_empty() || files.values().any(|file| file.windows(whole.len()).any(|w| w == whole)));
    read_all(&opened.journal, &files);
    goes_on(&disk, mode, opened);
}

/// Makes all checksums right that have a place; `None` when the bytes end before the last one.
fn mend(bytes: &mut [u8]) -> Option<()> {
    let mut at = HEADER_BYTES + number::<4>(bytes, 12) as usize;
    let preamble = crc32c::crc32c(bytes.get(HEADER_BYTES..at)?);
    bytes.get_mut(56..60)?.copy_from_slice(&preamble.to_le_bytes());
    let header = crc32c::crc32c(bytes.get(..60)?);
    bytes.get_mut(60..64)?.copy_from_slice(&header.to_le_bytes());
    loop {
        let payload = at + HEAD_BYTES..at + HEAD_BYTES + number::<4>(bytes, at) as usize;
        let position = crc32c::crc32c(bytes.get(at + 8..at + 16)?);
        if let Some(payload) = bytes.get(payload.clone()) {
            let body = crc32c::crc32c_append(position, payload);
            bytes.get_mut(at + 4..at + 8)?.copy_from_slice(&body.to_le_bytes());
        }
        let head = crc32c::crc32c(bytes.get(at..at + 16)?);
        bytes.get_mut(at + 16..at + HEAD_BYTES)?.copy_from_slice(&head.to_le_bytes());
        at = payload.end;
    }
}

/// The number in `N` bytes at `at`; 0 outside.
fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk::<N>());
    bytes.map_or(0, |bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}
