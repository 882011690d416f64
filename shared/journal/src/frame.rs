//! How one record lies in a file, and how a run of them is read back.
//!
//! ```text
//! len u32 | crc32c(position, payload) u32 | position u64 | crc32c(the 16 bytes before) u32 | payload
//! ```
//! All little-endian. The head has a checksum of its own so that a torn tail (the head is right, the file
//! ends too early) can be told from a damaged length. Without it a flipped bit in a length would look like
//! a write that a killed process did not finish, and acknowledged records would be cut.

use gapless_disk::DiskFile;
use gapless_planted::{Bug, on};
use std::io;
use std::ops::Range;

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
pub(crate) enum Step {
    /// A whole record; its bytes are [`Scanner::payload`].
    Record { offset: u64, position: u64 },
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
    /// Where in `buffer` the bytes of the last record are.
    payload: Range<usize>,
}

impl<'f> Scanner<'f> {
    pub(crate) fn new(file: &'f dyn DiskFile, offset: u64, end: u64, expected: u64) -> Scanner<'f> {
        Scanner { file, offset, end, expected, buffer: Vec::new(), cursor: 0, payload: 0..0 }
    }

    /// The position that the next record must have.
    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    /// The bytes of the record that [`Scanner::step`] just found.
    pub(crate) fn payload(&self) -> &[u8] {
        self.buffer.get(self.payload.clone()).unwrap_or_default()
    }

    /// The next record, checked. After anything but a record the scan is over, unless [`Scanner::skip`]
    /// finds another one.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let offset = self.offset;
        if self.left() == 0 {
            return Ok(Step::End);
        }
        let head = match self.head()? {
            None => return Ok(Step::Torn { offset }),
            Some(Ok(head)) => head,
            Some(Err(reason)) => return Ok(Step::Bad { offset, reason }),
        };
        if head.position != self.expected {
            return Ok(Step::Bad { offset, reason: "a record has another position than it should" });
        }
        match self.is_whole(&head)? {
            None => Ok(Step::Torn { offset }),
            Some(false) => Ok(Step::Bad { offset, reason: "the checksum of a record is wrong" }),
            Some(true) => {
                let start = self.cursor + HEAD_BYTES;
                self.payload = start..start + head.payload;
                self.pass(HEAD_BYTES + head.payload);
                self.expected += 1;
                Ok(Step::Record { offset, position: head.position })
            }
        }
    }

    /// Goes on behind what is no record, to the next whole one with the expected position or a later one
    /// before `limit`. Its position, or `None` when no such record follows.
    ///
    /// A head that is whole says where the next record begins, whatever is wrong with its own. Without one
    /// every byte may be the beginning.
    pub(crate) fn skip(&mut self, limit: u64) -> io::Result<Option<u64>> {
        match self.head()? {
            // It reaches to the end: what looks like a record in there is what somebody sent in this one.
            Some(Ok(head)) if head.position == self.expected && self.left() < size(head.payload) => {
                return Ok(None);
            }
            Some(Ok(head)) if head.position == self.expected => self.pass(HEAD_BYTES + head.payload),
            _ => {}
        }
        while self.left() >= HEAD_BYTES as u64 && self.fill(HEAD_BYTES)? {
            let expected = self.expected;
            let rest = self.buffer.get(self.cursor..).unwrap_or_default();
            let mut places = rest.windows(HEAD_BYTES);
            let Some(at) = places.position(|place| may_be_head(place, expected..limit)) else {
                self.pass(rest.len() + 1 - HEAD_BYTES);
                continue;
            };
            self.pass(at);
            if let Some(Ok(head)) = self.head()?
                && self.is_whole(&head)? == Some(true)
            {
                self.expected = head.position;
                return Ok(Some(head.position));
            }
            self.pass(1);
        }
        Ok(None)
    }

    /// Bytes from the next record on.
    fn left(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }

    /// The head of the next record; `None` when the file ends inside it.
    fn head(&mut self) -> io::Result<Option<Result<Head, &'static str>>> {
        if self.left() < HEAD_BYTES as u64 || !self.fill(HEAD_BYTES)? {
            return Ok(None);
        }
        let head = self.buffer.get(self.cursor..).and_then(|rest| rest.first_chunk());
        Ok(head.map(parse_head))
    }

    /// Whether the bytes after `head` are its record's; `None` when the file ends inside them.
    fn is_whole(&mut self, head: &Head) -> io::Result<Option<bool>> {
        if self.left() < size(head.payload) || !self.fill(HEAD_BYTES + head.payload)? {
            return Ok(None);
        }
        let start = self.cursor + HEAD_BYTES;
        let payload = self.buffer.get(start..start + head.payload).unwrap_or_default();
        Ok(Some(body_crc(head.position, payload) == head.body_crc || on(Bug::TornRecordAccepted)))
    }

    fn pass(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        self.cursor += bytes;
        if self.cursor > self.buffer.len() {
            self.buffer.clear();
            self.cursor = 0;
        }
    }

    /// Makes at least `bytes` bytes from the cursor on available; whether the file has them.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        let mut have = self.buffer.len() - self.cursor;
        if have >= bytes {
            return Ok(true);
        }
        self.buffer.drain(..self.cursor);
        self.cursor = 0;
        let left = usize::try_from(self.left()).unwrap_or(usize::MAX);
        self.buffer.resize(bytes.max(CHUNK_BYTES).min(left), 0);
        while let Some(missing) = self.buffer.get_mut(have..).filter(|missing| !missing.is_empty()) {
            match self.file.read_at(missing, self.offset + have as u64) {
                Ok(0) => break,
                Ok(read) => have += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.buffer.truncate(have);
                    return Err(error);
                }
            }
        }
        self.buffer.truncate(have);
        Ok(have >= bytes)
    }
}

/// Whether a record with one of `positions` may begin with these bytes. Nearly no place passes the first look,
/// so that the checksum is rarely computed.
fn may_be_head(bytes: &[u8], positions: Range<u64>) -> bool {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return false };
    let [_, _, _, _, _, _, _, _, position @ .., _, _, _, _] = *head;
    positions.contains(&u64::from_le_bytes(position)) && parse_head(head).is_ok()
}
