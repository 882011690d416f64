//! A submission that can be taken, as far as that can be told without the sequencer.

use super::{MAX_SUBMISSION_BYTES, ProducerRef, Submission};
use crate::Refusal;
use gapless_model::{Digest, RowError, Seq};

/// The longest producer id, in bytes: it is stored with every record.
const MAX_PRODUCER_ID_BYTES: usize = 128;

/// A submission that can be taken, as far as that can be told without the sequencer.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    submission: Submission,
    content_hash: Digest,
    bytes: usize,
}

impl Checked {
    /// Looks at kind, size, values and producer.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] or [`Refusal::TooLarge`].
    pub fn new(submission: Submission) -> Result<Checked, Refusal> {
        check(&submission)?;
        let bytes = submission.rows.approx_bytes();
        let content_hash = Digest::of(Seq::FIRST, &submission.rows);
        Ok(Checked { submission, content_hash, bytes })
    }

    /// What its rows take in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// As it was handed in.
    pub fn submission(&self) -> &Submission {
        &self.submission
    }

    /// Tells a retry from a conflict: the digest of its rows as the first of a stream.
    pub fn content_hash(&self) -> Digest {
        self.content_hash
    }

    /// The submission and its content hash.
    pub(crate) fn into_parts(self) -> (Submission, Digest) {
        (self.submission, self.content_hash)
    }
}

fn check(submission: &Submission) -> Result<(), Refusal> {
    let invalid = |text: String| Err(Refusal::Invalid(RowError::Batch(text)));
    let Submission { key, rows, producer, .. } = submission;
    if rows.kind() != key.kind() {
        return invalid(format!("{} rows on the stream {key}", rows.kind()));
    }
    if rows.is_empty() {
        return invalid(format!("no rows for {key}: send at least one"));
    }
    if rows.len() > gapless_model::MAX_ROWS_PER_BATCH || rows.approx_bytes() > MAX_SUBMISSION_BYTES {
        return Err(Refusal::TooLarge { rows: rows.len(), bytes: rows.approx_bytes() });
    }
    if let Some(ProducerRef { id, .. }) = producer
        && (id.is_empty() || id.len() > MAX_PRODUCER_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()))
    {
        return invalid("producer id is not 1 to 128 printable ASCII characters without spaces".into());
    }
    rows.validate().map_err(Refusal::Invalid)
}
