//! What is remembered of artifacts that retention removed: `retired.json` beside them.
//!
//! A manifest is a cursor, so with the last artifact of a stream its cursor would go, and the stream would be
//! written from its beginning again. So the cursor is written down here before the artifact is removed.

use crate::error::Error;
use crate::manifest::{Cursor, Hex, Manifest};
use crate::record::Stand;
use gapless_disk::{RealDisk, write_atomically};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The file's name.
const RETIRED: &str = "retired.json";

/// Cursors and numbers of what was removed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Retired {
    /// By topic, where its newest removed record ended.
    streams: BTreeMap<String, Line>,
    /// By the name of artifacts, the highest number that was removed.
    numbers: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Line {
    epoch: u64,
    sequence: u64,
    running_digest: Option<Hex>,
}

impl Retired {
    /// Reads the file below `base`; nothing when there is none.
    pub(crate) fn load(base: &Path) -> Result<Retired, Error> {
        let path = base.join(RETIRED);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::Damaged {
                path,
                reason: format!(
                    "{error}; without it, streams whose artifacts were removed would be written anew: restore it, or \
                     remove it to accept that"
                ),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Retired::default()),
            Err(error) => Err(Error::write(&path, error)),
        }
    }

    /// Makes it durable.
    pub(crate) fn save(&self, base: &Path) -> Result<(), Error> {
        let path = base.join(RETIRED);
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        write_atomically(&RealDisk, base, RETIRED, &[&bytes, b"\n"]).map_err(|e| Error::write(&path, e))?;
        Ok(())
    }

    /// Remembers where the streams of an artifact stood.
    pub(crate) fn add(&mut self, manifest: &Manifest) {
        let number = self.numbers.entry(manifest.name.clone()).or_default();
        if manifest.number < *number {
            return;
        }
        *number = manifest.number;
        for record in &manifest.streams {
            let Cursor { epoch, sequence } = record.cursor;
            let line = Line { epoch, sequence, running_digest: record.running_digest };
            self.streams.insert(record.topic.clone(), line);
        }
    }

    /// The highest number that was removed of a name.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or_default()
    }

    /// Where streams stood.
    pub(crate) fn stands(&self) -> impl Iterator<Item = (&String, Stand)> {
        self.streams.iter().map(|(topic, line)| {
            let cursor = Cursor { epoch: line.epoch, sequence: line.sequence };
            (topic, Stand { cursor: Some(cursor), running: line.running_digest.map(|hex| hex.0) })
        })
    }
}
