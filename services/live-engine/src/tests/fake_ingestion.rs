//! Ingestion in memory, around the real sequencer: a journal with its two sockets, and the door for rows.

use super::ANY;
use gapless_model::{Batch, Digest, Epoch, EpochStart, Position, Seq, UnixMillis};
use gapless_protocol::{Outcome, ProducerRef, Sequenced, Sequencer, SequencerLimits, Submission};
use gapless_transport::{
    Context, Hooks, Publisher, PublisherSettings, Request, RouterServer, RouterSettings,
};
use gapless_wire::{
    Bytes, Durability, ErrorCode, ErrorResponse, IngestAck, IngestBatch, IngestNack, JournalReadResponse,
    JournalRecord, JournalStatusResponse, Limits, Message, decode, decode_batch, encode_message, topic,
};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

pub(super) const EPOCH: Epoch = Epoch(1_700_000_000_000);

pub(super) struct Addresses {
    pub(super) journal: String,
    pub(super) replay: String,
    pub(super) ingest: String,
}

struct Journal {
    live: Publisher,
    sequencer: Sequencer,
    records: Vec<Bytes>,
    epochs: Vec<EpochStart>,
    /// How many derived batches are refused as busy before one is taken.
    busy: u32,
    /// How many acknowledgements are lost.
    silent: u32,
    /// What the engine acknowledged.
    acknowledged: Position,
    /// The oldest record that was asked for since this was looked at last.
    read_from: Option<Position>,
}

pub(super) struct FakeIngestion {
    journal: Arc<Mutex<Journal>>,
    /// Told after each request.
    asked: Arc<Condvar>,
    servers: Vec<(RouterServer, JoinHandle<()>)>,
}

impl FakeIngestion {
    pub(super) fn new() -> FakeIngestion {
        let context = Context::new();
        let journal = Arc::new(Mutex::new(Journal {
            live: Publisher::bind(&context, ANY, PublisherSettings::default()).unwrap(),
            sequencer: Sequencer::new(SequencerLimits::default(), EPOCH),
            records: Vec::new(),
            epochs: vec![EpochStart { epoch: EPOCH, first_sequence: Seq(1) }],
            busy: 0,
            silent: 0,
            acknowledged: Position::NONE,
            read_from: None,
        }));
        let asked = Arc::new(Condvar::new());
        let servers = (0..2).map(|_| serve(&context, &journal, &asked)).collect();
        FakeIngestion { journal, asked, servers }
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses {
            journal: self.journal.lock().unwrap().live.endpoint().to_string(),
            replay: self.servers[0].0.endpoint().to_string(),
            ingest: self.servers[1].0.endpoint().to_string(),
        }
    }

    /// Rows of a source: sequenced, in the journal, and out on its live feed. Returns the stored batch.
    pub(super) fn accept(&self, batch: &Batch) -> Bytes {
        self.journal.lock().unwrap().accept(None, batch).1
    }

    pub(super) fn heartbeat(&self) {
        let mut journal = self.journal.lock().unwrap();
        let status = encode_message(&Message::JournalStatusResponse(journal.status()), "");
        journal.live.send(&topic::journal(0), [status]).unwrap();
    }

    pub(super) fn be_difficult(&self, busy: u32, silent: u32) {
        let mut journal = self.journal.lock().unwrap();
        (journal.busy, journal.silent) = (busy, silent);
    }

    /// What the engine acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.journal.lock().unwrap().acknowledged.0
    }

    /// The oldest record that the engine asked for since this was asked last.
    pub(super) fn read_from(&self) -> Option<u64> {
        self.journal.lock().unwrap().read_from.take().map(|position| position.0)
    }

    /// Waits until the engine has acknowledged the records up to `position`.
    pub(super) fn until_acknowledged(&self, position: u64) {
        let wanted = |journal: &mut Journal| journal.acknowledged.0 != position;
        let journal = self.journal.lock().unwrap();
        let (_journal, waited) = self.asked.wait_timeout_while(journal, super::DEADLINE, wanted).unwrap();
        assert!(!waited.timed_out(), "record {position} is not acknowledged");
    }

    /// Loses the records after `keep`, as a power loss does, and begins another epoch.
    pub(super) fn lose_records_after(&self, keep: usize, to: Epoch) {
        let mut journal = self.journal.lock().unwrap();
        let kept: Vec<Bytes> = journal.records.drain(..).take(keep).collect();
        journal.epochs.push(EpochStart { epoch: to, first_sequence: Seq(keep as u64 + 1) });
        journal.sequencer = Sequencer::new(SequencerLimits::default(), EPOCH);
        for bytes in kept {
            let Message::JournalRecord(record) = decode(&bytes, &Limits::live()).unwrap().message else {
                panic!("not a record");
            };
            let batch = decode_batch(&record.batch, &Limits::live()).unwrap();
            journal.sequence(None, &batch);
            journal.records.push(bytes);
        }
        journal.sequencer.begin_epoch(to).unwrap();
    }

    /// Topics of all records, in order, with their producers.
    pub(super) fn records(&self) -> Vec<(JournalRecord, Batch)> {
        let records = self.journal.lock().unwrap().records.clone();
        let read = |bytes: &Bytes| match decode(bytes, &Limits::live()).unwrap().message {
            Message::JournalRecord(record) => {
                let batch = decode_batch(&record.batch, &Limits::live()).unwrap();
                (record, batch)
            }
            other => panic!("not a record: {other:?}"),
        };
        records.iter().map(read).collect()
    }
}

impl Drop for FakeIngestion {
    fn drop(&mut self) {
        for (server, worker) in self.servers.drain(..) {
            drop(server);
            let _ = worker.join();
        }
    }
}

fn serve(
    context: &Context,
    journal: &Arc<Mutex<Journal>>,
    asked: &Arc<Condvar>,
) -> (RouterServer, JoinHandle<()>) {
    let hooks = Hooks { refuse: |_| None, malformed: || None };
    let server = RouterServer::bind(context, ANY, RouterSettings::default(), hooks).unwrap();
    let (requests, replier) = (server.requests().clone(), server.replier());
    let (journal, asked) = (journal.clone(), asked.clone());
    let worker = std::thread::spawn(move || {
        for Request { peer, body } in requests {
            let envelope = decode(&body, &Limits::ingest()).unwrap();
            let reply = journal.lock().unwrap().answer(&envelope.message);
            asked.notify_all();
            if let Some(reply) = reply {
                replier.send(peer, encode_message(&reply, &envelope.correlation_id));
            }
        }
    });
    (server, worker)
}

impl Journal {
    fn sequence(&mut self, producer: Option<&IngestBatch>, batch: &Batch) -> Outcome {
        let producer = producer.map(|sent| ProducerRef {
            id: &sent.producer_id,
            sequence: sent.producer_sequence,
            previous: sent.previous_producer_sequence,
        });
        let content_hash = Digest::of(Seq(1), &batch.rows).0;
        let submission = Submission { key: &batch.key, producer, content_hash, rows: &batch.rows };
        let outcome = self.sequencer.accept(submission);
        self.sequencer.commit(self.sequencer.position());
        outcome
    }

    fn accept(&mut self, producer: Option<&IngestBatch>, batch: &Batch) -> (Outcome, Bytes) {
        let outcome = self.sequence(producer, batch);
        let Outcome::Sequenced(Sequenced { position, epoch, range, digest }) = outcome else {
            return (outcome, Bytes::new());
        };
        let stored = Batch { epoch, start: range.start(), digest, ts_publish_us: 1, ..batch.clone() };
        let stored = encode_message(&Message::Batch(stored), "");
        let record = JournalRecord {
            partition: 0,
            position,
            epoch,
            producer_id: producer.map_or("source".into(), |sent| sent.producer_id.clone()),
            producer_sequence: producer.map_or(0, |sent| sent.producer_sequence),
            content_hash: 1,
            batch: stored.clone(),
        };
        let record = encode_message(&Message::JournalRecord(record), "");
        self.records.push(record.clone());
        self.live.send(&topic::journal(0), [record]).unwrap();
        (outcome, stored)
    }

    fn status(&self) -> JournalStatusResponse {
        JournalStatusResponse {
            partition: 0,
            epoch: self.epochs.last().unwrap().epoch,
            earliest: Position(1),
            latest: Position(self.records.len() as u64),
            epochs: self.epochs.clone(),
            streams: Vec::new(),
            server_time: UnixMillis(1),
        }
    }

    fn answer(&mut self, message: &Message) -> Option<Message> {
        Some(match message {
            Message::JournalStatusRequest(asked) => {
                self.acknowledged = self.acknowledged.max(asked.acknowledged);
                Message::JournalStatusResponse(self.status())
            }
            Message::JournalReadRequest(asked) => {
                self.read_from = Some(self.read_from.map_or(asked.from, |from| from.min(asked.from)));
                let records = self.records.iter().skip(asked.from.0 as usize - 1).take(50).cloned();
                let status = self.status();
                Message::JournalReadResponse(JournalReadResponse {
                    partition: 0,
                    epoch: status.epoch,
                    from: asked.from,
                    earliest: status.earliest,
                    latest: status.latest,
                    records: records.collect(),
                })
            }
            Message::IngestBatch(sent) => return self.ingest(sent),
            other => panic!("the engine asked {other:?}"),
        })
    }

    fn ingest(&mut self, sent: &IngestBatch) -> Option<Message> {
        let nack = |code, expected_previous| {
            let error = ErrorResponse { code, message: "no".into(), retry_after_ms: 1 };
            Some(Message::IngestNack(IngestNack {
                producer_sequence: sent.producer_sequence,
                error,
                expected_previous,
            }))
        };
        if self.busy > 0 {
            self.busy -= 1;
            return nack(ErrorCode::BUSY, 0);
        }
        let batch = decode_batch(&sent.batch, &Limits::ingest()).unwrap();
        let (position, range, duplicate) = match self.accept(Some(sent), &batch).0 {
            Outcome::Sequenced(Sequenced { position, range, .. }) => (position, range, false),
            Outcome::Duplicate { position, range } => (position, range, true),
            Outcome::Conflict { expected_previous, .. } => {
                return nack(ErrorCode::CONFLICT, expected_previous);
            }
            Outcome::Refused(refusal) => panic!("{refusal:?}"),
        };
        if self.silent > 0 {
            self.silent -= 1;
            return None;
        }
        Some(Message::IngestAck(IngestAck {
            producer_sequence: sent.producer_sequence,
            partition: 0,
            position,
            epoch: EPOCH,
            first: range.start(),
            last: range.last(),
            durability: Durability::Written,
            duplicate,
        }))
    }
}
