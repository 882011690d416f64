//! A journal's live feed and replay side, in memory.

use super::{ANY, EPOCH, batch, hooks, key};
use gapless_model::{Epoch, EpochStart, Position, Seq, UnixMillis};
use gapless_transport::{Context, Endpoint, Publisher, PublisherSettings, RouterServer, RouterSettings};
use gapless_wire::{
    Bytes, JournalReadRequest, JournalReadResponse, JournalRecord, JournalStatusResponse, Limits, Message,
    decode, encode_message, topic,
};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

#[derive(Debug, Clone)]
pub(super) struct Log {
    /// Record `n` is at index `n - 1`.
    pub(super) records: Vec<Bytes>,
    pub(super) epochs: Vec<EpochStart>,
    pub(super) earliest: u64,
    /// Follower and acknowledgement of each request.
    pub(super) heard: Vec<(String, u64)>,
    pub(super) records_per_answer: usize,
}

pub(super) struct FakeJournal {
    pub(super) live: Publisher,
    pub(super) log: Arc<Mutex<Log>>,
    server: Option<(RouterServer, JoinHandle<()>)>,
    replay: Endpoint,
}

impl FakeJournal {
    pub(super) fn new() -> FakeJournal {
        let context = Context::new();
        let live = Publisher::bind(&context, ANY, PublisherSettings::default()).unwrap();
        let log = Arc::new(Mutex::new(Log {
            records: Vec::new(),
            epochs: vec![EpochStart { epoch: EPOCH, first_sequence: Seq(1) }],
            earliest: 1,
            heard: Vec::new(),
            records_per_answer: 16,
        }));
        let server = RouterServer::bind(&context, ANY, RouterSettings::default(), hooks()).unwrap();
        let (requests, replier, answering) = (server.requests().clone(), server.replier(), log.clone());
        let replay = server.endpoint().clone();
        let worker = std::thread::spawn(move || {
            for request in requests {
                let envelope = decode(&request.body, &Limits::request()).unwrap();
                let reply = answering.lock().unwrap().answer(&envelope.message);
                replier.send(request.peer, encode_message(&reply, &envelope.correlation_id));
            }
        });
        FakeJournal { live, log, server: Some((server, worker)), replay }
    }

    pub(super) fn addresses(&self) -> (String, String) {
        (self.live.endpoint().to_string(), self.replay.to_string())
    }

    /// Records that the live feed loses.
    pub(super) fn append(&self, count: usize) -> Vec<Bytes> {
        let mut log = self.log.lock().unwrap();
        let from = log.records.len();
        for _ in 0..count {
            let record = log.record(log.records.len() as u64 + 1);
            log.records.push(record);
        }
        log.records[from..].to_vec()
    }

    /// Records that go out live, all in one message.
    pub(super) fn publish(&mut self, count: usize) {
        let records = self.append(count);
        self.live.send(&topic::journal(0), records).unwrap();
    }

    pub(super) fn heartbeat(&mut self) {
        let status = Message::JournalStatusResponse(self.log.lock().unwrap().status());
        self.live.send(&topic::journal(0), [encode_message(&status, "")]).unwrap();
    }
}

impl Drop for FakeJournal {
    fn drop(&mut self) {
        if let Some((server, worker)) = self.server.take() {
            drop(server);
            worker.join().unwrap();
        }
    }
}

impl Log {
    pub(super) fn epoch(&self) -> Epoch {
        self.epochs.last().unwrap().epoch
    }

    fn record(&self, position: u64) -> Bytes {
        let batch = batch(&key("A"), self.epoch(), position, position);
        let record = JournalRecord {
            partition: 0,
            position: Position(position),
            epoch: self.epoch(),
            producer_id: "test".into(),
            producer_sequence: position,
            content_hash: 1,
            batch: encode_message(&Message::Batch(batch), ""),
        };
        encode_message(&Message::JournalRecord(record), "")
    }

    fn status(&self) -> JournalStatusResponse {
        JournalStatusResponse {
            partition: 0,
            epoch: self.epoch(),
            earliest: Position(self.earliest),
            latest: Position(self.records.len() as u64),
            epochs: self.epochs.clone(),
            streams: Vec::new(),
            server_time: UnixMillis(1),
        }
    }

    fn answer(&mut self, message: &Message) -> Message {
        match message {
            Message::JournalStatusRequest(asked) => {
                self.heard.push((asked.follower_id.clone(), asked.acknowledged.0));
                Message::JournalStatusResponse(self.status())
            }
            Message::JournalReadRequest(asked) => {
                self.heard.push((asked.follower_id.clone(), asked.acknowledged.0));
                Message::JournalReadResponse(self.read(asked))
            }
            other => panic!("a follower of the journal asked {other:?}"),
        }
    }

    fn read(&self, asked: &JournalReadRequest) -> JournalReadResponse {
        let from = asked.from.0.max(self.earliest);
        let records = self.records.iter().skip(from as usize - 1).take(self.records_per_answer);
        JournalReadResponse {
            partition: 0,
            epoch: self.epoch(),
            from: Position(from),
            earliest: Position(self.earliest),
            latest: Position(self.records.len() as u64),
            records: records.cloned().collect(),
        }
    }
}
