//! A range of a stream, page by page.

use anyhow::{Result, anyhow};
use gapless::{BackfillRequest, Batch, Client, Reader, SeqRange, StreamKey};
use std::collections::VecDeque;

/// The batches of a range, in order. Rows that are gone are an error in their place, after which it goes on; after
/// any other error it ends.
pub(crate) struct Pages {
    reader: Reader,
    key: StreamKey,
    left: SeqRange,
    ready: VecDeque<Batch>,
}

impl Pages {
    pub(crate) fn new(client: &Client, key: &StreamKey, range: SeqRange) -> Result<Pages> {
        Ok(Pages { reader: client.reader()?, key: key.clone(), left: range, ready: VecDeque::new() })
    }

    fn read(&mut self) -> Result<()> {
        let left = self.left;
        self.left = SeqRange::new(left.end(), left.end());
        let page = self.reader.read(BackfillRequest::rows(self.key.clone(), left))?;
        if page.range.start() == left.start() && page.range.is_empty() {
            return Err(anyhow!("{}: rows {left} are not there", self.key));
        }
        self.left = SeqRange::new(page.range.end().min(left.end()), left.end());
        self.ready.extend(page.batches);
        if page.range.start() == left.start() {
            return Ok(());
        }
        let gone = left.intersect(SeqRange::new(left.start(), page.range.start()));
        Err(anyhow!(
            "{}: rows {gone} are gone: retention removed them, or they were lost before they were archived",
            self.key
        ))
    }
}

impl Iterator for Pages {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if self.ready.is_empty()
            && !self.left.is_empty()
            && let Err(error) = self.read()
        {
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}
