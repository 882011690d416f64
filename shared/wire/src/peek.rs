//! What a router reads without decoding a whole message.

use crate::decode::{batch_header, field, verified};
use crate::generated::{fb, header};
use crate::{DecodeError, JournalRecord, Limits, MAX_CORRELATION_ID_BYTES};
use flatbuffers::{InvalidFlatbuffer, VerifierOptions};
use gapless_model::{Batch, Digest, Epoch, Flags, Position, Rows, Seq, SeqRange, StreamKey, UnixNanos};

/// The correlation id of an envelope whose message may be unknown, of another version or broken;
/// empty when there is none or it cannot be read. A server echoes it on the error that it answers.
pub fn peek_correlation_id(bytes: &[u8]) -> &str {
    read_header(bytes)
        .ok()
        .and_then(|header| header.correlation_id())
        .filter(|id| id.len() <= MAX_CORRELATION_ID_BYTES)
        .unwrap_or("")
}

/// Reads the envelope and not its message; the cost does not depend on the size.
pub(crate) fn read_header(bytes: &[u8]) -> Result<header::EnvelopeHeader<'_>, InvalidFlatbuffer> {
    let options = VerifierOptions {
        max_depth: 1,
        max_tables: 1,
        // The correlation id and a virtual table, which may belong to a longer envelope.
        max_apparent_size: 2 * MAX_CORRELATION_ID_BYTES,
        ignore_missing_null_terminator: false,
    };
    header::root_as_envelope_header_with_opts(&options, bytes)
}

/// Everything about a batch but its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHeader {
    /// Whose rows.
    pub key: StreamKey,
    /// The history that the sequences belong to.
    pub epoch: Epoch,
    /// The sequence of the first row; of the next one when there are no rows.
    pub start: Seq,
    /// How many rows; 0 in a watermark.
    pub rows: usize,
    /// Marks.
    pub flags: Flags,
    /// When ingestion sequenced it, Unix microseconds; 0 when not stated.
    pub ts_publish_us: i64,
    /// The oldest sequence that can still be replayed; [`Seq::NONE`] when not stated.
    pub earliest: Seq,
    /// Running digest to the end of the batch; 0 when not stated.
    pub digest: Digest,
    /// The time of the last row, if there is one.
    pub last_ts: Option<UnixNanos>,
}

impl BatchHeader {
    /// Verifies an envelope with a batch and reads its header; rows are verified, not checked or copied.
    ///
    /// # Errors
    /// As [`crate::decode`], and [`DecodeError::Malformed`] when the message is not a batch.
    pub fn peek(bytes: &[u8], limits: &Limits) -> Result<BatchHeader, DecodeError> {
        batch_header(bytes, limits)
    }

    /// The batch that it stands before.
    pub(crate) fn with(self, rows: Rows) -> Batch {
        let BatchHeader { key, epoch, start, flags, ts_publish_us, earliest, digest, .. } = self;
        Batch { key, epoch, start, flags, ts_publish_us, earliest, digest, rows }
    }

    /// The sequences of its rows; empty, at the next sequence, for a watermark.
    pub fn range(&self) -> SeqRange {
        SeqRange::of_len(self.start, self.rows as u64)
    }
}

/// A journal record that borrows its bytes: what [`JournalRecord`] is without a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalRecordView<'a> {
    /// Which partition.
    pub partition: u32,
    /// Its number in the partition.
    pub position: Position,
    /// The history it belongs to.
    pub epoch: Epoch,
    /// Who sent it; empty when nobody said.
    pub producer_id: &'a str,
    /// The producer's number for it; 0 when it was not numbered.
    pub producer_sequence: u64,
    /// Digest of its rows as if numbered from 1, to tell a retry from a conflict.
    pub content_hash: u64,
    /// The envelope as it is published live.
    pub batch: &'a [u8],
}

impl<'a> JournalRecordView<'a> {
    /// Reads an envelope with one record. The nested batch is not looked into.
    ///
    /// # Errors
    /// As [`crate::decode`], and [`DecodeError::Malformed`] when the message is not a journal record.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<JournalRecordView<'a>, DecodeError> {
        let envelope = verified(bytes, limits)?;
        let record = envelope
            .message_as_journal_record()
            .ok_or_else(|| DecodeError::malformed("not a journal record"))?;
        JournalRecordView::read(&record)
    }

    pub(crate) fn read(record: &fb::JournalRecord<'a>) -> Result<JournalRecordView<'a>, DecodeError> {
        if record.position() == 0 {
            return Err(DecodeError::malformed("position is 0: the first record is 1"));
        }
        Ok(JournalRecordView {
            partition: record.partition(),
            position: Position(record.position()),
            epoch: Epoch(record.epoch()),
            producer_id: field::optional_id("producer_id", record.producer_id())?,
            producer_sequence: record.producer_sequence(),
            content_hash: record.content_hash(),
            batch: field::bytes("batch", record.batch())?,
        })
    }

    /// A copy that owns its bytes.
    pub fn to_record(&self) -> JournalRecord {
        JournalRecord {
            partition: self.partition,
            position: self.position,
            epoch: self.epoch,
            producer_id: self.producer_id.to_owned(),
            producer_sequence: self.producer_sequence,
            content_hash: self.content_hash,
            batch: self.batch.to_vec(),
        }
    }
}

impl<'a> From<&'a JournalRecord> for JournalRecordView<'a> {
    fn from(record: &'a JournalRecord) -> JournalRecordView<'a> {
        JournalRecordView {
            partition: record.partition,
            position: record.position,
            epoch: record.epoch,
            producer_id: &record.producer_id,
            producer_sequence: record.producer_sequence,
            content_hash: record.content_hash,
            batch: &record.batch,
        }
    }
}
