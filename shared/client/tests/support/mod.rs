//! Small servers with real sockets that speak just enough: a live feed that can lose, a backfill that
//! cannot, a state desk and an ingestion.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use gapless::{
    Batch, Candle, Client, Digest, Endpoints, Epoch, Event, Flags, Rows, Seq, SeqRange, StreamKey,
    StreamStatus,
};
use gapless::{Subscription, UnixMillis, Watermark};
use gapless_transport::{Context, Hooks, Publisher, PublisherSettings, RouterServer, RouterSettings};
use gapless_wire::{
    BackfillResponse, ErrorCode, ErrorResponse, Limits, ListStreamsResponse, Message, StateResponse,
    StreamState, decode, encode_message,
};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest wait of a test for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn key() -> StreamKey {
    "candles.test.BTC-USD.1m".parse().unwrap()
}

pub(crate) fn candle(seq: u64) -> Candle {
    let price = seq as f64;
    let ts = UnixMillis(seq as i64 * 60_000);
    Candle { ts, open: price, high: price + 0.5, low: price - 0.5, close: price, volume: 1.0 }
}

/// Rows `range` of the one stream, as one batch.
pub(crate) fn batch(epoch: u64, range: SeqRange) -> Batch {
    let rows = Rows::Candles((range.start().0..range.end().0).map(candle).collect());
    let digest = Digest::of(Seq(1), &Rows::Candles((1..range.end().0).map(candle).collect()));
    Batch {
        epoch: Epoch(epoch),
        start: range.start(),
        digest,
        ..Batch::unsequenced(key(), Flags::NONE, rows)
    }
}

pub(crate) fn rows(from: u64, to: u64) -> SeqRange {
    SeqRange::new(Seq(from), Seq(to).next())
}

/// What the servers know of the one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    pub(crate) epoch: u64,
    pub(crate) earliest: u64,
    pub(crate) latest: u64,
    /// First sequence of the epoch.
    pub(crate) epoch_start: u64,
}

pub(crate) struct Upstream {
    pub(crate) log: Arc<Mutex<Log>>,
    live: Publisher,
    endpoints: Endpoints,
    context: Context,
    _servers: Vec<Server>,
}

impl Upstream {
    pub(crate) fn start(latest: u64) -> Upstream {
        let log = Arc::new(Mutex::new(Log { epoch: 7, earliest: 1, latest, epoch_start: 1 }));
        let context = Context::new();
        let live = Publisher::bind(&context, "tcp://127.0.0.1:*", PublisherSettings::default()).unwrap();
        let known = log.clone();
        let backfill = Server::start(&context, move |request| serve_backfill(&known, request));
        let known = log.clone();
        let state = Server::start(&context, move |request| serve_state(&known, request));
        let endpoints = Endpoints {
            live: live.endpoint().to_string(),
            backfill: backfill.endpoint.clone(),
            state: state.endpoint.clone(),
            ..Endpoints::default()
        };
        Upstream { log, live, endpoints, context, _servers: vec![backfill, state] }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.endpoints.clone()).with_patience(PATIENCE)
    }

    /// Adds rows; publishes them live unless they are to be lost.
    pub(crate) fn publish(&mut self, count: u64, lost: bool) {
        let range = {
            let mut log = self.log.lock().unwrap();
            let from = log.latest + 1;
            log.latest += count;
            rows(from, log.latest)
        };
        if !lost {
            let epoch = self.log.lock().unwrap().epoch;
            self.send(batch(epoch, range));
        }
    }

    /// Publishes the watermark.
    pub(crate) fn heartbeat(&mut self) {
        let log = *self.log.lock().unwrap();
        let next = Seq(log.latest).next();
        self.send(batch(log.epoch, SeqRange::new(next, next)));
    }

    /// Runs `step` and sends watermarks until it returns something.
    pub(crate) fn until<T>(&mut self, mut step: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = step() {
                return found;
            }
            assert!(Instant::now() < end, "it did not happen in time");
            self.heartbeat();
        }
    }

    /// Events until `last` says that this was the last one.
    pub(crate) fn events_until(
        &mut self,
        sub: &mut Subscription,
        last: impl Fn(&Event) -> bool,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        self.until(|| {
            while let Some(event) = sub.next_timeout(Duration::from_millis(20)).unwrap() {
                let done = last(&event);
                events.push(event);
                if done {
                    return Some(());
                }
            }
            None
        });
        events
    }

    /// Events until row `seq` was handed over.
    pub(crate) fn events_to(&mut self, sub: &mut Subscription, seq: u64) -> Vec<Event> {
        self.events_until(sub, |event| event.rows().is_some_and(|batch| batch.range().last() >= Seq(seq)))
    }

    fn send(&mut self, batch: Batch) {
        let topic = batch.key.topic();
        let bytes = encode_message(&Message::Batch(batch), "");
        self.live.send(&topic, [bytes]).unwrap();
    }
}

/// Tries until it works: an address is free only a moment after the socket that had it was closed.
pub(crate) fn eventually<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < end, "it did not happen in time");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The sequences of all rows in `events`; values are compared on the way.
pub(crate) fn sequences(events: &[Event]) -> Vec<u64> {
    let mut found = Vec::new();
    for batch in events.iter().filter_map(Event::rows) {
        let Rows::Candles(candles) = &batch.rows else { panic!("these are candles") };
        for (row, seq) in candles.iter().zip(batch.start.0..) {
            assert_eq!(*row, candle(seq));
            found.push(seq);
        }
    }
    found
}

/// A ROUTER with one worker.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    router: Option<RouterServer>,
    worker: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(
        context: &Context,
        answer: impl FnMut(Message) -> Option<Message> + Send + 'static,
    ) -> Server {
        Server::start_at(context, "tcp://127.0.0.1:*", answer)
    }

    pub(crate) fn start_at(
        context: &Context,
        endpoint: &str,
        mut answer: impl FnMut(Message) -> Option<Message> + Send + 'static,
    ) -> Server {
        let hooks = Hooks { refuse: |_| None, malformed: || None };
        let router =
            eventually(|| RouterServer::bind(context, endpoint, RouterSettings::default(), hooks).ok());
        let (requests, replier) = (router.requests().clone(), router.replier());
        let endpoint = router.endpoint().to_string();
        let worker = std::thread::spawn(move || {
            for request in requests {
                let envelope = decode(&request.body, &Limits::ingest()).unwrap();
                if let Some(reply) = answer(envelope.message) {
                    replier.send(request.peer, encode_message(&reply, &envelope.correlation_id));
                }
            }
        });
        Server { endpoint, router: Some(router), worker: Some(worker) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.router.take());
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

fn watermark(log: &Log) -> Watermark {
    Watermark {
        epoch: Epoch(log.epoch),
        earliest: Seq(log.earliest),
        latest: Seq(log.latest),
        latest_ts: candle(log.latest).ts.to_nanos(),
        digest: Digest::of(Seq(1), &Rows::Candles((1..=log.latest).map(candle).collect())),
    }
}

fn status(log: &Log) -> StreamStatus {
    let mut epochs = vec![gapless::EpochStart { epoch: Epoch(7), first_sequence: Seq(1) }];
    if log.epoch != 7 {
        epochs.push(gapless::EpochStart { epoch: Epoch(log.epoch), first_sequence: Seq(log.epoch_start) });
    }
    StreamStatus { key: key(), watermark: watermark(log), server_time: UnixMillis(0), epochs }
}

fn serve_backfill(log: &Mutex<Log>, request: Message) -> Option<Message> {
    let log = *log.lock().unwrap();
    Some(match request {
        Message::ListStreamsRequest(page) => {
            let wanted = key().topic().starts_with(&page.prefix) && page.after.is_empty();
            let streams = if wanted { vec![status(&log)] } else { Vec::new() };
            Message::ListStreamsResponse(ListStreamsResponse { streams, has_more: false })
        }
        Message::StreamStatusRequest(asked) if asked == key() => Message::StreamStatusResponse(status(&log)),
        Message::BackfillRequest(asked) if asked.key == key() => {
            let from = asked.from_exclusive.next().0.max(log.earliest);
            let since =
                asked.start_ts.map_or(from, |ts| (ts.to_millis().0 as u64).div_ceil(60_000).max(from));
            let bound = if asked.to == Seq::NONE { log.latest } else { asked.to.0.min(log.latest) };
            let limit = if asked.limit == 0 { 10_000 } else { u64::from(asked.limit) };
            let to = bound.min(since + limit - 1);
            let served = rows(since, to.max(since - 1));
            let batches: Vec<Batch> =
                if served.is_empty() { Vec::new() } else { vec![batch(log.epoch, served)] };
            Message::BackfillResponse(BackfillResponse {
                key: key(),
                asked_from_exclusive: asked.from_exclusive,
                asked_to: asked.to,
                served_from: served.start(),
                served_to: served.last(),
                earliest: Seq(log.earliest),
                latest: Seq(log.latest),
                epoch: Epoch(log.epoch),
                has_more: to < bound,
                digest: batches.iter().fold(Digest::default(), |sum, b| sum + Digest::of(b.start, &b.rows)),
                batches: batches.into_iter().map(|b| encode_message(&Message::Batch(b), "")).collect(),
            })
        }
        _ => unknown(),
    })
}

fn serve_state(log: &Mutex<Log>, request: Message) -> Option<Message> {
    let Message::StateRequest(page) = request else { return Some(unknown()) };
    let log = *log.lock().unwrap();
    let last = batch(log.epoch, rows(log.latest, log.latest));
    let state = StreamState {
        key: key(),
        watermark: watermark(&log),
        window: encode_message(&Message::Batch(last), ""),
        forming: Vec::new(),
    };
    let streams = if key().topic().starts_with(&page.prefix) { vec![state] } else { Vec::new() };
    Some(Message::StateResponse(StateResponse {
        partition: 0,
        epoch: Epoch(log.epoch),
        position: gapless::Position(log.latest),
        streams,
        has_more: false,
    }))
}

fn unknown() -> Message {
    Message::Error(ErrorResponse {
        code: ErrorCode::UNKNOWN_STREAM,
        message: "unknown".into(),
        retry_after_ms: 0,
    })
}
