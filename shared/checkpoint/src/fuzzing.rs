//! The body of the fuzz target in `tests/fuzz`; a test replays its corpus through the same function.

use crate::checkpoint::FRAME_BYTES;
use crate::header::{HEADER_BYTES, u32_at, u64_at};
use crate::{Checkpoint, CheckpointFolder, Damage, Header, file_name};
use gapless_disk::MemoryDisk;
use gapless_model::{Epoch, Position};
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The longest message about a file: some lines of a terminal.
const MAX_MESSAGE_BYTES: usize = 300;

/// A file, read alone and in a folder beside a good one. The first byte says whether its checksums are
/// made right first, as nobody but a fuzzer would: what lies behind them must hold by itself.
pub fn checkpoint_file(input: &[u8]) {
    let Some((mode, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if mode & 1 == 1 {
        mend(&mut bytes);
    }
    let parsed = Checkpoint::parse(bytes.clone());
    match &parsed {
        Ok(checkpoint) => {
            let again = Checkpoint::new(*checkpoint.header(), checkpoint.parts());
            assert_eq!(again.as_ref(), Ok(checkpoint), "it is another when written");
            assert_eq!(checkpoint.bytes(), bytes, "its bytes are others");
        }
        Err(damage) => short(damage),
    }
    in_a_folder(bytes, parsed);
}

/// The folder hands out the file when it is whole and the newer one, else the good one; it says why.
fn in_a_folder(bytes: Vec<u8>, parsed: Result<Checkpoint, Damage>) {
    let good = Header { partition: 0, epoch: Epoch(7), position: Position(70), streams: 1 };
    let Ok(good) = Checkpoint::new(good, [b"good"]) else { return };
    let named = Position(u64_at(&bytes, 24));
    if named == good.header().position {
        return;
    }
    let (disk, dir) = (MemoryDisk::default(), Path::new("/checkpoints"));
    disk.put(dir.join(file_name(named)), bytes);
    let Ok(folder) = CheckpointFolder::open(Arc::new(disk), dir) else { return };
    assert!(folder.write(&good).is_ok());
    let found = folder.newest_valid().unwrap_or_default();
    let rank = |checkpoint: &Checkpoint| (checkpoint.header().epoch, checkpoint.header().position);
    let expected = parsed.as_ref().ok().filter(|parsed| rank(parsed) > rank(&good)).unwrap_or(&good);
    assert_eq!(found.checkpoint.as_ref(), Some(expected), "another checkpoint is the newest");
    for skipped in found.skipped {
        assert_eq!(Err(skipped.damage), parsed, "a file was skipped for another reason than its own");
    }
}

/// Makes all checksums right that have a place; `None` when the bytes end before the last one.
fn mend(bytes: &mut [u8]) -> Option<()> {
    let check = crc32c::crc32c(bytes.get(..HEADER_BYTES - 4)?);
    bytes.get_mut(HEADER_BYTES - 4..HEADER_BYTES)?.copy_from_slice(&check.to_le_bytes());
    let mut at = HEADER_BYTES;
    for _ in 0..u32_at(bytes, 40) {
        let length = bytes.get(at..at + 4)?;
        let end = at + FRAME_BYTES + u32_at(length, 0) as usize;
        let check = crc32c::crc32c_append(crc32c::crc32c(length), bytes.get(at + FRAME_BYTES..end)?);
        bytes.get_mut(at + 4..at + FRAME_BYTES)?.copy_from_slice(&check.to_le_bytes());
        at = end;
    }
    let check = xxh3_64(bytes.get(..at)?);
    bytes.get_mut(at..at + 8)?.copy_from_slice(&check.to_le_bytes());
    Some(())
}

fn short(damage: &Damage) {
    let words = damage.to_string();
    assert!(words.len() <= MAX_MESSAGE_BYTES, "a message of {} bytes: {words:.200}", words.len());
}
