//! An application's store: rows, cursor and lost ranges of every stream, changed in one step.

use crate::truth::row_hashes;
use gapless::{BoxError, Cursor, CursorStore, Event};
use gapless_model::{Digest, Epoch, Seq, SeqRange, StreamKey, UnixMillis};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One stream.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Where the stream stands.
    pub cursor: Option<Cursor>,
    /// Every row that is there: its epoch and its hash.
    pub rows: BTreeMap<u64, (Epoch, u64)>,
    /// Rows that will not come, in order.
    pub lost: Vec<SeqRange>,
    /// Running digest up to the cursor, while it is known.
    pub running: Option<Digest>,
    /// Where the rows begin.
    pub first: Option<Seq>,
}

/// What survives the process.
#[derive(Debug, Clone, Default)]
pub struct SharedBooks(Arc<Mutex<BTreeMap<StreamKey, Books>>>);

impl SharedBooks {
    /// What is durable.
    pub fn look(&self) -> MutexGuard<'_, BTreeMap<StreamKey, Books>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens them for a process.
    pub fn open(&self, _wall: UnixMillis) -> Store {
        Store { durable: self.clone(), waiting: Vec::new() }
    }
}

/// The books as a process has them: what waits is lost with it.
pub struct Store {
    durable: SharedBooks,
    waiting: Vec<(Event, Cursor)>,
}

impl CursorStore for Store {
    fn cursors(&mut self) -> Result<Vec<(StreamKey, Cursor)>, BoxError> {
        let books = self.durable.look();
        Ok(books.iter().filter_map(|(key, books)| Some((key.clone(), books.cursor?))).collect())
    }

    fn apply(&mut self, event: Event, cursor: Cursor) -> Result<(), BoxError> {
        if event.moves_cursor() {
            self.waiting.push((event, cursor));
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn commit(&mut self) -> Result<(), BoxError> {
        let mut durable = self.durable.look();
        for (event, cursor) in self.waiting.drain(..) {
            let books = durable.entry(event.key().clone()).or_default();
            books.apply(&event)?;
            books.cursor = Some(cursor);
        }
        Ok(())
    }
}

impl Books {
    fn apply(&mut self, event: &Event) -> Result<(), BoxError> {
        match event {
            Event::Rows(batch) => {
                let range = batch.range();
                let begins = self.first.is_none();
                self.first.get_or_insert(range.start());
                if begins && range.start() == Seq::FIRST {
                    self.running = Some(Digest::default());
                }
                for (hash, seq) in row_hashes(batch).into_iter().zip(range.start().0..) {
                    if self.rows.insert(seq, (batch.epoch, hash)).is_some() {
                        return Err(format!("row {seq} of {} is there twice", batch.key).into());
                    }
                    self.running = self.running.map(|running| running + Digest(hash));
                }
                let stated = Some(batch.digest).filter(|digest| *digest != Digest::default());
                if let (Some(running), Some(stated)) = (self.running, stated)
                    && running != stated
                {
                    return Err(
                        format!("{} up to {}: {running} is not {stated}", batch.key, range.last()).into()
                    );
                }
                self.running = self.running.or(stated);
            }
            Event::Truncated { range, .. } => {
                self.first.get_or_insert(range.start());
                self.lost.push(*range);
                self.running = None;
            }
            Event::Rewind { keep, .. } => self.cut(*keep),
            Event::Reset { .. } => *self = Books::default(),
            _ => {}
        }
        Ok(())
    }

    fn cut(&mut self, keep: Seq) {
        for (_, (_, hash)) in self.rows.split_off(&keep.next().0) {
            self.running = self.running.map(|running| running - Digest(hash));
        }
        let kept = SeqRange::new(Seq::NONE, keep.next());
        self.lost =
            self.lost.iter().map(|range| range.intersect(kept)).filter(|range| !range.is_empty()).collect();
        self.first = self.first.filter(|first| *first <= keep);
        self.running = self.running.filter(|_| self.first.is_some());
    }

    /// Whether rows and lost ranges together fill everything up to the cursor, each once, and nothing
    /// lies after it.
    pub fn are_whole(&self) -> Result<(), String> {
        let applied = self.cursor.map_or(Seq::NONE, |cursor| cursor.applied);
        let Some(first) = self.first else {
            return if self.rows.is_empty() { Ok(()) } else { Err("rows without a beginning".into()) };
        };
        if let Some((last, _)) = self.rows.last_key_value()
            && *last > applied.0
        {
            return Err(format!("row {last} lies after the cursor {applied}"));
        }
        let lost: u64 = self.lost.iter().map(|range| range.len()).sum();
        let expected = (applied.0 + 1).saturating_sub(first.0);
        if self.rows.len() as u64 + lost != expected {
            return Err(format!(
                "{} rows and {lost} lost ones do not fill {first}..{applied}",
                self.rows.len()
            ));
        }
        let twice =
            self.lost.iter().any(|range| self.rows.range(range.start().0..range.end().0).next().is_some());
        if twice { Err("a lost row is there".into()) } else { Ok(()) }
    }
}
