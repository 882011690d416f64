//! A writer behind a real intake that keeps rows in memory and refuses what a test tells it to.

use crate::intake::Producers;
use crate::{Intake, IntakeLimits, ProducerStatus, Receipt, Refusal};
use gapless_model::{Digest, Epoch, Flags, Position, Rows, Seq, StreamKey};
use gapless_transport::{Source, wait_any};
use gapless_wire::Durability;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct State {
    /// The last number of each producer on each stream, its content and its receipt.
    last: HashMap<(String, StreamKey), (u64, Digest, Receipt)>,
    /// What each stream has, batch by batch.
    streams: BTreeMap<StreamKey, Vec<(Flags, Rows)>>,
    position: u64,
}

impl Producers for Mutex<State> {
    fn status(&self, id: &str, key: &StreamKey) -> ProducerStatus {
        let state = self.lock().unwrap();
        let last = state.last.get(&(id.to_string(), key.clone())).map_or(0, |(last, ..)| *last);
        ProducerStatus { last_sequence: last, latest: state.latest(key) }
    }
}

impl State {
    fn latest(&self, key: &StreamKey) -> Seq {
        Seq(self
            .streams
            .get(key)
            .map_or(0, |batches| batches.iter().map(|(_, rows)| rows.len() as u64).sum()))
    }

    /// The rule of the sequencer for numbered producers, without its memory of content.
    fn accept(&mut self, entry: &crate::intake::Entry) -> Result<Receipt, Refusal> {
        let submission = entry.checked.submission();
        let first = self.latest(&submission.key).next();
        let receipt = Receipt {
            position: Position(self.position + 1),
            epoch: Epoch(1),
            first,
            last: Seq(first.0 + submission.rows.len() as u64 - 1),
            durability: Durability::Written,
            duplicate: false,
        };
        if let Some(producer) = &submission.producer {
            let pair = (producer.id.clone(), submission.key.clone());
            let (last, content, before) = self.last.get(&pair).copied().unwrap_or((0, Digest(0), receipt));
            let previous = match producer.previous {
                0 => producer.sequence - 1,
                itself if itself == producer.sequence => 0,
                previous => previous,
            };
            if producer.sequence == last && content == entry.checked.content_hash() {
                return Ok(Receipt { duplicate: true, ..before });
            }
            if producer.sequence <= last || previous != last {
                let message = format!("{} after {previous}, but the last was {last}", producer.sequence);
                return Err(Refusal::Conflict { expected_previous: last, message });
            }
            self.last.insert(pair, (producer.sequence, entry.checked.content_hash(), receipt));
        }
        self.position += 1;
        let batch = (submission.flags, submission.rows.clone());
        self.streams.entry(submission.key.clone()).or_default().push(batch);
        Ok(receipt)
    }
}

/// The journal of a test.
pub(crate) struct FakeJournal {
    pub(crate) intake: Intake,
    state: Arc<Mutex<State>>,
}

impl FakeJournal {
    /// A journal whose queue takes so many batches.
    pub(crate) fn new(batches: usize) -> FakeJournal {
        let state = Arc::new(Mutex::new(State::default()));
        let intake = Intake::new(IntakeLimits { batches, bytes: usize::MAX }, state.clone()).unwrap();
        FakeJournal { intake, state }
    }

    /// Works off what waits; `refuse` may refuse a batch before it is looked at.
    pub(crate) fn work(&self, mut refuse: impl FnMut() -> Option<Refusal>) {
        self.drain(&mut refuse);
    }

    /// Forgets every producer, as memory that runs over does.
    pub(crate) fn forget_producers(&self) {
        self.state.lock().unwrap().last.clear();
    }

    /// Works on a thread of its own until it is closed.
    pub(crate) fn spawn(
        self,
        mut refuse: impl FnMut() -> Option<Refusal> + Send + 'static,
    ) -> RunningJournal {
        let (intake, state) = (self.intake.clone(), self.state.clone());
        let thread = std::thread::spawn(move || {
            while self.drain(&mut refuse) {
                self.wait();
            }
        });
        RunningJournal { intake, state, thread: Some(thread) }
    }

    fn wait(&self) {
        let (_, wake) = self.intake.queue().wake();
        wait_any([Source::Wake(wake)], Some(Duration::from_secs(1))).unwrap();
        wake.clear();
    }

    fn drain(&self, refuse: &mut dyn FnMut() -> Option<Refusal>) -> bool {
        let Some(entries) = self.intake.queue().drain(usize::MAX) else { return false };
        for entry in entries {
            let answer = match refuse() {
                Some(refusal) => Err(refusal),
                None => self.state.lock().unwrap().accept(&entry),
            };
            entry.reply.give(answer);
        }
        true
    }

    pub(crate) fn rows(&self, key: &StreamKey) -> Vec<Rows> {
        rows(&self.state, key)
    }
}

/// A journal that works by itself.
pub(crate) struct RunningJournal {
    pub(crate) intake: Intake,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

impl RunningJournal {
    pub(crate) fn rows(&self, key: &StreamKey) -> Vec<Rows> {
        rows(&self.state, key)
    }

    pub(crate) fn keys(&self) -> Vec<StreamKey> {
        self.state.lock().unwrap().streams.keys().cloned().collect()
    }

    pub(crate) fn flags(&self, key: &StreamKey) -> Vec<Flags> {
        let state = self.state.lock().unwrap();
        state
            .streams
            .get(key)
            .map(|batches| batches.iter().map(|(flags, _)| *flags).collect())
            .unwrap_or_default()
    }
}

impl Drop for RunningJournal {
    fn drop(&mut self) {
        self.intake.close();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn rows(state: &Mutex<State>, key: &StreamKey) -> Vec<Rows> {
    let state = state.lock().unwrap();
    state
        .streams
        .get(key)
        .map(|batches| batches.iter().map(|(_, rows)| rows.clone()).collect())
        .unwrap_or_default()
}

/// The candles of a stream, one after another.
pub(crate) fn candles(batches: Vec<Rows>) -> Vec<gapless_model::Candle> {
    let candles = |rows| match rows {
        Rows::Candles(rows) => rows,
        other => panic!("not candles: {other:?}"),
    };
    batches.into_iter().flat_map(candles).collect()
}
