//! The streams, followed by the client crate like any application does.
//!
//! A subscription takes topics or one prefix, so several prefixes are several subscriptions, each with a
//! thread that hands its events on. What the manifests say is where they begin; nothing is kept here.

use crate::config::{Beginning, Config};
use crate::error::Error;
use crate::manifest::Cursor;
use crossbeam_channel::{Receiver, Sender, bounded};
use gapless::{BoxError, Client, CursorStore, Endpoints, Event, From, Stopper, Subscription};
use gapless_model::{Epoch, Seq, StreamKey};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events between the subscriptions and the writer: they wait in the subscriptions if it is slow.
const EVENTS: usize = 16;
/// Messages that wait in a subscription: some seconds of a busy feed. Beyond that the network drops, which is
/// healed from backfill.
const RECEIVE_LIMIT: u32 = 1_000;

/// Running subscriptions. Dropping it ends them.
pub(crate) struct Intake {
    events: Option<Receiver<Result<Event, gapless::Error>>>,
    stoppers: Vec<Stopper>,
    threads: Vec<JoinHandle<()>>,
}

impl Intake {
    /// Begins to follow what `config` selects, each stream where `cursors` say.
    pub(crate) fn start(
        config: &Config,
        client: &Client,
        cursors: &[(StreamKey, Cursor)],
    ) -> Result<Intake, Error> {
        let (topics, prefixes) = config.selection();
        let (sender, events) = bounded(EVENTS);
        let mut intake = Intake { events: Some(events), stoppers: Vec::new(), threads: Vec::new() };
        let from = match config.from {
            Beginning::Start => From::Start,
            Beginning::Latest => From::Latest,
        };
        let builder = || {
            let store = Resume(cursors.to_vec());
            client.subscribe().from(from).receive_limit(RECEIVE_LIMIT).store(store)
        };
        let mut subscriptions = Vec::new();
        if !topics.is_empty() {
            subscriptions.push(builder().streams(topics).start()?);
        }
        for prefix in prefixes {
            subscriptions.push(builder().prefix(prefix).start()?);
        }
        for subscription in subscriptions {
            intake.stoppers.push(subscription.stopper());
            let sender = sender.clone();
            let thread = std::thread::Builder::new().name("snapshot-intake".into());
            let thread = thread.spawn(move || hand_on(subscription, &sender));
            let failed = |e: std::io::Error| Error::Thread { name: "snapshot-intake", reason: e.to_string() };
            intake.threads.push(thread.map_err(failed)?);
        }
        Ok(intake)
    }

    /// What happens. Disconnected when every subscription has ended.
    pub(crate) fn events(&self) -> Option<&Receiver<Result<Event, gapless::Error>>> {
        self.events.as_ref()
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.stoppers.iter().for_each(Stopper::stop);
        // Whoever waits to hand something on gives up.
        self.events = None;
        for thread in self.threads.drain(..) {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn hand_on(subscription: Subscription, events: &Sender<Result<Event, gapless::Error>>) {
    for event in subscription {
        if events.send(event).is_err() {
            return;
        }
    }
}

/// The addresses of a configuration; rows are never sent from here.
pub(crate) fn endpoints(config: &Config) -> Endpoints {
    Endpoints {
        live: config.live.clone(),
        backfill: config.backfill.clone(),
        state: config.state.clone(),
        journal: config.journal_replay.clone(),
        ..Endpoints::default()
    }
}

/// A client with the addresses of a configuration.
pub(crate) fn client(config: &Config, patience: Duration) -> Client {
    Client::new(endpoints(config)).with_patience(patience)
}

/// The cursors that the manifests hold. What is done with is said by the next manifest, not here.
struct Resume(Vec<(StreamKey, Cursor)>);

impl CursorStore for Resume {
    fn cursors(&mut self) -> Result<Vec<(StreamKey, gapless::Cursor)>, BoxError> {
        let cursor =
            |cursor: &Cursor| gapless::Cursor { epoch: Epoch(cursor.epoch), applied: Seq(cursor.sequence) };
        Ok(self.0.iter().map(|(key, at)| (key.clone(), cursor(at))).collect())
    }

    fn apply(&mut self, _: Event, _: gapless::Cursor) -> Result<(), BoxError> {
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn commit(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    fn keeps_rows(&self) -> bool {
        false
    }
}
