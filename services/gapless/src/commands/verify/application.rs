//! The rows in an application's DuckDB file.

use super::Place;
use super::blocks::Blocks;
use super::holder::Holder;
use crate::exit::usage;
use crate::terminal;
use anyhow::{Error, Result};
use gapless::{Batch, Seq, SeqRange, StreamKey};
use gapless_store::AppStore;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) struct Application {
    store: AppStore,
    streams: BTreeMap<StreamKey, Blocks>,
}

impl Application {
    /// Reads every stream of the file whose topic begins with `prefix`.
    pub(super) fn scan(path: &Path, prefix: &str) -> Result<Application> {
        if !path.exists() {
            return Err(usage(format!("{}: there is no such file", path.display())));
        }
        let store = AppStore::open(path)?;
        let bar = terminal::bar(0, "rows").with_message(path.display().to_string());
        let mut streams = BTreeMap::new();
        for cursor in store.cursors().into_iter().filter(|cursor| cursor.key.topic().starts_with(prefix)) {
            let mut blocks = Blocks::default();
            let all = SeqRange::new(Seq::FIRST, Seq(u64::MAX));
            store.reader().scan(&cursor.key, all, |batch| {
                blocks.add(&batch);
                bar.inc(batch.rows.len() as u64);
                Ok::<(), Error>(())
            })?;
            streams.insert(cursor.key, blocks);
        }
        bar.finish_and_clear();
        Ok(Application { store, streams })
    }
}

impl Holder for Application {
    fn place(&self) -> Place {
        Place::App
    }

    fn keys(&self) -> Vec<StreamKey> {
        self.streams.keys().cloned().collect()
    }

    fn blocks(&self, key: &StreamKey) -> Option<&Blocks> {
        self.streams.get(key)
    }

    fn rows(&mut self, key: &StreamKey, range: SeqRange) -> Result<Vec<Batch>> {
        let mut found = Vec::new();
        self.store.reader().scan(key, range, |batch| {
            found.push(batch.cut(range));
            Ok::<(), Error>(())
        })?;
        Ok(found)
    }
}
