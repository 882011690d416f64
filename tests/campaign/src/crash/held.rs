//! What each place holds, read whole: journal, archive, a client's file. Of artifacts, what they say of
//! themselves; `gapless verify` reads their files.

use anyhow::{Context, Result, anyhow, bail};
use gapless::{
    BackfillRequest, Batch, Client, Digest, Epoch, JournalReadRequest, Position, Seq, SeqRange, StreamKey,
};
use gapless_store::{AppStore, StoreError};
use gapless_wire::{JournalRecordView, Limits, decode_batch};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes of journal records asked for at once.
const PAGE_BYTES: u32 = 4 << 20;

/// One stream in one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) rows: u64,
    pub(super) digest: Digest,
}

/// All streams in one place.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) streams: BTreeMap<StreamKey, Held>,
    /// Holes, repetitions.
    pub(super) problems: Vec<String>,
}

impl Place {
    fn add(&mut self, name: &str, batch: &Batch) {
        if batch.rows.is_empty() {
            return;
        }
        let held = self.streams.entry(batch.key.clone()).or_default();
        if batch.start.0 != held.rows + 1 {
            let due = held.rows + 1;
            self.problems.push(format!("{name}: {}: rows {} where {due} was due", batch.key, batch.range()));
        }
        held.rows = batch.range().last().0;
        held.digest = held.digest + Digest::of(batch.start, &batch.rows);
    }
}

/// The journal, record by record; `look` sees every batch.
pub(super) fn journal(client: &Client, mut look: impl FnMut(&Batch)) -> Result<Place> {
    let mut place = Place::default();
    let mut reader = client.journal()?;
    let status = reader.status(false)?;
    let mut from = status.earliest.max(Position::FIRST);
    if from != Position::FIRST {
        bail!("the journal begins at record {from}: it was to keep everything");
    }
    while from <= status.latest {
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
            bail!("the journal ends at record {from}, before {}", status.latest);
        }
        for bytes in &page.records {
            let record =
                JournalRecordView::parse(bytes, &Limits::live()).map_err(|error| anyhow!("{error}"))?;
            if record.position != from {
                place.problems.push(format!("journal: record {} where {from} was due", record.position));
            }
            from = record.position.next();
            let batch = decode_batch(record.batch, &Limits::live()).map_err(|error| anyhow!("{error}"))?;
            place.add("journal", &batch);
            look(&batch);
        }
    }
    Ok(place)
}

/// The archive, as backfill serves it.
pub(super) fn archive(client: &Client) -> Result<Place> {
    let mut place = Place::default();
    let mut reader = client.reader()?;
    for status in client.streams("")? {
        let mut after = Seq::NONE;
        loop {
            let request = BackfillRequest {
                key: status.key.clone(),
                epoch: Epoch::UNSTATED,
                from_exclusive: after,
                to: Seq::NONE,
                start_ts: None,
                end_ts: None,
                limit: 0,
                max_bytes: 0,
            };
            let page = reader.read(request)?;
            page.batches.iter().for_each(|batch| place.add("archive", batch));
            if !page.has_more || page.range.is_empty() {
                break;
            }
            after = page.range.last();
        }
    }
    Ok(place)
}

/// A client's DuckDB file.
pub(super) fn file(path: &Path, name: &str) -> Result<Place> {
    let mut place = Place::default();
    let store = AppStore::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let all = SeqRange::new(Seq::FIRST, Seq(u64::MAX));
    for cursor in store.cursors() {
        store.reader().scan(&cursor.key, all, |batch| {
            place.add(name, &batch);
            Ok::<(), StoreError>(())
        })?;
        let rows = place.streams.get(&cursor.key).map_or(0, |held| held.rows);
        if rows != cursor.applied.0 {
            let problem = format!("{name}: {}: cursor {} over {rows} rows", cursor.key, cursor.applied);
            place.problems.push(problem);
        }
    }
    Ok(place)
}

/// The artifacts' manifests.
pub(super) fn artifacts(folder: &Path) -> Result<Place> {
    let mut place = Place::default();
    for folder in artifact_folders(folder)? {
        let path = folder.join("manifest.json");
        let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Manifest = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        for stream in manifest.streams {
            let digest = u64::from_str_radix(&stream.digest, 16).context("a digest is hexadecimal")?;
            let key: StreamKey = stream.topic.parse()?;
            if stream.rows > 0 && (stream.first != 1 || stream.last != stream.rows) {
                let Stream { first, last, rows, .. } = &stream;
                place.problems.push(format!("artifacts: {key}: {rows} rows from {first} to {last}"));
            }
            let held = Held { rows: stream.rows, digest: Digest(digest) };
            if place.streams.insert(key.clone(), held).is_some() {
                place.problems.push(format!("artifacts: {key} is in two of them"));
            }
        }
    }
    Ok(place)
}

/// The folders that are artifacts.
pub(super) fn artifact_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if folder.exists() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.join("manifest.json").exists() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Of a manifest, what is compared.
#[derive(Debug, Deserialize)]
struct Manifest {
    streams: Vec<Stream>,
}

/// One stream of it.
#[derive(Debug, Deserialize)]
struct Stream {
    topic: String,
    first: u64,
    last: u64,
    rows: u64,
    digest: String,
}
