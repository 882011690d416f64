//! Derived batches on their way to ingestion.
//!
//! The engine is a producer like any other: per derived stream one batch is in flight, numbered by the
//! journal position of the record that closed its bars, naming the number before. That makes every retry
//! harmless, also one after a restart: the engine then derives everything again from the journal, and the
//! journal shows it its own records, which take what they hold out of here.
//!
//! An acknowledgement alone would suffice while the engine lives. The journal is what it has after a
//! restart, and also what settles a conflict: ingestion names the last number that it took, and either
//! the record with the head's number is on its way here, or the head is sent again after that number.
//!
//! A batch that was acknowledged stays here until the journal shows its record. So what waits is a fold of
//! the records alone, and a checkpoint of it is as good as reading them: an acknowledgement may be for a
//! record that a power loss takes back.

mod lane;
mod restore;

use crate::derive::Closed;
use gapless_model::{Batch, MonoTime, Position, StreamKey};
use lane::Stage;
pub(crate) use lane::{Lane, Pending};
pub(crate) use restore::FrozenLane;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The name under which the engine of partition 0 sends.
pub const PRODUCER_ID: &str = "engine.0";
/// Batches in flight over all derived streams: enough to keep ingestion's groups filled.
const MAX_IN_FLIGHT: usize = 64;
/// Acknowledged batches that are kept until the journal shows them: as many as may wait to be sent. They
/// pile up only when the engine reads far behind the journal's end; beyond, they are dropped, and no
/// checkpoint is made until the journal has shown them.
const MAX_KEPT: usize = 65_536;
/// How long an acknowledgement may take before the batch is sent again.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// First wait after a refusal or a time-out.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// Longest wait: ingestion that comes back is found soon.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// One derived batch, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Send {
    /// To be named in the answer.
    pub id: u64,
    /// Its number: the journal position that closed its bars.
    pub producer_sequence: u64,
    /// The number before it; its own when there is none.
    pub previous_producer_sequence: u64,
    /// Its rows, not sequenced.
    pub batch: Batch,
}

/// What ingestion answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It is in the journal.
    Accepted,
    /// It does not follow the last number that was taken.
    Conflict {
        /// The last number that ingestion took of this stream; 0: none.
        expected_previous: u64,
    },
    /// Not now.
    Later {
        /// How long to wait at least.
        after: Duration,
    },
    /// Never: ingestion will not take these rows.
    Refused {
        /// Its error code.
        code: u32,
    },
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its rows are in the journal.
    Accepted {
        /// How many that are.
        rows: u64,
    },
    /// It will be sent again.
    Again,
    /// It was given up.
    GivenUp {
        /// How many rows are lost.
        rows: u64,
        /// The error code of the refusal.
        code: u32,
    },
    /// Nobody waits for this answer.
    Stale,
}

/// All derived streams' queues.
#[derive(Debug)]
pub struct Outbox {
    /// In the order of their streams, as a checkpoint has them: sorting them for each one takes long. Shared
    /// with a checkpoint while one is handed out; the first change of a lane copies it.
    lanes: BTreeMap<StreamKey, Arc<Lane>>,
    /// Lanes that may have something to send.
    ready: BTreeSet<StreamKey>,
    /// Lanes with a deadline.
    timers: BTreeSet<(MonoTime, StreamKey)>,
    flights: HashMap<u64, StreamKey>,
    next_id: u64,
    /// Batches that are not acknowledged.
    len: usize,
    /// Batches that are acknowledged and not shown by the journal yet.
    kept: usize,
    /// Nothing is sent while the engine still reads history: most of it is in the journal already.
    is_open: bool,
}

impl Outbox {
    /// An empty one. Its ids go on after those of `before`, whose answers may still come.
    pub(crate) fn new(before: Option<&Outbox>) -> Outbox {
        Outbox {
            next_id: before.map_or(0, |before| before.next_id),
            lanes: BTreeMap::new(),
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            flights: HashMap::new(),
            len: 0,
            kept: 0,
            is_open: false,
        }
    }

    /// Batches of which it is not known that the journal has them.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the journal has all of them.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The record that the oldest batch comes from which the journal did not show yet.
    pub fn oldest(&self) -> Option<Position> {
        self.lanes.values().filter_map(|lane| lane.queue.front()).map(|head| head.position).min()
    }

    /// History is read: sending may begin.
    pub(crate) fn open(&mut self) {
        self.is_open = true;
    }

    /// A record closed bars.
    pub(crate) fn push(&mut self, position: Position, closed: Closed) {
        let lane = lane_of(&mut self.lanes, &closed.key);
        if position.0 <= lane.seen {
            return;
        }
        self.ready.insert(closed.key.clone());
        lane.queue.push_back(Pending { position, closed });
        self.len += 1;
    }

    /// The journal shows a record of the engine's own; how many rows that settles.
    pub(crate) fn seen(&mut self, key: &StreamKey, producer_sequence: u64) -> u64 {
        let lane = lane_of(&mut self.lanes, key);
        if let Stage::InFlight { id, position, deadline } = lane.stage
            && position.0 <= producer_sequence
        {
            // The journal is faster than the acknowledgement, which is not waited for any more.
            self.flights.remove(&id);
            self.timers.remove(&(deadline, key.clone()));
            lane.stage = Stage::Idle;
        }
        let settled = lane.show(producer_sequence);
        self.len -= settled.batches;
        self.kept -= settled.kept;
        self.refresh(key);
        settled.rows
    }

    /// The next batch to send.
    pub fn poll_send(&mut self, now: MonoTime) -> Option<Send> {
        if !self.is_open || self.flights.len() >= MAX_IN_FLIGHT {
            return None;
        }
        while let Some(key) = self.ready.pop_first() {
            let Some(lane) = self.lanes.get_mut(&key).map(Arc::make_mut) else { continue };
            let (Stage::Idle, Some(head)) = (lane.stage, lane.queue.get(lane.acked)) else { continue };
            self.next_id += 1;
            let deadline = now.after(ACK_TIMEOUT);
            let send = head.to_send(self.next_id, lane.last);
            lane.stage = Stage::InFlight { id: self.next_id, position: head.position, deadline };
            self.flights.insert(self.next_id, key.clone());
            self.timers.insert((deadline, key));
            return Some(send);
        }
        None
    }

    /// Ingestion answered.
    pub fn handle_reply(&mut self, id: u64, reply: Reply, now: MonoTime) -> Outcome {
        let Some(key) = self.flights.remove(&id) else { return Outcome::Stale };
        let Some(lane) = self.lanes.get_mut(&key).map(Arc::make_mut) else { return Outcome::Stale };
        let Stage::InFlight { position, deadline, .. } = lane.stage else { return Outcome::Stale };
        self.timers.remove(&(deadline, key.clone()));
        lane.stage = Stage::Idle;
        let outcome = match reply {
            Reply::Accepted => {
                let settled = lane.accept(position.0);
                self.len -= settled.batches;
                self.kept += settled.batches;
                if self.kept > MAX_KEPT {
                    self.kept -= lane.drop_acked();
                }
                Outcome::Accepted { rows: settled.rows }
            }
            Reply::Conflict { expected_previous } if expected_previous >= position.0 => {
                lane.stage = Stage::InJournal;
                Outcome::Again
            }
            Reply::Conflict { expected_previous } => {
                lane.last = expected_previous;
                lane.wait(Duration::ZERO, now);
                Outcome::Again
            }
            Reply::Later { after } => {
                lane.wait(after, now);
                Outcome::Again
            }
            Reply::Refused { code } => {
                let head = lane.queue.remove(lane.acked);
                self.len -= usize::from(head.is_some());
                Outcome::GivenUp { rows: head.map_or(0, |head| head.rows()), code }
            }
        };
        self.refresh(&key);
        outcome
    }

    /// Time-outs and waits that are over; how many batches are sent again because nobody answered.
    pub fn handle_timeout(&mut self, now: MonoTime) -> usize {
        let mut unanswered = 0;
        while let Some((due, key)) = self.timers.first().filter(|(due, _)| *due <= now).cloned() {
            self.timers.remove(&(due, key.clone()));
            let Some(lane) = self.lanes.get_mut(&key).map(Arc::make_mut) else { continue };
            match lane.stage {
                Stage::InFlight { id, .. } => {
                    self.flights.remove(&id);
                    unanswered += 1;
                    lane.wait(Duration::ZERO, now);
                }
                Stage::Waiting { .. } => lane.stage = Stage::Idle,
                Stage::Idle | Stage::InJournal => {}
            }
            self.refresh(&key);
        }
        unanswered
    }

    /// When [`Outbox::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Enters a lane where its stage belongs.
    fn refresh(&mut self, key: &StreamKey) {
        let Some(lane) = self.lanes.get(key) else { return };
        match lane.stage {
            Stage::Idle if lane.queue.len() > lane.acked => {
                self.ready.insert(key.clone());
            }
            Stage::Waiting { until } => {
                self.timers.insert((until, key.clone()));
            }
            Stage::Idle | Stage::InFlight { .. } | Stage::InJournal => {}
        }
    }
}

/// The queue of one stream, to change it.
fn lane_of<'a>(lanes: &'a mut BTreeMap<StreamKey, Arc<Lane>>, key: &StreamKey) -> &'a mut Lane {
    Arc::make_mut(lanes.entry(key.clone()).or_insert_with(|| Arc::new(Lane::new(key))))
}

#[cfg(test)]
mod tests;
