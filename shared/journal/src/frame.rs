//! How one record lies in a file, and how a run of them is read back.
//!
//! ```text
//! len u32 | crc32c(position, payload) u32 | position u64 | crc32c(the 16 bytes before) u32 | payload
//! ```
//! All little-endian. The head has a checksum of its own so that a torn tail (the head is right, the file
//! ends too early) can be told from a damaged length. Without it a flipped bit in a length would look like
//! a write that a killed process did not finish, and acknowledged records would be cut.

use gapless_disk::DiskFile;
use std::io;

/// The longest record: the limit of any message.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// Bytes before the payload.
pub(crate) const HEAD_BYTES: usize = 20;

/// Read at once while scanning: several records, little memory.
const CHUNK_BYTES: usize = 256 << 10;

/// Appends one framed record to `buffer`.
pub(crate) fn put(buffer: &mut Vec<u8>, position: u64, payload: &[u8]) {
    let mut head = [0u8; HEAD_BYTES];
    head[0..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[4..8].copy_from_slice(&body_crc(position, payload).to_le_bytes());
    head[8..16].copy_from_slice(&position.to_le_bytes());
    let check = crc32c::crc32c(&head[..16]);
    head[16..20].copy_from_slice(&check.to_le_bytes());
    buffer.extend_from_slice(&head);
    buffer.extend_from_slice(payload);
}

/// Length of the whole frame of a payload.
pub(crate) fn size(payload: usize) -> u64 {
    (HEAD_BYTES + payload) as u64
}

fn body_crc(position: u64, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&position.to_le_bytes()), payload)
}

/// A head that passed its checksum.
struct Head {
    payload: usize,
    body_crc: u32,
    position: u64,
}

fn parse_head(bytes: &[u8; HEAD_BYTES]) -> Result<Head, &'static str> {
    let [l0, l1, l2, l3, c0, c1, c2, c3, p @ .., h0, h1, h2, h3] = *bytes;
    if crc32c::crc32c(&bytes[..16]) != u32::from_le_bytes([h0, h1, h2, h3]) {
        return Err("the checksum of a record's head is wrong");
    }
    let payload = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if payload == 0 || payload > MAX_RECORD_BYTES {
        return Err("a record has an impossible length");
    }
    Ok(Head { payload, body_crc: u32::from_le_bytes([c0, c1, c2, c3]), position: u64::from_le_bytes(p) })
}

/// What lies at one place.
#[derive(Debug, PartialEq)]
pub(crate) enum Step<'a> {
    /// A whole record.
    Record { offset: u64, position: u64, payload: &'a [u8] },
    /// The end, between two records.
    End,
    /// The end, inside a record that was begun.
    Torn { offset: u64 },
    /// Something that was never written like this.
    Bad { offset: u64, reason: &'static str },
}

/// Walks the records of a file from a known place on.
pub(crate) struct Scanner<'f> {
    file: &'f dyn DiskFile,
    /// Where the next record begins.
    offset: u64,
    /// Where the bytes to look at end.
    end: u64,
    /// The position that the next record must have.
    expected: u64,
    buffer: Vec<u8>,
    /// Where in `buffer` the next record begins.
    cursor: usize,
}

impl<'f> Scanner<'f> {
    pub(crate) fn new(file: &'f dyn DiskFile, offset: u64, end: u64, expected: u64) -> Scanner<'f> {
        Scanner { file, offset, end, expected, buffer: Vec::new(), cursor: 0 }
    }

    /// The next record, checked. After anything but a record the scan is over.
    pub(crate) fn step(&mut self) -> io::Result<Step<'_>> {
        let offset = self.offset;
        let left = self.end.saturating_sub(offset);
        if left == 0 {
            return Ok(Step::End);
        }
        if left < HEAD_BYTES as u64 {
            return Ok(Step::Torn { offset });
        }
        if !self.fill(HEAD_BYTES)? {
            return Ok(Step::Torn { offset });
        }
        let Some(head) = self.buffer.get(self.cursor..).and_then(|rest| rest.first_chunk()) else {
            return Ok(Step::Torn { offset });
        };
        let head = match parse_head(head) {
            Ok(head) => head,
            Err(reason) => return Ok(Step::Bad { offset, reason }),
        };
        if head.position != self.expected {
            return Ok(Step::Bad { offset, reason: "a record has another position than it should" });
        }
        if left < size(head.payload) {
            return Ok(Step::Torn { offset });
        }
        if !self.fill(HEAD_BYTES + head.payload)? {
            return Ok(Step::Torn { offset });
        }
        let start = self.cursor + HEAD_BYTES;
        let payload = self.buffer.get(start..start + head.payload).unwrap_or_default();
        if body_crc(head.position, payload) != head.body_crc {
            return Ok(Step::Bad { offset, reason: "the checksum of a record is wrong" });
        }
        self.cursor = start + head.payload;
        self.offset += size(head.payload);
        self.expected += 1;
        Ok(Step::Record { offset, position: head.position, payload })
    }

    /// Makes at least `bytes` bytes from the cursor on available; whether the file has them.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        let have = self.buffer.len() - self.cursor;
        if have >= bytes {
            return Ok(true);
        }
        self.buffer.drain(..self.cursor);
        self.cursor = 0;
        let left = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        self.buffer.resize(bytes.max(CHUNK_BYTES).min(left), 0);
        let (_, missing) = self.buffer.split_at_mut(have);
        match self.file.read_exact_at(missing, self.offset + have as u64) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether a whole record with a position after `after` begins anywhere in `bytes`: then what lies before
/// it is not a torn tail.
pub(crate) fn holds_record_after(bytes: &[u8], after: u64) -> bool {
    bytes.windows(HEAD_BYTES).enumerate().any(|(at, window)| {
        let Some(head) = window.first_chunk().and_then(|head| parse_head(head).ok()) else { return false };
        let start = at + HEAD_BYTES;
        let Some(payload) = bytes.get(start..start + head.payload) else { return false };
        head.position > after && body_crc(head.position, payload) == head.body_crc
    })
}
