//! An artifact against the archive, part by part, so that a difference has a place.

use super::Verdict;
use crate::commands::verify::{ASK, CATCH_UP};
use anyhow::{Result, anyhow};
use gapless::{BackfillRequest, Client, Digest, Reader, Rows, Seq, SeqRange, StreamKey};
use gapless_formats::RowReader;
use gapless_snapshot_writer::manifest::{Part, StreamRecord};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

/// Rows cut out at a time: about the root of the most rows of a batch, which makes the fewest copies.
const HASHED_TOGETHER: usize = 100;

/// The archive.
pub(super) struct Against {
    client: Client,
    reader: Reader,
}

impl Against {
    pub(super) fn connect(client: &Client) -> Result<Against> {
        Ok(Against { client: client.clone(), reader: client.reader()? })
    }

    /// Compares the rows of every part.
    pub(super) fn check(
        &mut self,
        folder: &Path,
        record: &StreamRecord,
        verdict: &mut Verdict,
    ) -> Result<()> {
        let key: StreamKey = record.topic.parse()?;
        let Some(served) = self.served(&key, Seq(record.last))? else {
            verdict.problem("the archive does not have it".into());
            return Ok(());
        };
        let (mut total, mut compared) = (Digest::default(), 0);
        for part in &record.parts {
            let range = part.range().intersect(served);
            if range.is_empty() {
                continue;
            }
            let found = self.digest(&key, range, |_, _| {})?;
            let expected = match range == part.range() {
                true => Some(part.digest.0),
                // Retention has removed its beginning, so the rows themselves are asked.
                false => rows_of(folder, &key, part, range).map(|rows| sum(&rows)),
            };
            total = total + found;
            compared += range.len();
            if expected.is_some_and(|expected| expected != found) {
                let place = self.difference(folder, &key, part, range)?;
                verdict.problem(format!("rows {range} differ from the archive's{place}"));
            }
        }
        if served.start() > Seq(record.first) && record.rows > 0 {
            let gone = served.start().min(Seq(record.last).next()).0 - record.first;
            verdict.notes.push(format!("the archive no longer has the first {gone} of these sequences"));
        }
        if served.last() < Seq(record.last) {
            verdict.problem(format!("the archive ends at {}", served.last()));
        }
        if compared == record.rows {
            verdict.archive = Some(total.to_string());
        }
        Ok(())
    }

    /// What the archive has, waiting a little until it has what the artifact has; `None`: no such stream.
    fn served(&self, key: &StreamKey, goal: Seq) -> Result<Option<SeqRange>> {
        let end = Instant::now() + CATCH_UP;
        loop {
            let status = self.client.stream(key)?;
            let range = status.map(|status| {
                SeqRange::new(status.watermark.earliest.max(Seq::FIRST), status.watermark.latest.next())
            });
            if range.is_some_and(|range| range.last() >= goal) || Instant::now() >= end {
                return Ok(range);
            }
            std::thread::sleep(ASK);
        }
    }

    /// The digest of rows in the archive; each batch is also handed to `look`.
    fn digest(
        &mut self,
        key: &StreamKey,
        range: SeqRange,
        mut look: impl FnMut(Seq, &Rows),
    ) -> Result<Digest> {
        let (mut left, mut digest) = (range, Digest::default());
        while !left.is_empty() {
            let page = self.reader.read(BackfillRequest::rows(key.clone(), left))?;
            if page.range.start() != left.start() || page.range.is_empty() {
                return Err(anyhow!(
                    "{key}: the archive does not have rows {left} (retired or damaged): --offline checks the files alone"
                ));
            }
            for batch in &page.batches {
                digest = digest + Digest::of(batch.start, &batch.rows);
                look(batch.start, &batch.rows);
            }
            left = SeqRange::new(page.range.end(), left.end());
        }
        Ok(digest)
    }

    /// The first row of `range` that differs, in words; empty when the file cannot be read.
    fn difference(&mut self, folder: &Path, key: &StreamKey, part: &Part, range: SeqRange) -> Result<String> {
        let Some(mine) = rows_of(folder, key, part, range) else { return Ok(String::new()) };
        let mut theirs = BTreeMap::new();
        self.digest(key, range, |start, rows| theirs.extend(hashes(start, rows)))?;
        let first = theirs.iter().find(|(seq, hash)| mine.get(seq) != Some(hash));
        Ok(first.map_or_else(String::new, |(seq, _)| format!(": the first at {seq}")))
    }
}

/// The digest of each row of `range` in the first readable file of a part; `None` when there is none.
fn rows_of(folder: &Path, key: &StreamKey, part: &Part, range: SeqRange) -> Option<BTreeMap<u64, Digest>> {
    part.files.iter().find_map(|file| {
        let reader = RowReader::open(&folder.join(&file.name), file.form()?, key.kind()).ok()?;
        let chunks: Vec<(Seq, Rows)> = reader.collect::<Result<_, _>>().ok()?;
        let all = chunks.iter().flat_map(|(start, rows)| hashes(*start, rows));
        Some(all.filter(|(seq, _)| range.contains(Seq(*seq))).collect())
    })
}

/// Each row's own digest. Slices are copies, so rows are cut in two steps.
fn hashes(start: Seq, rows: &Rows) -> Vec<(u64, Digest)> {
    let mut found = Vec::with_capacity(rows.len());
    for first in (0..rows.len()).step_by(HASHED_TOGETHER) {
        let block = rows.clone().slice(first, first + HASHED_TOGETHER);
        for row in 0..block.len() {
            let seq = start.plus((first + row) as u64);
            found.push((seq.0, Digest::of(seq, &block.clone().slice(row, row + 1))));
        }
    }
    found
}

fn sum(rows: &BTreeMap<u64, Digest>) -> Digest {
    rows.values().fold(Digest::default(), |sum, digest| sum + *digest)
}
