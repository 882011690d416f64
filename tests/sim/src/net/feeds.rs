//! Publish and subscribe.

use super::{NodeId, Partitions, delay};
use gapless_model::MonoTime;
use std::collections::BTreeMap;
use std::time::Duration;

/// A publisher's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// Ingestion's journal, 5552.
    Journal,
    /// The engine's live feed, 5556.
    Live,
}

impl Feed {
    /// Who publishes there.
    pub fn publisher(self) -> NodeId {
        match self {
            Feed::Journal => NodeId::Ingestion,
            Feed::Live => NodeId::Engine,
        }
    }
}

/// One subscriber's connection to a feed.
#[derive(Debug, Default)]
pub struct Connection {
    topics: Vec<String>,
    /// From when on messages arrive; `None`: not connected.
    since: Option<MonoTime>,
    /// When the last message arrives.
    last: MonoTime,
    waiting: usize,
    /// The most messages that wait; more are dropped, the newest first.
    limit: usize,
    /// How long the reader takes per message, until when.
    slow: Option<(Duration, MonoTime)>,
    /// So many messages are dropped next.
    drop_next: u32,
    /// So many messages come twice.
    repeat_next: u32,
    /// Until when the publisher knows nothing of the subscription.
    deaf_until: MonoTime,
}

/// All connections of all feeds.
#[derive(Debug, Default)]
pub struct Feeds(BTreeMap<(Feed, NodeId), Connection>);

/// What became of a message for one subscriber.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// It arrives then; twice when two times are given.
    Arrives(MonoTime, Option<MonoTime>),
    /// Nobody gets it, for this reason.
    Lost(&'static str),
}

impl Feeds {
    /// A subscriber exists; nothing arrives before [`Feeds::connect`].
    pub fn open(&mut self, feed: Feed, subscriber: NodeId, limit: usize) {
        self.0.insert((feed, subscriber), Connection { limit, ..Connection::default() });
    }

    /// The subscriber is gone.
    pub fn close(&mut self, feed: Feed, subscriber: NodeId) {
        self.0.remove(&(feed, subscriber));
    }

    /// A subscription, of a topic or of all that begin with it.
    pub fn subscribe(&mut self, feed: Feed, subscriber: NodeId, topic: String) {
        if let Some(connection) = self.0.get_mut(&(feed, subscriber)) {
            connection.topics.push(topic);
        }
    }

    /// The connection stands from now on; whether it did not before.
    pub fn connect(&mut self, feed: Feed, subscriber: NodeId, now: MonoTime) -> bool {
        let Some(connection) = self.0.get_mut(&(feed, subscriber)) else { return false };
        if connection.since.is_some() {
            return false;
        }
        (connection.since, connection.last) = (Some(now), now);
        true
    }

    /// The connection breaks; what was on its way is for the caller to forget.
    pub fn disconnect(&mut self, feed: Feed, subscriber: NodeId) {
        if let Some(connection) = self.0.get_mut(&(feed, subscriber)) {
            connection.since = None;
            connection.waiting = 0;
        }
    }

    /// Who subscribes to `feed`, connected or not.
    pub fn subscribers(&self, feed: Feed) -> Vec<NodeId> {
        self.0.keys().filter(|(of, _)| *of == feed).map(|(_, subscriber)| *subscriber).collect()
    }

    /// A message for one subscriber: when it arrives there, if at all. `None` when it did not subscribe.
    pub fn send(
        &mut self,
        (feed, subscriber): (Feed, NodeId),
        topic: &[u8],
        now: MonoTime,
        partitions: &Partitions,
        dice: &mut fastrand::Rng,
    ) -> Option<Sent> {
        let connection = self.0.get_mut(&(feed, subscriber))?;
        if !connection.topics.iter().any(|prefix| topic.starts_with(prefix.as_bytes())) {
            return None;
        }
        if connection.since.is_none_or(|since| since > now) {
            return Some(Sent::Lost("loses a message to nobody"));
        }
        if connection.deaf_until > now {
            return Some(Sent::Lost("loses a message without subscription"));
        }
        if connection.drop_next > 0 {
            connection.drop_next -= 1;
            return Some(Sent::Lost("loses a message in a run"));
        }
        if connection.waiting >= connection.limit {
            return Some(Sent::Lost("loses a message to a full queue"));
        }
        let blocked = partitions.blocked_until(feed.publisher(), subscriber, now);
        let mut at = blocked.unwrap_or(now).after(delay(dice)).max(connection.last);
        if let Some((pace, _)) = connection.slow.filter(|(_, until)| *until > now) {
            at = at.max(connection.last.after(pace));
        }
        connection.last = at;
        connection.waiting += 1;
        let again = (connection.repeat_next > 0).then(|| {
            connection.repeat_next -= 1;
            connection.waiting += 1;
            at.after(Duration::from_millis(dice.u64(0..2000)))
        });
        Some(Sent::Arrives(at, again))
    }

    /// A message was read.
    pub fn arrived(&mut self, feed: Feed, subscriber: NodeId) {
        if let Some(connection) = self.0.get_mut(&(feed, subscriber)) {
            connection.waiting = connection.waiting.saturating_sub(1);
        }
    }

    /// Whether every queue is within its limit; a message that the network repeats counts beside it.
    pub fn are_bounded(&self) -> bool {
        self.0.values().all(|connection| connection.waiting <= 2 * connection.limit)
    }

    /// Changes one connection, if it is there.
    pub fn fault(&mut self, feed: Feed, subscriber: NodeId, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.0.get_mut(&(feed, subscriber)) {
            change(connection);
        }
    }

    /// Ends every fault.
    pub fn heal(&mut self) {
        for connection in self.0.values_mut() {
            connection.slow = None;
            (connection.drop_next, connection.repeat_next) = (0, 0);
            connection.deaf_until = MonoTime(0);
        }
    }
}

impl Connection {
    /// The next messages are dropped.
    pub fn drop_next(&mut self, messages: u32) {
        self.drop_next = messages;
    }

    /// The next messages come again, later.
    pub fn repeat_next(&mut self, messages: u32) {
        self.repeat_next = messages;
    }

    /// The reader takes its time for each message.
    pub fn slow_down(&mut self, pace: Duration, until: MonoTime) {
        self.slow = Some((pace, until));
    }

    /// The publisher forgets the subscription.
    pub fn forget(&mut self, until: MonoTime) {
        self.deaf_until = until;
    }
}
