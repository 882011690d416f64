//! The live feed: rows as they are due, watermarks, and what the plan makes of both.

use super::{MAX_CATCH_UP, Now, Output, Upstream};
use crate::faults::Fate;
use crate::stream::{Departure, Stream};
use gapless_model::{Batch, Digest, Epoch, MonoTime, Seq, StreamKey};
use gapless_protocol::{HeartbeatSchedule, HeartbeatSettings, HeartbeatSlot};
use gapless_wire::{
    Envelope, Limits, Message, WatermarkBatch, decode, decode_batch, encode, encode_message, topic,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the watermarks of all streams go out together.
const ALL_EVERY: Duration = Duration::from_millis(500);
/// How often other bytes are tried to damage a value but not its message: nearly all bytes of a message are values.
const TRIES: u32 = 100;
/// A version that nobody speaks.
const NOBODYS_VERSION: u32 = 9_999;

/// When which watermarks are owed.
#[derive(Debug)]
pub(super) struct Heartbeats {
    schedule: HeartbeatSchedule,
    /// Topics by their slots in the schedule; a stream that was removed keeps its slot.
    topics: Vec<String>,
    slots: BTreeMap<String, HeartbeatSlot>,
    all_at: MonoTime,
}

impl Heartbeats {
    pub(super) fn new(now: MonoTime) -> Heartbeats {
        let schedule = HeartbeatSchedule::new(HeartbeatSettings::default());
        Heartbeats { schedule, topics: Vec::new(), slots: BTreeMap::new(), all_at: now }
    }

    pub(super) fn register(&mut self, topic: &str, now: MonoTime) {
        if !self.slots.contains_key(topic) {
            self.slots.insert(topic.to_owned(), self.schedule.register(now));
            self.topics.push(topic.to_owned());
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<MonoTime> {
        self.schedule.poll_timeout().map(|(at, _)| at.min(self.all_at))
    }
}

impl<P> Upstream<P> {
    pub(super) fn make_rows(&mut self, now: Now) {
        if self.connections.is_down() {
            return;
        }
        let topics: Vec<String> = self
            .streams
            .values()
            .filter(|stream| stream.due().is_some_and(|due| due <= now.mono))
            .map(|stream| stream.topic.clone())
            .collect();
        for topic in topics {
            self.make_batches(&topic, now);
        }
    }

    /// All batches of one stream that are due, up to a limit; what is later than that is forgotten.
    fn make_batches(&mut self, topic: &str, now: Now) {
        for _ in 0..MAX_CATCH_UP {
            let due = self.streams.get(topic).and_then(Stream::due).filter(|due| *due <= now.mono);
            let Some(due) = due else { return };
            self.make_batch(topic, Now { mono: due, wall: now.wall });
        }
        if let Some(stream) = self.streams.get_mut(topic) {
            stream.next_tick = stream.next_tick.max(now.mono);
        }
    }

    pub(super) fn make_batch(&mut self, topic: &str, now: Now) {
        let is_open = self.connections.is_open();
        let Some(stream) = self.streams.get_mut(topic) else { return };
        if !is_open {
            let made = stream.tick_withheld(now.mono, now.wall);
            return self.remember(topic, made.as_ref());
        }
        let Some((batch, departures)) = stream.tick(now.mono, now.wall) else { return };
        self.remember(topic, Some(&batch));
        for departure in departures {
            let ticket = self.ticket();
            self.departures.insert((departure.at, ticket), departure);
        }
    }

    pub(super) fn remember(&mut self, topic: &str, batch: Option<&Batch>) {
        if let (Some(recorder), Some(batch)) = (&mut self.recorder, batch) {
            recorder.record(topic, batch);
        }
    }

    pub(super) fn send_due(&mut self, now: Now) {
        while let Some(entry) = self.departures.first_entry().filter(|entry| entry.key().0 <= now.mono) {
            let departure = entry.remove();
            self.depart(departure, now);
        }
        while let Some(entry) = self.answers.first_entry().filter(|entry| entry.key().0 <= now.mono) {
            let (to, envelope) = entry.remove();
            self.counts.answered += 1;
            self.outputs.push_back(Output::Reply { to, envelope });
        }
    }

    fn depart(&mut self, departure: Departure, now: Now) {
        let topic = departure.batch.key.topic();
        let Some(stream) = self.streams.get_mut(&topic) else { return };
        if stream.stalled_until > now.mono {
            let at = (stream.stalled_until, self.ticket());
            self.departures.insert(at, departure);
            return;
        }
        if let Some(slot) = self.heartbeats.slots.get(&topic) {
            self.heartbeats.schedule.handle_row(*slot, now.mono);
        }
        let fate = departure.fate;
        let batch = self.as_spoken(departure.batch);
        for (topic, envelope) in messages(topic, batch, fate) {
            self.outputs.push_back(Output::Publish { topic, envelope });
        }
    }

    /// A batch as a server of the scenario's version states it.
    pub(super) fn as_spoken(&self, batch: Batch) -> Batch {
        if self.scenario.version > 1 {
            return batch;
        }
        let unstated = (Epoch::UNSTATED, Seq::NONE, Digest::default());
        let (epoch, earliest, digest) = unstated;
        Batch { epoch, earliest, digest, ts_publish_us: 0, ..batch }
    }

    /// Whether watermarks go out at all at this moment.
    pub(super) fn tells_watermarks(&self) -> bool {
        self.scenario.version > 1 && self.connections.is_open()
    }

    pub(super) fn tell_watermarks(&mut self, now: Now) {
        if !self.tells_watermarks() {
            return;
        }
        while let Some(slot) = self.heartbeats.schedule.poll_output(now.mono) {
            let topic = self.heartbeats.topics.get(slot.index());
            let stream = topic.and_then(|topic| self.streams.get(topic));
            if let Some(stream) = stream.filter(|stream| stream.tells(now.mono)) {
                let envelope = encode_message(&Message::Batch(stream.watermark_batch(now.wall)), "");
                self.outputs.push_back(Output::Publish { topic: stream.topic.clone(), envelope });
            }
        }
        if self.heartbeats.all_at <= now.mono {
            self.heartbeats.all_at = now.mono.after(ALL_EVERY);
            self.tell_all(now);
        }
    }

    fn tell_all(&mut self, now: Now) {
        let telling: Vec<&Stream> = self.streams.values().filter(|stream| stream.tells(now.mono)).collect();
        for some in telling.chunks(gapless_wire::MAX_WATERMARKS_PER_MESSAGE) {
            let watermarks = some.iter().map(|stream| (stream.key.clone(), stream.history.watermark()));
            let batch = WatermarkBatch { watermarks: watermarks.collect(), server_time: now.wall };
            let envelope = encode_message(&Message::WatermarkBatch(batch), "");
            self.outputs.push_back(Output::Publish { topic: topic::WATERMARKS.into(), envelope });
        }
    }
}

/// What goes out for one batch.
fn messages(topic: String, batch: Batch, fate: Fate) -> Vec<(String, Vec<u8>)> {
    let colliding = if fate == Fate::Collide { colliding(&batch) } else { Vec::new() };
    // Only a running digest tells that a value is another one.
    let is_proven = batch.digest != Digest::default();
    let message = Message::Batch(batch);
    let whole = || encode_message(&message, "");
    match fate {
        Fate::Withhold => Vec::new(),
        Fate::Deliver => vec![(topic, whole())],
        Fate::Duplicate => vec![(topic.clone(), whole()), (topic, whole())],
        Fate::Corrupt(flips) => {
            let mut dice = fastrand::Rng::with_seed(flips);
            let subtle = (is_proven && dice.bool()).then(|| with_other_values(&whole(), &mut dice)).flatten();
            vec![(topic, subtle.unwrap_or_else(|| unreadable(whole(), &mut dice)))]
        }
        Fate::WrongVersion => {
            let envelope =
                Envelope { schema_version: NOBODYS_VERSION, correlation_id: String::new(), message };
            vec![(topic, encode(&envelope))]
        }
        Fate::Collide => {
            let own = (topic, whole());
            colliding.into_iter().chain([own]).collect()
        }
    }
}

/// Rows that are nobody's: on a topic that begins with the stream's, and on the stream's with another key.
fn colliding(batch: &Batch) -> Vec<(String, Vec<u8>)> {
    let key = &batch.key;
    let other = StreamKey::new(key.kind(), key.source_id(), "NOBODY", key.interval());
    let foreign = Batch { key: other.unwrap_or_else(|_| key.clone()), ..batch.clone() };
    let ahead = Batch { start: batch.start.plus(1_000_000), ..batch.clone() };
    [(format!("{}0", key.topic()), ahead), (key.topic(), foreign)]
        .map(|(topic, batch)| (topic, encode_message(&Message::Batch(batch), "")))
        .to_vec()
}

/// One byte is another, and the message decodes all the same: to the same rows with another value, or with another
/// running digest.
fn with_other_values(whole: &[u8], dice: &mut fastrand::Rng) -> Option<Vec<u8>> {
    let batch = decode_batch(whole, &Limits::live()).ok()?;
    (0..TRIES).find_map(|_| {
        let mut bytes = whole.to_vec();
        flip(&mut bytes, dice);
        let other = decode_batch(&bytes, &Limits::live()).ok()?;
        let is_in_place =
            (&other.key, other.epoch, other.range()) == (&batch.key, batch.epoch, batch.range());
        let is_stated = other.digest != Digest::default();
        let differs = Digest::of(other.start, &other.rows) != Digest::of(batch.start, &batch.rows);
        (is_in_place && is_stated && (differs || other.digest != batch.digest)).then_some(bytes)
    })
}

/// As many bytes are others as it takes for a reader that checks what it reads to notice.
fn unreadable(mut bytes: Vec<u8>, dice: &mut fastrand::Rng) -> Vec<u8> {
    while !bytes.is_empty() && decode(&bytes, &Limits::live()).is_ok() {
        flip(&mut bytes, dice);
    }
    bytes
}

fn flip(bytes: &mut [u8], dice: &mut fastrand::Rng) {
    let at = dice.usize(..bytes.len().max(1));
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= dice.u8(1..);
    }
}
