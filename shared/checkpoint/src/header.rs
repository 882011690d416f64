//! The beginning of every checkpoint file.
//!
//! ```text
//! magic [8] | format u32 | partition u32 | epoch u64 | position u64 | streams u64 | parts u32 | crc32c(the bytes before) u32
//! ```

use crate::Damage;
use gapless_model::{Epoch, Position};

/// The format that is written and read here.
pub const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"GAPLCKPT";
pub(crate) const HEADER_BYTES: usize = 48;

/// What a checkpoint says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Of which journal partition.
    pub partition: u32,
    /// The history that it belongs to.
    pub epoch: Epoch,
    /// It holds the state after this record.
    pub position: Position,
    /// How many streams are in it.
    pub streams: u64,
}

impl Header {
    pub(crate) fn to_bytes(self, parts: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.partition.to_le_bytes());
        for word in [self.epoch.0, self.position.0, self.streams] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&parts.to_le_bytes());
        let check = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes
    }

    /// The header of a file that begins with `bytes`, and how many parts it has.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Header, u32), Damage> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(match bytes.starts_with(&MAGIC) || bytes.is_empty() {
                true => Damage::Cut { bytes: bytes.len() as u64, what: "its header" },
                false => Damage::Magic,
            });
        };
        if !head.starts_with(&MAGIC) {
            return Err(Damage::Magic);
        }
        let (body, check) = head.split_at(HEADER_BYTES - 4);
        if crc32c::crc32c(body).to_le_bytes() != check {
            return Err(Damage::Header);
        }
        let format = u32_at(head, 8);
        if format != FORMAT {
            return Err(Damage::Format { found: format });
        }
        let header = Header {
            partition: u32_at(head, 12),
            epoch: Epoch(u64_at(head, 16)),
            position: Position(u64_at(head, 24)),
            streams: u64_at(head, 32),
        };
        Ok((header, u32_at(head, 40)))
    }
}

/// The number at `at`; 0 outside.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

/// The number at `at`; 0 outside.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
