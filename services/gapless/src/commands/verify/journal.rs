//! The rows in the journal, read record by record.

use super::Place;
use super::blocks::{Blocks, index};
use super::holder::Holder;
use crate::terminal;
use anyhow::{Context, Result, anyhow};
use gapless::{Batch, Client, Epoch, JournalReadRequest, JournalReader, Position, SeqRange, StreamKey};
use gapless_wire::{JournalRecordView, Limits, decode_batch};
use std::collections::BTreeMap;

/// Bytes of records asked for at once: a part of a second of disk, far below the largest message.
const PAGE_BYTES: u32 = 4 << 20;

pub(super) struct JournalRows {
    reader: JournalReader,
    has_retired: bool,
    /// Records that could not be read; whose rows they had is not known.
    pub(super) lost: u64,
    streams: BTreeMap<StreamKey, Found>,
}

/// What the journal holds of one stream.
#[derive(Default)]
struct Found {
    blocks: Blocks,
    /// Block -> the record in which it begins, to find rows again.
    records: BTreeMap<u64, Position>,
}

impl JournalRows {
    /// Reads the whole journal, keeping what belongs to streams whose topic begins with `prefix`.
    pub(super) fn scan(client: &Client, prefix: &str) -> Result<JournalRows> {
        let mut reader = client.journal()?;
        let status = reader.status(false)?;
        let bar = terminal::bar(status.latest.0, "records").with_message("journal");
        let mut streams: BTreeMap<StreamKey, Found> = BTreeMap::new();
        let mut from = status.earliest.max(Position::FIRST);
        let (mut lost, mut next) = (0, from);
        while from <= status.latest {
            from = read(&mut reader, from, status.latest, |position, batch| {
                lost += position.0.saturating_sub(next.0);
                next = position.next();
                if batch.key.topic().starts_with(prefix) {
                    streams.entry(batch.key.clone()).or_default().add(position, &batch);
                }
                true
            })?;
            bar.set_position(from.0);
        }
        bar.finish_and_clear();
        Ok(JournalRows { reader, has_retired: status.earliest > Position::FIRST, lost, streams })
    }
}

impl Found {
    fn add(&mut self, position: Position, batch: &Batch) {
        for block in index(batch.start)..=index(batch.range().last()) {
            self.records.entry(block).or_insert(position);
        }
        self.blocks.add(batch);
    }
}

impl Holder for JournalRows {
    fn place(&self) -> Place {
        Place::Journal
    }

    fn keys(&self) -> Vec<StreamKey> {
        self.streams.keys().cloned().collect()
    }

    fn blocks(&self, key: &StreamKey) -> Option<&Blocks> {
        self.streams.get(key).map(|found| &found.blocks)
    }

    fn has_retired(&self) -> bool {
        self.has_retired
    }

    fn rows(&mut self, key: &StreamKey, range: SeqRange) -> Result<Vec<Batch>> {
        let Some(found) = self.streams.get(key) else { return Ok(Vec::new()) };
        let last = range.last().min(found.blocks.range().last());
        let begin = found.records.range(index(range.start())..).next().map(|(_, position)| *position);
        let (mut rows, Some(mut from)) = (Vec::new(), begin) else { return Ok(Vec::new()) };
        let mut done = range.is_empty() || last < range.start();
        while !done {
            let latest = Position(u64::MAX);
            from = read(&mut self.reader, from, latest, |_, batch| {
                if batch.key == *key {
                    let end = batch.range().last();
                    let cut = batch.cut(range);
                    if !cut.rows.is_empty() {
                        rows.push(cut);
                    }
                    done = end >= last;
                }
                !done
            })?;
        }
        Ok(rows)
    }
}

/// Hands one page of records up to `last` to `take`, while that wants more; the position to go on with.
fn read(
    reader: &mut JournalReader,
    from: Position,
    last: Position,
    mut take: impl FnMut(Position, Batch) -> bool,
) -> Result<Position> {
    let request = JournalReadRequest {
        partition: 0,
        from,
        max_bytes: PAGE_BYTES,
        follower_id: String::new(),
        acknowledged: Position::NONE,
        acknowledged_epoch: Epoch::UNSTATED,
    };
    let page = reader.read(request)?;
    if page.records.is_empty() {
        return Err(anyhow!("the journal ends at record {} while {from} was asked for", page.latest));
    }
    let mut next = from;
    for bytes in &page.records {
        let record =
            JournalRecordView::parse(bytes, &Limits::live()).context("a journal record cannot be read")?;
        if record.position > last {
            return Ok(record.position);
        }
        let batch = decode_batch(record.batch, &Limits::live())
            .with_context(|| format!("journal record {} cannot be read", record.position))?;
        next = record.position.next();
        if !take(record.position, batch) {
            return Ok(next);
        }
    }
    Ok(next)
}
