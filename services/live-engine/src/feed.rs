//! The live feed: stored bytes as they are, and watermarks when they are owed.

use crate::error::Error;
use crate::meters::Meters;
use crate::state::{State, StreamIndex};
use gapless_model::{MonoTime, StreamKey, UnixMillis, Watermark};
use gapless_protocol::{HeartbeatSchedule, HeartbeatSettings, HeartbeatSlot};
use gapless_transport::{Publisher, Subscription};
use gapless_wire::{Encoder, MAX_WATERMARKS_PER_MESSAGE, Message, WatermarkBatch, topic};
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often `watermarks` tells of the streams that changed.
const CHANGED_EVERY: Duration = Duration::from_millis(250);
/// How often `watermarks` tells of all streams: one in this many times.
const ALL_EVERY: u32 = 4;
/// How often it is looked for changes of subscriptions, and how many are read at a time: a hostile subscriber must not
/// hold up the feed.
const SUBSCRIPTIONS_EVERY: Duration = Duration::from_millis(50);
const SUBSCRIPTIONS_AT_ONCE: usize = 1000;

/// Publishes; nothing here waits for a subscriber.
pub(crate) struct Feed {
    publisher: Publisher,
    encoder: Encoder,
    heartbeats: HeartbeatSchedule,
    slots: Vec<HeartbeatSlot>,
    streams: HashMap<HeartbeatSlot, StreamIndex>,
    changed: Vec<StreamIndex>,
    next_changed: MonoTime,
    next_subscriptions: MonoTime,
    wanted: Wanted,
    ticks: u32,
    meters: Meters,
}

impl Feed {
    pub(crate) fn new(publisher: Publisher, meters: Meters) -> Feed {
        Feed {
            publisher,
            encoder: Encoder::new(),
            heartbeats: HeartbeatSchedule::new(HeartbeatSettings::default()),
            slots: Vec::new(),
            streams: HashMap::new(),
            changed: Vec::new(),
            next_changed: MonoTime(0),
            next_subscriptions: MonoTime(0),
            wanted: Wanted::default(),
            ticks: 0,
            meters,
        }
    }

    /// Forgets all streams: the state is read again, and until then nothing is known.
    pub(crate) fn reset(&mut self) {
        self.heartbeats = HeartbeatSchedule::new(HeartbeatSettings::default());
        self.slots.clear();
        self.streams.clear();
        self.changed.clear();
    }

    /// Every stream that is known owes its first watermark at once: who missed the tail learns of it.
    pub(crate) fn go_live(&mut self, state: &State, now: MonoTime) {
        self.reset();
        for (stream, _) in state.iter() {
            self.open(stream, now);
        }
        self.next_changed = now;
        self.ticks = 0;
    }

    /// A stream that appeared while live; streams are opened in their order.
    pub(crate) fn open(&mut self, stream: StreamIndex, now: MonoTime) {
        let slot = self.heartbeats.register(now);
        self.slots.push(slot);
        self.streams.insert(slot, stream);
    }

    /// Publishes the stored bytes of a batch.
    pub(crate) fn batch(
        &mut self,
        state: &State,
        stream: StreamIndex,
        bytes: Vec<u8>,
        rows: usize,
        now: MonoTime,
    ) -> Result<(), Error> {
        let Some(entry) = state.get(stream) else { return Ok(()) };
        self.meters.published("live", bytes.len());
        self.meters.rows_published.increment(rows as u64);
        self.publisher.send(&entry.topic, [bytes])?;
        if let Some(slot) = self.slots.get(stream.0 as usize) {
            self.heartbeats.handle_row(*slot, now);
        }
        self.changed.push(stream);
        Ok(())
    }

    /// Sends what is owed by now.
    pub(crate) fn handle_timeout(&mut self, state: &State, now: MonoTime) -> Result<(), Error> {
        if now >= self.next_subscriptions {
            self.next_subscriptions = now.after(SUBSCRIPTIONS_EVERY);
            self.read_subscriptions()?;
        }
        // While nobody listens none is due; whoever comes then finds all of them overdue.
        while self.wanted.is_any()
            && let Some(slot) = self.heartbeats.poll_output(now)
        {
            let stream = self.streams.get(&slot).and_then(|stream| state.get(*stream));
            if let Some(stream) = stream.filter(|stream| self.wanted.is_wanted(&stream.topic)) {
                let batch = stream.watermark_batch(state.epoch(), unix_micros());
                let bytes = self.encoder.batch(&batch);
                self.meters.published("watermark", bytes.len());
                self.publisher.send(&stream.topic, [bytes])?;
            }
        }
        if now >= self.next_changed {
            self.next_changed = now.after(CHANGED_EVERY);
            self.tick(state)?;
        }
        Ok(())
    }

    /// When [`Feed::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> MonoTime {
        let heartbeat = self.heartbeats.poll_timeout().map(|(due, _)| due).filter(|_| self.wanted.is_any());
        let ours = self.next_changed.min(self.next_subscriptions);
        heartbeat.map_or(ours, |due| due.min(ours))
    }

    /// Also because an XPUB keeps what nobody reads. Whoever is the first to want the list gets all of it soon.
    fn read_subscriptions(&mut self) -> Result<(), Error> {
        let listed = self.wanted.is_wanted(topic::WATERMARKS);
        for _ in 0..SUBSCRIPTIONS_AT_ONCE {
            let Some(subscription) = self.publisher.next_subscription()? else { break };
            self.wanted.note(subscription);
        }
        if !listed && self.wanted.is_wanted(topic::WATERMARKS) {
            self.ticks = 0;
        }
        Ok(())
    }

    fn tick(&mut self, state: &State) -> Result<(), Error> {
        let mut changed = std::mem::take(&mut self.changed);
        if !self.wanted.is_wanted(topic::WATERMARKS) {
            return Ok(());
        }
        let all = self.ticks.is_multiple_of(ALL_EVERY);
        self.ticks = self.ticks.wrapping_add(1);
        if all {
            changed = state.iter().map(|(stream, _)| stream).collect();
        }
        changed.sort_unstable();
        changed.dedup();
        for page in changed.chunks(MAX_WATERMARKS_PER_MESSAGE) {
            self.watermarks(state, page)?;
        }
        Ok(())
    }

    fn watermarks(&mut self, state: &State, streams: &[StreamIndex]) -> Result<(), Error> {
        let entry = |stream: &StreamIndex| -> Option<(StreamKey, Watermark)> {
            let stream = state.get(*stream)?;
            Some((stream.key.clone(), state.watermark(stream)))
        };
        let watermarks = streams.iter().filter_map(entry).collect();
        let server_time = UnixMillis(unix_micros().div_euclid(1000));
        let message = Message::WatermarkBatch(WatermarkBatch { watermarks, server_time });
        let bytes = self.encoder.message(&message, "");
        self.meters.published("watermarks", bytes.len());
        Ok(self.publisher.send(topic::WATERMARKS, [bytes])?)
    }
}

/// What somebody subscribes to. ZeroMQ would drop the rest too, but only once it is encoded: with ten thousand quiet
/// streams that is most of what an idle engine does.
#[derive(Debug, Default)]
struct Wanted {
    prefixes: BTreeSet<Vec<u8>>,
}

impl Wanted {
    fn note(&mut self, Subscription { prefix, wanted }: Subscription) {
        if wanted {
            self.prefixes.insert(prefix);
        } else {
            self.prefixes.remove(&prefix);
        }
    }

    fn is_any(&self) -> bool {
        !self.prefixes.is_empty()
    }

    fn is_wanted(&self, topic: &str) -> bool {
        let topic = topic.as_bytes();
        self.is_any()
            && (0..=topic.len())
                .filter_map(|length| topic.get(..length))
                .any(|prefix| self.prefixes.contains(prefix))
    }
}

fn unix_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_wanted_while_somebody_subscribes_to_its_beginning() {
        let mut wanted = Wanted::default();
        let mut note = |prefix: &str, is_wanted| {
            wanted.note(Subscription { prefix: prefix.into(), wanted: is_wanted });
            ["candles.a.b.1m", "metrics.a.b.1m"].map(|topic| wanted.is_wanted(topic))
        };
        assert_eq!(note("watermarks", true), [false, false]);
        assert_eq!(note("candles.a.b.1m", true), [true, false]);
        assert_eq!(note("candles.a.b.1m.", true), [true, false]);
        assert_eq!(note("candles.a.b.1m", false), [false, false]);
        assert_eq!(note("metrics.", true), [false, true]);
        assert_eq!(note("", true), [true, true]);
    }
}
