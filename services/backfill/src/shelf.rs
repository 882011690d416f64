//! The archive as those see it who answer.

use gapless_model::{Seq, SeqRange, StreamKey, StreamStatus, UnixNanos};
use gapless_store::{ArchiveReader, Page, StoreError};

/// What an archive knows of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    /// How far it is. The server time is not used.
    pub status: StreamStatus,
    /// Rows between earliest and latest that are missing for good: in order, apart, none of them empty.
    pub holes: Vec<SeqRange>,
}

/// An archive to read from.
pub trait Shelf {
    /// Why it could not be read.
    type Error: std::error::Error;

    /// Whether a failure says that rows are damaged: that trying again does not help, and that other rows may be
    /// readable. An archive that does not tell answers with the failure.
    fn is_damage(error: &Self::Error) -> bool {
        let _ = error;
        false
    }

    /// What is known of `key`; `None` when nothing is.
    fn stream(&self, key: &StreamKey) -> Option<Shelved>;

    /// The streams whose topic begins with `prefix` and comes after the topic `after`, in the order of their
    /// topics, at most `limit`; and whether there are more.
    fn directory(&self, prefix: &str, after: &str, limit: usize) -> (Vec<StreamStatus>, bool);

    /// Rows of `key` in `range`, which has no hole, from its beginning: at most `limit` rows and about
    /// `max_bytes` (at least one row). Fewer may come. `None` when the stream is not known.
    ///
    /// # Errors
    /// When rows cannot be read, or are not those that were stored.
    fn page(
        &self,
        key: &StreamKey,
        range: SeqRange,
        limit: u64,
        max_bytes: usize,
    ) -> Result<Option<Page>, Self::Error>;

    /// The first row of `key` that is not older than `ts`.
    ///
    /// # Errors
    /// When rows cannot be read.
    fn seq_at_time(&self, key: &StreamKey, ts: UnixNanos) -> Result<Option<Seq>, Self::Error>;
}

impl Shelf for ArchiveReader {
    type Error = StoreError;

    fn is_damage(error: &StoreError) -> bool {
        matches!(error, StoreError::Damaged(_))
    }

    fn stream(&self, key: &StreamKey) -> Option<Shelved> {
        ArchiveReader::stream(self, key).map(|(status, holes)| Shelved { status, holes })
    }

    fn directory(&self, prefix: &str, after: &str, limit: usize) -> (Vec<StreamStatus>, bool) {
        ArchiveReader::directory(self, prefix, after, limit)
    }

    fn page(
        &self,
        key: &StreamKey,
        range: SeqRange,
        limit: u64,
        max_bytes: usize,
    ) -> Result<Option<Page>, StoreError> {
        ArchiveReader::page(self, key, range, limit, max_bytes)
    }

    fn seq_at_time(&self, key: &StreamKey, ts: UnixNanos) -> Result<Option<Seq>, StoreError> {
        ArchiveReader::seq_at_time(self, key, ts)
    }
}
