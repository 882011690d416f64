//! Reading ranges: rows from backfill, records from the journal.

use crate::ask::Asker;
use crate::{Error, Service};
use gapless_model::{Batch, Digest, Epoch, Position, SeqRange};
use gapless_wire::{
    BackfillRequest, JournalReadRequest, JournalReadResponse, JournalStatusRequest, JournalStatusResponse,
    Limits, Message, decode_batch,
};
use std::time::Duration;

/// A part of a stream, exactly as it was asked for and checked against the server's digest.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows, contiguous.
    pub batches: Vec<Batch>,
    /// Which rows they are.
    pub range: SeqRange,
    /// How the stream was when it answered: earliest and latest row.
    pub available: SeqRange,
    /// Whether rows after these exist within the bounds asked for.
    pub has_more: bool,
}

/// Reads rows from backfill.
#[derive(Debug)]
pub struct Reader {
    asker: Asker,
    patience: Duration,
}

impl Reader {
    pub(crate) fn new(asker: Asker, patience: Duration) -> Reader {
        Reader { asker, patience }
    }

    /// As [`crate::Client::read`].
    ///
    /// # Errors
    /// As [`crate::Client::read`].
    pub fn read(&mut self, request: BackfillRequest) -> Result<Page, Error> {
        let response = match self.asker.ask(&Message::BackfillRequest(request), self.patience)? {
            Message::BackfillResponse(response) => response,
            other => return Err(self.asker.unexpected(&other)),
        };
        let bad = |reason: String| Error::BadReply { service: Service::Backfill, reason };
        let range = SeqRange::new(response.served_from, response.served_to.next());
        let mut batches = Vec::with_capacity(response.batches.len());
        let (mut next, mut digest) = (range.start(), Digest::default());
        for bytes in &response.batches {
            let batch =
                decode_batch(bytes, &Limits::live()).map_err(|error| bad(error.to_string()))?.cut(range);
            if batch.start != next {
                return Err(bad(format!("{}: rows from {} where {next} was due", response.key, batch.start)));
            }
            next = batch.range().end();
            digest = digest + Digest::of(batch.start, &batch.rows);
            batches.push(batch);
        }
        if next != range.end() || digest != response.digest {
            return Err(bad(format!("{}: the rows {range} do not match their digest", response.key)));
        }
        let available = SeqRange::new(response.earliest, response.latest.next());
        Ok(Page { batches, range, available, has_more: response.has_more })
    }
}

/// Reads records from the journal.
#[derive(Debug)]
pub struct JournalReader {
    asker: Asker,
    patience: Duration,
}

impl JournalReader {
    pub(crate) fn new(asker: Asker, patience: Duration) -> JournalReader {
        JournalReader { asker, patience }
    }

    /// Records from a position on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when ingestion does not answer.
    pub fn read(&mut self, request: JournalReadRequest) -> Result<JournalReadResponse, Error> {
        match self.asker.ask(&Message::JournalReadRequest(request), self.patience)? {
            Message::JournalReadResponse(response) => Ok(response),
            other => Err(self.asker.unexpected(&other)),
        }
    }

    /// How far the journal is.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when ingestion does not answer.
    pub fn status(&mut self, with_streams: bool) -> Result<JournalStatusResponse, Error> {
        self.ask_status(JournalStatusRequest {
            partition: 0,
            follower_id: String::new(),
            acknowledged: Position::NONE,
            with_streams,
            acknowledged_epoch: Epoch::UNSTATED,
        })
    }

    /// Tells the journal that `follower_id` no longer needs the records up to `acknowledged` of `epoch`, and
    /// asks how far the journal is. One in another epoch takes no notice of the position. What a follower has not acknowledged is kept for it, as long as it is heard of
    /// within its lease. [`Position::NONE`] only registers it.
    ///
    /// # Errors
    /// As [`JournalReader::status`].
    pub fn acknowledge(
        &mut self,
        follower_id: &str,
        epoch: Epoch,
        acknowledged: Position,
    ) -> Result<JournalStatusResponse, Error> {
        self.ask_status(JournalStatusRequest {
            partition: 0,
            follower_id: follower_id.to_owned(),
            acknowledged,
            with_streams: false,
            acknowledged_epoch: epoch,
        })
    }

    fn ask_status(&mut self, question: JournalStatusRequest) -> Result<JournalStatusResponse, Error> {
        match self.asker.ask(&Message::JournalStatusRequest(question), self.patience)? {
            Message::JournalStatusResponse(response) => Ok(response),
            other => Err(self.asker.unexpected(&other)),
        }
    }
}
