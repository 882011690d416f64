//! Describing a subscription.

use crate::feed::Feed;
use crate::ledger::{Acknowledge, Ledger};
use crate::report::Board;
use crate::store::{Cursor, CursorStore};
use crate::{Client, Endpoints, Error, EventStream, From, Subscription};
use gapless_follow::{Select, StreamBegin, StreamFollower, StreamSettings};
use gapless_model::{Digest, Epoch, StreamKey, UnixNanos};
use gapless_protocol::Begin;
use gapless_transport::{Context, wake_pair};
use std::collections::BTreeSet;
use std::time::Duration;

/// Messages that wait for the application before the network is asked to wait; beyond that the live
/// feed drops and the gap is healed, so a slow application costs no memory.
pub const DEFAULT_RECEIVE_LIMIT: u32 = 10_000;

/// Describes a subscription; [`SubscriptionBuilder::start`] begins it.
#[must_use]
pub struct SubscriptionBuilder {
    context: Context,
    endpoints: Endpoints,
    topics: Vec<String>,
    prefixes: Vec<String>,
    from: From,
    mode: Acknowledge,
    receive_limit: u32,
    store: Option<Box<dyn CursorStore>>,
    until_caught_up: Option<Duration>,
}

impl Default for SubscriptionBuilder {
    /// On the services of this machine at their default ports.
    fn default() -> SubscriptionBuilder {
        SubscriptionBuilder::new(Context::new(), Endpoints::default())
    }
}

impl SubscriptionBuilder {
    pub(crate) fn new(context: Context, endpoints: Endpoints) -> SubscriptionBuilder {
        SubscriptionBuilder {
            context,
            endpoints,
            topics: Vec::new(),
            prefixes: Vec::new(),
            from: From::default(),
            mode: Acknowledge::default(),
            receive_limit: DEFAULT_RECEIVE_LIMIT,
            store: None,
            until_caught_up: None,
        }
    }

    /// Follows this stream: `kind.source_id.symbol.interval`. May be said more than once.
    pub fn stream(mut self, topic: impl ToString) -> SubscriptionBuilder {
        self.topics.push(topic.to_string());
        self
    }

    /// Follows these streams.
    pub fn streams<T: ToString>(self, topics: impl IntoIterator<Item = T>) -> SubscriptionBuilder {
        topics.into_iter().fold(self, SubscriptionBuilder::stream)
    }

    /// Follows every stream whose topic begins with this, also those that come into being later. May be said
    /// more than once.
    pub fn prefix(mut self, prefix: impl Into<String>) -> SubscriptionBuilder {
        self.prefixes.push(prefix.into());
        self
    }

    /// Where to begin; [`From::Cursor`] when not said.
    pub fn from(mut self, from: From) -> SubscriptionBuilder {
        self.from = from;
        self
    }

    /// When the cursor moves; on asking for the next event when not said.
    pub fn acknowledge(mut self, mode: Acknowledge) -> SubscriptionBuilder {
        self.mode = mode;
        self
    }

    /// How many messages may wait; see [`DEFAULT_RECEIVE_LIMIT`]. A small limit makes the live feed drop
    /// more, which is healed.
    pub fn receive_limit(mut self, messages: u32) -> SubscriptionBuilder {
        self.receive_limit = messages.max(1);
        self
    }

    /// Where cursors are kept. A stream that has one there goes on after it.
    pub fn store(mut self, store: impl CursorStore + 'static) -> SubscriptionBuilder {
        self.store = Some(Box::new(store));
        self
    }

    /// Ends the subscription once everything that exists when it starts was handed over. Which streams
    /// there are is asked of backfill, waiting for it at most `patience`.
    pub fn until_caught_up(mut self, patience: Duration) -> SubscriptionBuilder {
        self.until_caught_up = Some(patience);
        self
    }

    /// Begins to follow. It does not wait for the services to be there.
    ///
    /// # Errors
    /// [`Error::Key`] or [`Error::Usage`] when no streams can be meant by what was said; [`Error::Store`]
    /// when the cursors cannot be read; [`Error::Unavailable`] only with
    /// [`SubscriptionBuilder::until_caught_up`].
    pub fn start(self) -> Result<Subscription, Error> {
        let (feed, ledger, board) = self.assemble()?;
        Ok(Subscription::new(feed, ledger, board))
    }

    /// Begins to follow, as an asynchronous stream that needs no particular runtime.
    ///
    /// # Errors
    /// As [`SubscriptionBuilder::start`].
    pub fn start_async(self) -> Result<EventStream, Error> {
        let (feed, ledger, board) = self.assemble()?;
        EventStream::new(feed, ledger, board)
    }

    fn assemble(mut self) -> Result<(Feed, Ledger, Board), Error> {
        let select = self.select()?;
        let goals = match self.until_caught_up {
            Some(patience) => Some(self.goals(&select, patience)?),
            None => None,
        };
        let mut ledger = Ledger::new(self.store.take(), self.mode);
        let cursors = ledger.load()?;
        let anchors = ledger.anchors(&cursors)?;
        ledger.resume(&cursors);
        let (waker, wake) = wake_pair()?;
        let settings = StreamSettings {
            context: Some(self.context.clone()),
            receive_limit: self.receive_limit,
            wake: Some(wake),
            ..StreamSettings::new(&self.endpoints.live, &self.endpoints.backfill, select)
        };
        let from = self.from;
        let begin = move |key: &StreamKey| begin(from, cursors.get(key), anchors.get(key));
        let follower = StreamFollower::start(settings, Box::new(begin))?;
        let board = Board::default();
        let feed = Feed::new(follower, waker, board.clone(), &self.context, &self.endpoints.state, goals)?;
        Ok((feed, ledger, board))
    }

    fn select(&self) -> Result<Select, Error> {
        match (&self.prefixes[..], &self.topics[..]) {
            ([_, ..], [_, ..]) => {
                Err(Error::Usage("subscribe to prefixes or to streams, not to both".into()))
            }
            (prefixes @ [_, ..], []) => Ok(Select::Prefixes(prefixes.to_vec())),
            ([], []) => Err(Error::Usage("say which stream or prefix to follow".into())),
            ([], topics) => {
                let keys: Result<Vec<StreamKey>, _> = topics.iter().map(|topic| topic.parse()).collect();
                Ok(Select::Topics(keys?))
            }
        }
    }

    fn goals(&self, select: &Select, patience: Duration) -> Result<BTreeSet<StreamKey>, Error> {
        let client =
            Client::with_context(self.context.clone(), self.endpoints.clone()).with_patience(patience);
        match select {
            Select::Prefixes(prefixes) => {
                let mut keys = BTreeSet::new();
                for prefix in prefixes {
                    keys.extend(client.streams(prefix)?.into_iter().map(|status| status.key));
                }
                Ok(keys)
            }
            Select::Topics(keys) => {
                for key in keys {
                    if client.stream(key)?.is_none() {
                        return Err(Error::Usage(format!("there is no stream {key}: see `gapless streams`")));
                    }
                }
                Ok(keys.iter().cloned().collect())
            }
        }
    }
}

fn begin(from: From, cursor: Option<&Cursor>, row: Option<&Digest>) -> StreamBegin {
    match (cursor, from) {
        (Some(Cursor { epoch: Epoch::UNSTATED, applied }), _) if let Some(digest) = row => {
            StreamBegin::After { applied: *applied, digest: *digest }
        }
        (Some(Cursor { epoch, applied }), _) => {
            StreamBegin::Log(Begin::Cursor { epoch: *epoch, applied: *applied })
        }
        (None, From::Start | From::Cursor) => StreamBegin::Log(Begin::Earliest),
        (None, From::Latest) => StreamBegin::Log(Begin::Latest),
        (None, From::Sequence(seq)) => StreamBegin::Log(Begin::At(seq)),
        (None, From::Time(UnixNanos(ts))) => StreamBegin::Time(UnixNanos(ts)),
    }
}

impl std::fmt::Debug for SubscriptionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubscriptionBuilder")
            .field("topics", &self.topics)
            .field("prefixes", &self.prefixes)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}
