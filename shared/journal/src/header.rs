//! The beginning of every segment file.
//!
//! ```text
//! magic [8] | format u32 | preamble length u32 | epoch u64 | first position u64 | created ms i64 |
//! previous first position u64 | previous length u64 | crc32c(preamble) u32 | crc32c(the bytes before) u32 | preamble
//! ```
//! The header names the segment before it and its length, so that a missing or a shortened file is found
//! at start without reading any of them.

use crate::JournalError;
use crate::error::{damaged, io_error};
use gapless_disk::DiskFile;
use gapless_model::{Epoch, Position, UnixMillis};
use std::path::Path;

const MAGIC: [u8; 8] = *b"GAPLSJNL";
const FORMAT: u32 = 1;
pub(crate) const HEADER_BYTES: usize = 64;
/// The furthest a segment may begin: 10^9 records a second for a century, and counting on never overflows.
pub(crate) const MAX_FIRST: Position = Position(1 << 62);

/// What a segment file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) preamble_bytes: u32,
    /// The epoch at the time it was begun.
    pub(crate) epoch: Epoch,
    pub(crate) first: Position,
    pub(crate) created: UnixMillis,
    pub(crate) previous: Previous,
    preamble_crc: u32,
}

/// The segment before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Previous {
    /// Its first position; [`Position::NONE`] for the first segment.
    pub(crate) first: Position,
    /// Its length in bytes.
    pub(crate) bytes: u64,
}

impl Header {
    pub(crate) fn new(
        epoch: Epoch,
        first: Position,
        created: UnixMillis,
        previous: Previous,
        preamble: &[u8],
    ) -> Header {
        let preamble_crc = crc32c::crc32c(preamble);
        Header { preamble_bytes: preamble.len() as u32, epoch, first, created, previous, preamble_crc }
    }

    /// Where the records begin.
    pub(crate) fn data_start(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.preamble_bytes)
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.preamble_bytes.to_le_bytes());
        for word in
            [self.epoch.0, self.first.0, self.created.0 as u64, self.previous.first.0, self.previous.bytes]
        {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.preamble_crc.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&bytes);
        header
    }

    /// Stands in for a header that cannot be read any more: what is known from the file's name and from the
    /// segment before. The preamble is given up; that of a sealed segment is not needed any more.
    pub(crate) fn stand_in(first: Position, created: UnixMillis, previous: Previous) -> Header {
        Header::new(Epoch::UNSTATED, first, created, previous, &[])
    }

    /// Reads the header of `file`; `Err` inside says why it cannot be believed.
    pub(crate) fn read(
        file: &dyn DiskFile,
        path: &Path,
    ) -> Result<Result<Header, &'static str>, JournalError> {
        let mut bytes = [0u8; HEADER_BYTES];
        file.read_exact_at(&mut bytes, 0).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => damaged(path, 0, "the file ends inside its header"),
            _ => io_error("read", path)(error),
        })?;
        let (body, check) = bytes.split_at(HEADER_BYTES - 4);
        if !bytes.starts_with(&MAGIC) {
            return Ok(Err("this is not a journal file"));
        }
        if crc32c::crc32c(body).to_le_bytes() != check {
            return Ok(Err("the checksum of the file's header is wrong"));
        }
        let format = u32_at(&bytes, 8);
        if format != FORMAT {
            return Err(JournalError::Format { file: path.into(), found: format, known: FORMAT });
        }
        let first = Position(u64_at(&bytes, 24));
        if !(Position::FIRST..=MAX_FIRST).contains(&first) {
            return Err(damaged(path, 24, format!("it begins at {first}, where no journal gets")));
        }
        Ok(Ok(Header {
            preamble_bytes: u32_at(&bytes, 12),
            epoch: Epoch(u64_at(&bytes, 16)),
            first,
            created: UnixMillis(u64_at(&bytes, 32) as i64),
            previous: Previous { first: Position(u64_at(&bytes, 40)), bytes: u64_at(&bytes, 48) },
            preamble_crc: u32_at(&bytes, 56),
        }))
    }

    /// Reads the preamble that follows the header; `None` when its checksum is wrong.
    pub(crate) fn read_preamble(
        &self,
        file: &dyn DiskFile,
        path: &Path,
    ) -> Result<Option<Vec<u8>>, JournalError> {
        let at = HEADER_BYTES as u64;
        let length = file.len().map_err(io_error("look at", path))?;
        if length < self.data_start() {
            return Err(damaged(path, length, "the file ends inside its preamble"));
        }
        let mut preamble = vec![0; self.preamble_bytes as usize];
        file.read_exact_at(&mut preamble, at).map_err(io_error("read", path))?;
        Ok((crc32c::crc32c(&preamble) == self.preamble_crc).then_some(preamble))
    }
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
