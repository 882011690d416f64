//! The rows that backfill serves.

use super::blocks::Blocks;
use super::holder::Holder;
use super::{ASK, CATCH_UP, Place};
use crate::commands::export::pages::Pages;
use crate::{render, terminal};
use anyhow::Result;
use gapless::{BackfillRequest, Batch, Client, Reader, Seq, SeqRange, StreamKey, StreamStatus};
use std::collections::BTreeMap;
use std::time::Instant;

pub(super) struct Archive {
    reader: Reader,
    streams: BTreeMap<StreamKey, Blocks>,
    troubles: BTreeMap<StreamKey, Vec<String>>,
}

/// Troubles of one stream that are told.
const MAX_TROUBLES: usize = 3;

impl Archive {
    /// Reads every stream whose topic begins with `prefix`, once they are up to `goals` or [`CATCH_UP`]
    /// is over.
    pub(super) fn scan(client: &Client, prefix: &str, goals: &BTreeMap<StreamKey, Seq>) -> Result<Archive> {
        let directory = directory(client, prefix, goals)?;
        let total = directory.iter().map(|status| status.watermark.latest.0).sum();
        let bar = terminal::bar(total, "rows").with_message("archive");
        let mut streams = BTreeMap::new();
        let mut troubles: BTreeMap<StreamKey, Vec<String>> = BTreeMap::new();
        for status in directory {
            let first = status.watermark.earliest.max(Seq::FIRST);
            let range = SeqRange::new(first, status.watermark.latest.next());
            let mut blocks = Blocks::default();
            for batch in Pages::new(client, &status.key, range)? {
                match batch {
                    Ok(batch) => {
                        blocks.add(&batch);
                        bar.inc(batch.rows.len() as u64);
                    }
                    // What cannot be read is a difference of this stream, and no reason not to look at others.
                    Err(error) => {
                        tracing::warn!(stream = %status.key, %error, "rows of the archive are missing here");
                        let told = troubles.entry(status.key.clone()).or_default();
                        if told.len() < MAX_TROUBLES {
                            told.push(format!("archive: {error:#}"));
                        }
                    }
                }
            }
            streams.insert(status.key, blocks);
        }
        bar.finish_and_clear();
        tracing::debug!(rows = render::count(total), "archive read");
        Ok(Archive { reader: client.reader()?, streams, troubles })
    }
}

fn directory(client: &Client, prefix: &str, goals: &BTreeMap<StreamKey, Seq>) -> Result<Vec<StreamStatus>> {
    let end = Instant::now() + CATCH_UP;
    loop {
        let found = client.streams(prefix)?;
        let reached = |(key, goal): (&StreamKey, &Seq)| {
            found.iter().any(|status| status.key == *key && status.watermark.latest >= *goal)
        };
        if goals.iter().all(reached) || Instant::now() >= end {
            return Ok(found);
        }
        std::thread::sleep(ASK);
    }
}

impl Holder for Archive {
    fn place(&self) -> Place {
        Place::Archive
    }

    fn keys(&self) -> Vec<StreamKey> {
        self.streams.keys().cloned().collect()
    }

    fn blocks(&self, key: &StreamKey) -> Option<&Blocks> {
        self.streams.get(key)
    }

    fn troubles(&self, key: &StreamKey) -> Vec<String> {
        self.troubles.get(key).cloned().unwrap_or_default()
    }

    fn rows(&mut self, key: &StreamKey, range: SeqRange) -> Result<Vec<Batch>> {
        let mut found = Vec::new();
        let mut left = range;
        while !left.is_empty() {
            let page = match self.reader.read(BackfillRequest::rows(key.clone(), left)) {
                Ok(page) if !page.range.is_empty() => page,
                // Said when the stream was scanned; rows that cannot be read are rows that are not there.
                Ok(_) | Err(gapless::Error::BadReply { .. } | gapless::Error::Refused { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            left = SeqRange::new(page.range.end(), left.end());
            found.extend(page.batches);
        }
        Ok(found)
    }
}
