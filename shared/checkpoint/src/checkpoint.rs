//! One checkpoint as bytes.
//!
//! ```text
//! header | per part: length u32 | crc32c(length and bytes) u32 | bytes | at the end: xxh3_64(all before) u64 | end mark [8]
//! ```
//! The parts' own checksums say which part is damaged; the one over everything covers what lies between
//! them. A single checksum would do to refuse a file, but not to say where a disk goes bad.

use crate::header::{HEADER_BYTES, u32_at, u64_at};
use crate::{Damage, Header};
use gapless_planted::{Bug, on};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// The largest part, in bytes: what the engine hands out in one message.
pub const MAX_PART_BYTES: usize = 4 << 20;

/// The largest file, in bytes: four times what 100,000 streams with windows of 300 candles take.
pub const MAX_FILE_BYTES: u64 = 8 << 30;

const END: [u8; 8] = *b"GAPLDONE";
pub(crate) const FRAME_BYTES: usize = 8;
const FOOTER_BYTES: usize = 16;

/// Parts that no file can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// A part is too large.
    #[error("part {part} has {bytes} bytes: at most {MAX_PART_BYTES}")]
    TooLarge {
        /// Which one, from 0.
        part: usize,
        /// Its size.
        bytes: usize,
    },
    /// All parts together are too large.
    #[error("the parts have {bytes} bytes together: at most {MAX_FILE_BYTES}")]
    TooLong {
        /// Their size.
        bytes: u64,
    },
}

/// A whole checkpoint, checked. Its bytes are those of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    header: Header,
    bytes: Vec<u8>,
    parts: Vec<Range<usize>>,
}

impl Checkpoint {
    /// A checkpoint of these parts.
    ///
    /// # Errors
    /// [`PartError`] when a part or all of them are too large.
    pub fn new(
        header: Header,
        parts: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<Checkpoint, PartError> {
        // The number of parts stands before them and is known after them.
        let mut bytes = header.to_bytes(0);
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for part in parts {
            let part = part.as_ref();
            if part.len() > MAX_PART_BYTES {
                return Err(PartError::TooLarge { part: ranges.len(), bytes: part.len() });
            }
            let length = (part.len() as u32).to_le_bytes();
            let check = crc32c::crc32c_append(crc32c::crc32c(&length), part);
            bytes.extend_from_slice(&length);
            bytes.extend_from_slice(&check.to_le_bytes());
            ranges.push(bytes.len()..bytes.len() + part.len());
            bytes.extend_from_slice(part);
            if bytes.len() as u64 + FOOTER_BYTES as u64 > MAX_FILE_BYTES {
                return Err(PartError::TooLong { bytes: bytes.len() as u64 });
            }
        }
        bytes.splice(..HEADER_BYTES, header.to_bytes(ranges.len() as u32));
        let check = xxh3_64(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes.extend_from_slice(&END);
        Ok(Checkpoint { header, bytes, parts: ranges })
    }

    /// Reads the bytes of a file. Takes no memory beside them but a few words per part.
    ///
    /// # Errors
    /// [`Damage`] when anything in them is not what was written.
    pub fn parse(bytes: Vec<u8>) -> Result<Checkpoint, Damage> {
        let (header, count) = Header::parse(&bytes)?;
        let end = bytes.len();
        let cut = |what| Damage::Cut { bytes: end as u64, what };
        let (mut parts, mut at) = (Vec::new(), HEADER_BYTES);
        for part in 0..count {
            let body = at + FRAME_BYTES;
            let Some(frame) = bytes.get(at..body) else { return Err(cut("a part")) };
            let (length, check) = (u32_at(frame, 0), u32_at(frame, 4));
            if length as usize > MAX_PART_BYTES {
                return Err(Damage::Part { part });
            }
            let range = body..body + length as usize;
            let Some(content) = bytes.get(range.clone()) else { return Err(cut("a part")) };
            if crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), content) != check
                && !on(Bug::DamagedCheckpointAccepted)
            {
                return Err(Damage::Part { part });
            }
            at = range.end;
            parts.push(range);
        }
        let Some(footer) = bytes.get(at..at + FOOTER_BYTES) else { return Err(cut("its footer")) };
        if end > at + FOOTER_BYTES {
            return Err(Damage::Trailing { bytes: (end - at - FOOTER_BYTES) as u64 });
        }
        let whole = bytes.get(..at).map(xxh3_64);
        let is_whole = whole == Some(u64_at(footer, 0)) || on(Bug::DamagedCheckpointAccepted);
        if !is_whole || !footer.ends_with(&END) {
            return Err(Damage::Whole);
        }
        Ok(Checkpoint { header, bytes, parts })
    }

    /// What it says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the engine encoded, in order.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.parts.iter().map(|range| self.bytes.get(range.clone()).unwrap_or_default())
    }

    /// The bytes of its file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
