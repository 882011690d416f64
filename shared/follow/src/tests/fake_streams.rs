//! A live feed and a replay side for a few streams of candles, with faults to order.

use super::{ANY, EPOCH, batch, hooks, row};
use gapless_model::{
    Digest, Epoch, EpochStart, Rows, Seq, StreamKey, StreamStatus, UnixMillis, UnixNanos, Watermark,
};
use gapless_transport::{Context, Endpoint, Publisher, PublisherSettings, RouterServer, RouterSettings};
use gapless_wire::{
    BackfillCandlesRequest, BackfillCandlesResponse, BackfillRequest, BackfillResponse, ErrorCode,
    ErrorResponse, Limits, ListStreamsResponse, Message, PageRequest, WatermarkBatch, decode, encode_message,
    topic,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the replay side does with its next replay requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    NoReply,
    Busy,
    Internal,
    WrongDigest,
    WrongRows,
    Garbage,
}

/// What `next_sequence` means: servers in the field disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    LastReturned,
    FirstNotReturned,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    /// Newest sequence by stream.
    pub(super) latest: BTreeMap<StreamKey, u64>,
    pub(super) epochs: Vec<EpochStart>,
    pub(super) earliest: u64,
    pub(super) version1: Option<Next>,
    /// Whether a server of version 1 says nothing to what it does not know.
    pub(super) silent: bool,
    pub(super) troubles: VecDeque<Trouble>,
    pub(super) page: usize,
    /// How long an answer takes.
    pub(super) pause: Duration,
    /// Requests by type, in the order of arrival.
    pub(super) heard: Vec<&'static str>,
    pub(super) active: usize,
    pub(super) most_active: usize,
}

pub(super) struct FakeStreams {
    pub(super) context: Context,
    pub(super) live: Publisher,
    pub(super) world: Arc<Mutex<World>>,
    server: Option<(RouterServer, Vec<JoinHandle<()>>)>,
    replay: Endpoint,
}

impl FakeStreams {
    pub(super) fn new() -> FakeStreams {
        let context = Context::new();
        let live = Publisher::bind(&context, ANY, PublisherSettings::default()).unwrap();
        let world = Arc::new(Mutex::new(World::default()));
        let server = serve(&context, &ANY.parse().unwrap(), &world).unwrap();
        let replay = server.0.endpoint().clone();
        FakeStreams { context, live, world, server: Some(server), replay }
    }

    pub(super) fn addresses(&self) -> (String, String) {
        (self.live.endpoint().to_string(), self.replay.to_string())
    }

    pub(super) fn edit(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.world.lock().unwrap().epoch()
    }

    /// Rows that the live feed loses.
    pub(super) fn append(&self, key: &StreamKey, rows: u64) {
        self.edit(|world| *world.latest.entry(key.clone()).or_default() += rows);
    }

    /// Rows that go out live.
    pub(super) fn publish(&mut self, key: &StreamKey, rows: u64) {
        let latest = self.world.lock().unwrap().latest.get(key).copied().unwrap_or(0);
        self.append(key, rows);
        self.send(key, latest + 1, latest + rows);
    }

    pub(super) fn send(&mut self, key: &StreamKey, from: u64, to: u64) {
        let message = Message::Batch(batch(key, self.epoch(), from, to));
        self.live.send(&key.topic(), [encode_message(&message, "")]).unwrap();
    }

    pub(super) fn heartbeat(&mut self, key: &StreamKey) {
        let latest = self.world.lock().unwrap().latest.get(key).copied().unwrap_or(0);
        self.send(key, latest + 1, latest);
    }

    pub(super) fn watermarks(&mut self) {
        let world = self.world.lock().unwrap().clone();
        let watermarks = world.latest.keys().map(|key| (key.clone(), world.watermark(key))).collect();
        let message = Message::WatermarkBatch(WatermarkBatch { watermarks, server_time: UnixMillis(1) });
        self.live.send(topic::WATERMARKS, [encode_message(&message, "")]).unwrap();
    }

    /// The live feed's connections break; it is there again at the same address.
    pub(super) fn restart_live(&mut self) {
        let address = self.live.endpoint().clone();
        let elsewhere = Publisher::bind(&self.context, ANY, PublisherSettings::default()).unwrap();
        drop(std::mem::replace(&mut self.live, elsewhere));
        self.live = super::eventually("the port is free again", || {
            Publisher::bind(&self.context, address.clone(), PublisherSettings::default()).ok()
        });
    }

    pub(super) fn stop_server(&mut self) {
        if let Some((server, workers)) = self.server.take() {
            drop(server);
            for worker in workers {
                worker.join().unwrap();
            }
        }
    }

    pub(super) fn start_server(&mut self) {
        let server = super::eventually("the port is free again", || {
            serve(&self.context, &self.replay, &self.world).ok()
        });
        self.server = Some(server);
    }
}

impl Drop for FakeStreams {
    fn drop(&mut self) {
        self.stop_server();
    }
}

fn serve(
    context: &Context,
    endpoint: &Endpoint,
    world: &Arc<Mutex<World>>,
) -> Result<(RouterServer, Vec<JoinHandle<()>>), gapless_transport::TransportError> {
    let server = RouterServer::bind(context, endpoint, RouterSettings::default(), hooks())?;
    let worker = || {
        let (requests, replier, world) = (server.requests().clone(), server.replier(), world.clone());
        std::thread::spawn(move || {
            for request in requests {
                let envelope = decode(&request.body, &Limits::request()).unwrap();
                let pause = world.lock().unwrap().begin();
                // The fake's own slowness; nothing waits for it with a sleep of its own.
                std::thread::park_timeout(pause);
                let reply = world.lock().unwrap().end(&envelope.message, &envelope.correlation_id);
                if let Some(reply) = reply {
                    replier.send(request.peer, reply);
                }
            }
        })
    };
    let workers = (0..4).map(|_| worker()).collect();
    Ok((server, workers))
}

impl Default for World {
    fn default() -> World {
        World {
            latest: BTreeMap::new(),
            epochs: vec![EpochStart { epoch: EPOCH, first_sequence: Seq(1) }],
            earliest: 1,
            version1: None,
            silent: false,
            troubles: VecDeque::new(),
            page: 10_000,
            pause: Duration::ZERO,
            heard: Vec::new(),
            active: 0,
            most_active: 0,
        }
    }
}

impl World {
    pub(super) fn epoch(&self) -> Epoch {
        self.epochs.last().unwrap().epoch
    }

    fn begin(&mut self) -> Duration {
        self.active += 1;
        self.most_active = self.most_active.max(self.active);
        self.pause
    }

    fn end(&mut self, message: &Message, correlation_id: &str) -> Option<Vec<u8>> {
        self.active -= 1;
        self.answer(message, correlation_id)
    }

    fn watermark(&self, key: &StreamKey) -> Watermark {
        let latest = self.latest[key];
        let epoch = if self.version1.is_some() { Epoch::UNSTATED } else { self.epoch() };
        let earliest = if self.version1.is_some() { 0 } else { self.earliest };
        Watermark {
            epoch,
            earliest: Seq(earliest),
            latest: Seq(latest),
            latest_ts: UnixNanos(1),
            digest: Digest::default(),
        }
    }

    fn status(&self, key: &StreamKey) -> StreamStatus {
        StreamStatus {
            key: key.clone(),
            watermark: self.watermark(key),
            server_time: UnixMillis(1),
            epochs: if self.version1.is_some() { Vec::new() } else { self.epochs.clone() },
        }
    }

    pub(super) fn answer(&mut self, message: &Message, correlation_id: &str) -> Option<Vec<u8>> {
        let reply = match (message, self.version1) {
            (Message::GetCursorRequest(key), _) => {
                self.heard.push("cursor");
                self.known(key, |world| Message::GetCursorResponse(world.status(key)))
            }
            (Message::BackfillCandlesRequest(asked), next) => {
                self.heard.push("candles");
                self.known(&asked.key, |world| world.candles(asked, next))
            }
            (_, Some(_)) => {
                self.heard.push("unknown");
                if self.silent {
                    return None;
                }
                error(ErrorCode::VERSION, "version 1 only")
            }
            (Message::StreamStatusRequest(key), None) => {
                self.heard.push("status");
                self.known(key, |world| Message::StreamStatusResponse(world.status(key)))
            }
            (Message::ListStreamsRequest(page), None) => {
                self.heard.push("list");
                self.list(page)
            }
            (Message::BackfillRequest(asked), None) => {
                self.heard.push("replay");
                match self.troubles.pop_front() {
                    Some(Trouble::NoReply) => return None,
                    Some(Trouble::Garbage) => {
                        // Only the correlation id can be read.
                        let message = Message::HealthRequest;
                        return Some(encode_message(&message, correlation_id));
                    }
                    Some(Trouble::Busy) => error(ErrorCode::BUSY, "busy"),
                    Some(Trouble::Internal) => error(ErrorCode::INTERNAL, "own fault"),
                    trouble => self.known(&asked.key, |world| world.replay(asked, trouble)),
                }
            }
            _ => error(ErrorCode::MALFORMED, "not here"),
        };
        Some(encode_message(&reply, correlation_id))
    }

    fn known(&self, key: &StreamKey, answer: impl FnOnce(&World) -> Message) -> Message {
        if self.latest.contains_key(key) { answer(self) } else { error(ErrorCode::UNKNOWN_STREAM, "unknown") }
    }

    fn list(&self, page: &PageRequest) -> Message {
        let topics = self.latest.keys().filter(|key| {
            key.topic().starts_with(&page.prefix) && (page.after.is_empty() || key.topic() > page.after)
        });
        // A small page, so that paging is seen.
        let mut streams: Vec<StreamStatus> = topics.map(|key| self.status(key)).take(3).collect();
        let has_more = streams.len() == 3;
        streams.truncate(2);
        Message::ListStreamsResponse(ListStreamsResponse { streams, has_more })
    }

    fn replay(&self, asked: &BackfillRequest, trouble: Option<Trouble>) -> Message {
        let latest = self.latest[&asked.key];
        let since = |ts: UnixNanos| u64::try_from(ts.to_millis().0).unwrap().div_ceil(60_000);
        let from = (asked.from_exclusive.0 + 1).max(self.earliest).max(asked.start_ts.map_or(0, since));
        let bound = if asked.to == Seq::NONE { latest } else { asked.to.0.min(latest) };
        let most = if asked.limit == 0 { self.page } else { self.page.min(asked.limit as usize) };
        let to = bound.min(from + most as u64 - 1);
        let mut batches = Vec::new();
        let mut start = from;
        while start <= to {
            // Stored as published: in batches of seven, which reach past what was asked for.
            let (first, last) = ((start - 1) / 7 * 7 + 1, (start - 1) / 7 * 7 + 7);
            let mut stored = batch(&asked.key, self.epoch_of(start), first, last.min(latest));
            if trouble == Some(Trouble::WrongRows)
                && let Rows::Candles(rows) = &mut stored.rows
            {
                rows.iter_mut().for_each(|row| row.volume = 666.0);
            }
            batches.push(encode_message(&Message::Batch(stored), ""));
            start = last + 1;
        }
        let rows = Rows::Candles((from..=to).map(row).collect());
        let digest = Digest::of(Seq(from), &rows);
        Message::BackfillResponse(BackfillResponse {
            key: asked.key.clone(),
            asked_from_exclusive: asked.from_exclusive,
            asked_to: asked.to,
            served_from: Seq(from),
            served_to: Seq(to.max(from - 1)),
            earliest: Seq(self.earliest),
            latest: Seq(latest),
            epoch: self.epoch(),
            has_more: to < bound,
            digest: if trouble == Some(Trouble::WrongDigest) { Digest(1) } else { digest },
            batches,
        })
    }

    fn epoch_of(&self, seq: u64) -> Epoch {
        self.epochs.iter().rfind(|epoch| epoch.first_sequence.0 <= seq).unwrap().epoch
    }

    fn candles(&self, asked: &BackfillCandlesRequest, next: Option<Next>) -> Message {
        let latest = self.latest[&asked.key];
        let from = asked.from_exclusive.map_or(1, |from| from.0 + 1).max(self.earliest);
        // An old server knows no upper bound.
        let most = if asked.limit == 0 { self.page } else { self.page.min(asked.limit as usize) };
        let to = latest.min(from + most as u64 - 1);
        let has_more = to < latest;
        let next = match next {
            _ if !has_more => Seq::NONE,
            Some(Next::FirstNotReturned) => Seq(to + 1),
            Some(Next::LastReturned) | None => Seq(to),
        };
        Message::BackfillCandlesResponse(BackfillCandlesResponse {
            key: asked.key.clone(),
            start: Seq(from),
            candles: (from..=to).map(row).collect(),
            has_more,
            next,
            epoch: Epoch::UNSTATED,
            earliest: Seq::NONE,
            latest: Seq::NONE,
            digest: Digest::default(),
        })
    }
}

fn error(code: ErrorCode, message: &str) -> Message {
    Message::Error(ErrorResponse { code, message: message.into(), retry_after_ms: 5 })
}
