//! The end of a run: everybody has caught up, and must have the same.

use super::{Process, World};
use crate::net::NodeId;
use crate::node::engine_limits;
use gapless_live_engine::core::Engine;
use gapless_model::{Batch, Digest, Epoch, Position, Seq, StreamKey};
use gapless_wire::{JournalRecordView, Limits, decode_batch};
use std::collections::BTreeMap;

impl World {
    /// Everybody has caught up: do they have the same?
    pub(super) fn judge(&mut self) {
        for (n, books) in self.books.clone().iter().enumerate() {
            for (key, books) in books.look().iter() {
                let rows = books.rows.iter().map(|(seq, row)| (*seq, *row)).collect();
                self.compare(&format!("client {n}"), key, rows);
            }
        }
        let stored = self.archive.look().streams.clone();
        for stored in stored.values() {
            let batches: Vec<Batch> = stored.batches().collect();
            let Some(first) = batches.first() else { continue };
            let rows = batches.iter().flat_map(|batch| {
                let hashes = crate::truth::row_hashes(batch).into_iter();
                hashes.zip(batch.start.0..).map(|(hash, seq)| (seq, (batch.epoch, hash)))
            });
            let (key, rows) = (first.key.clone(), rows.collect());
            self.compare("the archive", &key, rows);
        }
        self.judge_engine();
    }

    fn compare(&mut self, who: &str, key: &StreamKey, rows: BTreeMap<u64, (Epoch, u64)>) {
        let Some(stream) = self.truth.stream(key).filter(|stream| !stream.rows.is_empty()).cloned() else {
            return;
        };
        for (truth, seq) in stream.rows.iter().zip(1u64..) {
            match rows.get(&seq) {
                Some((_, hash)) if *hash == truth.hash => {}
                Some(_) => {
                    return self.truth.violate("the end is the same everywhere", || {
                        format!("{who}: row {seq} of {key} is another one")
                    });
                }
                None if !self.truth.is_there(key, Seq(seq)) => {}
                None => {
                    return self.truth.violate("the end is the same everywhere", || {
                        format!("{who}: row {seq} of {key} is missing")
                    });
                }
            }
        }
        let beyond = rows.keys().next_back().copied().filter(|last| *last > stream.rows.len() as u64);
        self.truth.require(beyond.is_none(), "the end is the same everywhere", || {
            format!("{who}: row {beyond:?} of {key} does not exist")
        });
    }

    fn judge_engine(&mut self) {
        let Some(Process::Engine(engine)) =
            self.places.get(&NodeId::Engine).and_then(|place| place.process.as_ref())
        else {
            return;
        };
        let state = engine.engine().state();
        for (_, stream) in state.iter() {
            let (key, found, latest) = (stream.key.clone(), stream.digest, stream.latest);
            let rows = self.truth.stream(&key).map(|truth| truth.rows.clone()).unwrap_or_default();
            let (read, rest) = rows.split_at(rows.len().min(latest.0 as usize));
            let digest = read.last().map_or(Digest::default(), |row| row.running);
            let is_all = rest.iter().all(|row| self.truth.is_damaged_record(row.position));
            self.truth.require(found == digest && is_all, "the end is the same everywhere", || {
                format!("engine: {key} up to {latest} of {} has {found}, the rows give {digest}", rows.len())
            });
        }
        self.judge_derived();
    }

    /// Every bar that rows closed is in the journal.
    fn judge_derived(&mut self) {
        let rules = &self.plan.setup.engine.rules;
        if rules.is_empty() || !self.truth.engines_were_whole() || self.truth.is_damaged() {
            return;
        }
        let mut engine = Engine::new(&engine_limits(), rules, None);
        engine.handle_watermark(self.truth.epoch(), Position::FIRST, Position::NONE);
        for record in self.truth.records() {
            let read = JournalRecordView::parse(&record.bytes, &Limits::live());
            let read =
                read.and_then(|view| Ok((view.to_record(), decode_batch(view.batch, &Limits::live())?)));
            if let Ok((record, batch)) = read {
                engine.handle_record(record.epoch, &record, &batch);
            }
        }
        let missing = engine.outbox().oldest();
        self.truth.require(missing.is_none(), "every closed bar is in the journal", || {
            format!("{} batches are not, the first comes from record {missing:?}", engine.outbox().len())
        });
    }
}
