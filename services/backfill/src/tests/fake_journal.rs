//! A journal that tests write by hand, over real sockets.

use crossbeam_channel::{Sender, bounded};
use gapless_model::{
    Batch, Epoch, EpochStart, Position, Seq, StreamKey, StreamStatus, UnixMillis, UnixNanos, Watermark,
};
use gapless_transport::{Context, Hooks, Publisher, PublisherSettings, RouterServer, RouterSettings};
use gapless_wire::{
    JournalReadResponse, JournalRecord, JournalStatusResponse, Limits, Message, decode, encode_message, topic,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What the journal holds.
#[derive(Default)]
struct State {
    epochs: Vec<EpochStart>,
    earliest: u64,
    /// From position 1 on.
    records: Vec<Batch>,
    acknowledged: u64,
    /// The epochs of each stream.
    streams: BTreeMap<String, Vec<EpochStart>>,
}

/// The journal.
pub(super) struct FakeJournal {
    state: Arc<Mutex<State>>,
    publisher: Publisher,
    pub(super) live: String,
    pub(super) replay: String,
    server: Option<RouterServer>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeJournal {
    pub(super) fn start(epoch: u64) -> FakeJournal {
        let context = Context::new();
        let publisher = Publisher::bind(&context, "tcp://127.0.0.1:*", PublisherSettings::default()).unwrap();
        let hooks = Hooks { refuse: |_| None, malformed: || None };
        let server =
            RouterServer::bind(&context, "tcp://127.0.0.1:*", RouterSettings::default(), hooks).unwrap();
        let state = Arc::new(Mutex::new(State { earliest: 1, ..State::default() }));
        let (stop, stopped) = bounded::<()>(0);
        let (requests, replier, shared) = (server.requests().clone(), server.replier(), state.clone());
        let thread = std::thread::spawn(move || {
            loop {
                crossbeam_channel::select! {
                    recv(requests) -> request => {
                        let Ok(request) = request else { return };
                        let asked = decode(&request.body, &Limits::request()).unwrap();
                        let answer = shared.lock().unwrap().answer(asked.message);
                        replier.send(request.peer, encode_message(&answer, &asked.correlation_id));
                    }
                    recv(stopped) -> _ => return,
                }
            }
        });
        let mut journal = FakeJournal {
            state,
            live: publisher.endpoint().to_string(),
            replay: server.endpoint().to_string(),
            publisher,
            server: Some(server),
            stop: Some(stop),
            thread: Some(thread),
        };
        journal.begin_epoch(epoch);
        journal
    }

    /// Writes batches and publishes their records.
    pub(super) fn write(&mut self, batches: impl IntoIterator<Item = Batch>) {
        for batch in batches {
            let record = self.state.lock().unwrap().write(batch);
            self.publisher.send(&topic::journal(0), [record.as_slice()]).unwrap();
        }
    }

    /// What a heartbeat tells.
    pub(super) fn heartbeat(&mut self) {
        let status = self.state.lock().unwrap().status(false);
        let bytes = encode_message(&Message::JournalStatusResponse(status), "");
        self.publisher.send(&topic::journal(0), [bytes.as_slice()]).unwrap();
    }

    /// Loses records after `keep`, as a power loss would, and begins a new epoch.
    pub(super) fn lose(&mut self, keep: usize, epoch: u64) {
        self.state.lock().unwrap().records.truncate(keep);
        self.begin_epoch(epoch);
    }

    /// Becomes another journal.
    pub(super) fn replace(&mut self, epoch: u64) {
        *self.state.lock().unwrap() = State { earliest: 1, ..State::default() };
        self.begin_epoch(epoch);
    }

    /// Retires records up to and with this one.
    pub(super) fn retire(&mut self, last: u64) {
        self.state.lock().unwrap().earliest = last + 1;
    }

    /// What the follower said last is safe.
    pub(super) fn acknowledged(&self) -> u64 {
        self.state.lock().unwrap().acknowledged
    }

    fn begin_epoch(&mut self, epoch: u64) {
        let mut state = self.state.lock().unwrap();
        let next = state.records.len() as u64 + 1;
        state.epochs.push(EpochStart { epoch: Epoch(epoch), first_sequence: Seq(next) });
        let latest: Vec<(String, Seq)> =
            state.streams.keys().map(|topic| (topic.clone(), state.latest(topic))).collect();
        for (topic, latest) in latest {
            let start = EpochStart { epoch: Epoch(epoch), first_sequence: latest.next() };
            state.streams.get_mut(&topic).unwrap().push(start);
        }
    }
}

impl Drop for FakeJournal {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
        drop(self.server.take());
    }
}

impl State {
    fn epoch(&self) -> Epoch {
        self.epochs.last().unwrap().epoch
    }

    fn latest(&self, topic: &str) -> Seq {
        let newest = self.records.iter().rfind(|batch| batch.key.topic() == topic);
        newest.map_or(Seq::NONE, |batch| batch.range().last())
    }

    fn write(&mut self, batch: Batch) -> Vec<u8> {
        let start = EpochStart { epoch: self.epoch(), first_sequence: Seq::FIRST };
        self.streams.entry(batch.key.topic()).or_insert_with(|| vec![start]);
        self.records.push(batch);
        self.record(self.records.len())
    }

    fn record(&self, position: usize) -> Vec<u8> {
        let batch = self.records[position - 1].clone();
        let record = JournalRecord {
            partition: 0,
            position: Position(position as u64),
            epoch: batch.epoch,
            producer_id: "test".into(),
            producer_sequence: 0,
            content_hash: 0,
            batch: encode_message(&Message::Batch(batch), ""),
        };
        encode_message(&Message::JournalRecord(record), "")
    }

    fn answer(&mut self, asked: Message) -> Message {
        match asked {
            Message::JournalStatusRequest(request) => {
                self.acknowledged = request.acknowledged.0;
                Message::JournalStatusResponse(self.status(request.with_streams))
            }
            Message::JournalReadRequest(request) => {
                self.acknowledged = request.acknowledged.0;
                let from = request.from.0.max(self.earliest);
                let records = (from as usize..=self.records.len()).take(100).map(|at| self.record(at));
                Message::JournalReadResponse(JournalReadResponse {
                    partition: 0,
                    epoch: self.epoch(),
                    from: Position(from),
                    earliest: Position(self.earliest),
                    latest: Position(self.records.len() as u64),
                    records: records.collect(),
                })
            }
            other => panic!("{other:?}"),
        }
    }

    fn status(&self, with_streams: bool) -> JournalStatusResponse {
        let streams = self.streams.iter().filter(|_| with_streams);
        JournalStatusResponse {
            partition: 0,
            epoch: self.epoch(),
            earliest: Position(self.earliest),
            latest: Position(self.records.len() as u64),
            epochs: self.epochs.clone(),
            streams: streams.map(|(topic, epochs)| self.stream(topic, epochs)).collect(),
            server_time: UnixMillis(0),
        }
    }

    fn stream(&self, topic: &str, epochs: &[EpochStart]) -> StreamStatus {
        let key: StreamKey = topic.parse().unwrap();
        let watermark = Watermark {
            epoch: self.epoch(),
            earliest: Seq::NONE,
            latest: self.latest(topic),
            latest_ts: UnixNanos(0),
            digest: Default::default(),
        };
        StreamStatus { key, watermark, server_time: UnixMillis(0), epochs: epochs.to_vec() }
    }
}
