mod checkpoints;
mod fake_ingestion;
mod live;
mod state_requests;

use crate::{Bound, Config, RuleText, run};
use fake_ingestion::FakeIngestion;
use gapless_model::{Batch, Candle, Flags, Kind, Rows, StreamKey, UnixMillis};
use gapless_service_kit::Shutdown;
use gapless_transport::{Context, Requester, RequesterSettings, Sent, Subscriber, SubscriberSettings};
use gapless_wire::{Limits, Message, decode, encode_message};
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Any wait at a socket of this machine ends long before this, or the test has failed.
const DEADLINE: Duration = Duration::from_secs(20);
const ANY: &str = "tcp://127.0.0.1:*";

fn key(symbol: &str) -> StreamKey {
    StreamKey::new(Kind::Candles, "test", symbol, "1m").unwrap()
}

fn row(minute: u64) -> Candle {
    let price = minute as f64;
    let ts = UnixMillis(minute as i64 * 60_000);
    Candle { ts, open: price, high: price, low: price, close: price, volume: 1.0 }
}

/// Rows that a source sends: minutes `from..from + count`.
fn rows(symbol: &str, from: u64, count: u64) -> Batch {
    let rows = (from..from + count).map(row).collect();
    Batch::unsequenced(key(symbol), Flags::NONE, Rows::Candles(rows))
}

/// A running engine; stopped when dropped.
struct Running {
    bound: Bound,
    shutdown: Shutdown,
    thread: Option<JoinHandle<Result<(), crate::Error>>>,
}

impl Running {
    fn start(ingestion: &FakeIngestion) -> Running {
        Running::start_at(ingestion, Path::new(""))
    }

    /// One that begins from the checkpoints in `dir`.
    fn start_at(ingestion: &FakeIngestion, dir: &Path) -> Running {
        let derive = RuleText { prefix: "candles.".into(), from: "1m".into(), to: vec!["5m".into()] };
        let addresses = ingestion.addresses();
        Running::with(Config {
            journal_live: addresses.journal,
            journal_replay: addresses.replay,
            ingest: addresses.ingest,
            live: ANY.into(),
            state: ANY.into(),
            derive: vec![derive],
            checkpoint_dir: dir.into(),
            ..Config::default()
        })
    }

    fn with(config: Config) -> Running {
        let shutdown = Shutdown::new();
        let (to_us, ready) = mpsc::channel();
        let stop = shutdown.clone();
        let thread = std::thread::spawn(move || {
            run(config, stop, |bound| {
                let _ = to_us.send(bound);
            })
        });
        let bound = ready.recv_timeout(DEADLINE).expect("the engine binds its sockets");
        Running { bound, shutdown, thread: Some(thread) }
    }

    fn stop(&mut self) {
        let begin = Instant::now();
        self.shutdown.request();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "a stop takes less than its grace");
    }

    /// A subscriber of everything that begins with `prefix`.
    fn subscribe(&self, prefix: &str) -> Subscriber {
        let mut live =
            Subscriber::connect(&Context::new(), &self.bound.live, SubscriberSettings::default()).unwrap();
        live.subscribe(prefix).unwrap();
        live
    }

    fn requester(&self) -> Requester {
        Requester::connect(&Context::new(), &self.bound.state, RequesterSettings::default()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

/// The next message: topic, bytes and what they say.
fn next(live: &mut Subscriber) -> (String, Vec<u8>, Message) {
    let frames = live.receive(DEADLINE).unwrap().expect("a message in time");
    assert_eq!(frames.len(), 2);
    let topic = String::from_utf8(frames[0].to_vec()).unwrap();
    let message = decode(&frames[1], &Limits::live()).unwrap().message;
    (topic, frames[1].to_vec(), message)
}

/// The next batch of `topic` that `wanted` accepts.
fn next_batch(live: &mut Subscriber, topic: &str, wanted: impl Fn(&Batch) -> bool) -> (Vec<u8>, Batch) {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        if let (found, bytes, Message::Batch(batch)) = next(live)
            && found == topic
            && wanted(&batch)
        {
            return (bytes, batch);
        }
    }
    panic!("no such batch of {topic} within {DEADLINE:?}");
}

fn ask_bytes(requester: &mut Requester, request: &[u8]) -> (String, Message) {
    assert_eq!(requester.send(request).unwrap(), Sent::Queued);
    let reply = requester.receive(DEADLINE).unwrap().expect("an answer in time");
    let envelope = decode(&reply, &Limits::reply()).unwrap();
    (envelope.correlation_id, envelope.message)
}

fn ask(requester: &mut Requester, message: &Message) -> Message {
    ask_bytes(requester, &encode_message(message, "id")).1
}
