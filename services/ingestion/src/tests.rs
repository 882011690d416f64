//! The service with real sockets on ports of the system's choice, and a journal in a folder of its own.

mod corpus;
mod followers;
mod full_disk;
mod halting;
mod hostile;
mod ingest;
mod inputs;
mod replay;
mod restart;
mod writing;

use crate::{Bound, Config, Error, JournalConfig, SyncPolicy, run};
use gapless_journal::Sync;
use gapless_model::{Batch, Candle, Epoch, Flags, Kind, Position, Rows, Seq, StreamKey, UnixMillis};
use gapless_service_kit::{ByteSize, Shutdown};
use gapless_transport::{Context, Requester, RequesterSettings, Sent, Subscriber, SubscriberSettings};
use gapless_wire::{
    IngestAck, IngestBatch, IngestNack, JournalReadRequest, JournalReadResponse, JournalRecord,
    JournalStatusRequest, JournalStatusResponse, Limits, Message, decode, decode_batch, encode_message,
};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

/// Long enough for a busy machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    bound: Bound,
    shutdown: Shutdown,
    thread: JoinHandle<Result<(), Error>>,
    context: Context,
}

fn config(dir: &Path) -> Config {
    Config {
        ingest: "tcp://127.0.0.1:*".into(),
        journal_live: "tcp://127.0.0.1:*".into(),
        journal_replay: "tcp://127.0.0.1:*".into(),
        http: "off".into(),
        journal: JournalConfig { dir: dir.into(), sync: SyncPolicy(Sync::Os), ..JournalConfig::default() },
        ..Config::default()
    }
}

/// Several segments of a few records each.
fn small_segments(dir: &Path) -> Config {
    let mut config = config(dir);
    config.journal.segment_bytes = ByteSize(2000);
    config
}

fn start(config: Config) -> Running {
    let shutdown = Shutdown::new();
    let (ready, bound) = std::sync::mpsc::channel();
    let stop = shutdown.clone();
    let thread = std::thread::spawn(move || run(config, stop, |bound| ready.send(bound).unwrap()));
    let bound = bound.recv_timeout(PATIENCE).expect("the service starts");
    Running { bound, shutdown, thread, context: Context::new() }
}

impl Running {
    fn stop(self) {
        self.shutdown.request();
        self.thread.join().unwrap().unwrap();
    }

    fn producer(&self) -> Peer {
        self.peer(&self.bound.ingest)
    }

    fn follower(&self) -> Peer {
        self.peer(&self.bound.journal_replay)
    }

    fn peer(&self, endpoint: &str) -> Peer {
        Peer(Requester::connect(&self.context, endpoint, RequesterSettings::default()).unwrap())
    }

    fn listener(&self) -> Subscriber {
        let endpoint = &self.bound.journal_live;
        let mut listener =
            Subscriber::connect(&self.context, endpoint, SubscriberSettings::default()).unwrap();
        listener.subscribe("journal.0").unwrap();
        listener
    }
}

/// A client of one of the request sockets.
struct Peer(Requester);

impl Peer {
    fn ask(&mut self, message: Message) -> Message {
        let (correlation_id, reply) = self.ask_bytes(encode_message(&message, "c-1"));
        assert_eq!(correlation_id, "c-1");
        reply
    }

    fn ask_bytes(&mut self, bytes: Vec<u8>) -> (String, Message) {
        self.send(bytes);
        self.answer()
    }

    fn send(&mut self, bytes: Vec<u8>) {
        assert_eq!(self.0.send(bytes).unwrap(), Sent::Queued);
    }

    fn answer(&mut self) -> (String, Message) {
        let reply = self.0.receive(PATIENCE).unwrap().expect("an answer");
        let envelope = decode(&reply, &Limits::reply()).unwrap();
        (envelope.correlation_id, envelope.message)
    }

    fn ingest(&mut self, symbol: &str, sequence: u64, rows: Rows) -> Result<IngestAck, IngestNack> {
        match self.ask(ingest(symbol, sequence, 0, rows)) {
            Message::IngestAck(ack) => Ok(ack),
            Message::IngestNack(nack) => Err(nack),
            other => panic!("{other:?}"),
        }
    }

    fn status(&mut self, with_streams: bool) -> JournalStatusResponse {
        let request = JournalStatusRequest {
            partition: 0,
            follower_id: String::new(),
            acknowledged: Position::NONE,
            acknowledged_epoch: Epoch::UNSTATED,
            with_streams,
        };
        match self.ask(Message::JournalStatusRequest(request)) {
            Message::JournalStatusResponse(status) => status,
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, from: u64, max_bytes: u32) -> JournalReadResponse {
        let request = JournalReadRequest {
            partition: 0,
            from: Position(from),
            max_bytes,
            follower_id: String::new(),
            acknowledged: Position::NONE,
            acknowledged_epoch: Epoch::UNSTATED,
        };
        match self.ask(Message::JournalReadRequest(request)) {
            Message::JournalReadResponse(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// The whole journal in small pages, as bytes.
    fn read_all(&mut self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let page = self.read(all.len() as u64 + 1, 2000);
            if page.records.is_empty() {
                assert_eq!(page.latest.0, all.len() as u64);
                return all;
            }
            all.extend(page.records);
        }
    }
}

fn key(symbol: &str) -> StreamKey {
    StreamKey::new(Kind::Candles, "test", symbol, "1m").unwrap()
}

/// `count` candles whose prices tell their numbers, from `first` on.
fn candles(first: u64, count: u64) -> Rows {
    let candle = |number: u64| {
        let price = number as f64;
        let ts = UnixMillis(number as i64 * 60_000);
        Candle { ts, open: price, high: price + 1.0, low: price - 1.0, close: price, volume: 1.0 }
    };
    Rows::Candles((first..first + count).map(candle).collect())
}

fn ingest(symbol: &str, sequence: u64, previous: u64, rows: Rows) -> Message {
    let batch = Message::Batch(Batch::unsequenced(key(symbol), Flags::NONE, rows));
    Message::IngestBatch(IngestBatch {
        producer_id: "p".into(),
        producer_sequence: sequence,
        previous_producer_sequence: previous,
        batch: encode_message(&batch, ""),
        ack_may_wait: false,
    })
}

fn record(bytes: &[u8]) -> (JournalRecord, Batch) {
    let Message::JournalRecord(record) = decode(bytes, &Limits::live()).unwrap().message else {
        panic!("not a record")
    };
    let batch = decode_batch(&record.batch, &Limits::live()).unwrap();
    (record, batch)
}

/// What a kill would leave of a journal that is being written.
fn snapshot(dir: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

fn range(ack: &IngestAck) -> (u64, u64) {
    (ack.first.0, ack.last.0)
}

fn latest(status: &JournalStatusResponse) -> Vec<(String, Seq)> {
    status.streams.iter().map(|stream| (stream.key.symbol().to_owned(), stream.watermark.latest)).collect()
}
