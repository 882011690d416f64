//! A client in this process: the library without DuckDB, its cursor in memory.

use super::Watch;
use crate::control::{Control, Mode};
use anyhow::Result;
use gapless::{Acknowledge, Client, From, MemoryStore, Subscription, SubscriptionBuilder};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long it waits for an event before it looks for its mode again.
const LOOK: Duration = Duration::from_millis(10);

/// What it follows.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// Every stream that begins so, also those that come into being later.
    Prefix(String),
    /// Exactly these.
    Topics(Vec<String>),
}

impl Choice {
    pub(crate) fn holds(&self, topic: &str) -> bool {
        match self {
            Choice::Prefix(prefix) => topic.starts_with(prefix.as_str()),
            Choice::Topics(topics) => topics.iter().any(|known| known == topic),
        }
    }

    pub(crate) fn builder(&self, client: &Client) -> SubscriptionBuilder {
        match self {
            Choice::Prefix(prefix) => client.subscribe().prefix(prefix.clone()),
            Choice::Topics(topics) => client.subscribe().streams(topics),
        }
    }
}

pub(crate) struct LibraryClient {
    pub(crate) name: String,
    pub(crate) client: Client,
    pub(crate) choice: Choice,
    /// A small one makes ZeroMQ drop, which is healed.
    pub(crate) receive_limit: u32,
    pub(crate) watch: Watch,
    pub(crate) control: Control,
}

impl LibraryClient {
    pub(crate) fn start(self) -> Result<JoinHandle<Result<()>>> {
        Ok(std::thread::Builder::new().name(self.name.clone()).spawn(move || self.run())?)
    }

    fn run(self) -> Result<()> {
        let cursors = MemoryStore::new();
        loop {
            match self.control.mode() {
                Mode::End => return Ok(()),
                Mode::Down => self.control.wait(LOOK),
                Mode::Run | Mode::Stall => {
                    let builder = self.choice.builder(&self.client).receive_limit(self.receive_limit);
                    let builder = builder.from(From::Start).acknowledge(Acknowledge::Explicit);
                    let mut subscription = builder.store(cursors.clone()).start()?;
                    let followed = self.follow(&mut subscription);
                    self.watch.lock().ended(&subscription.status());
                    followed?;
                }
            }
        }
    }

    /// Until it is to go down or to end.
    fn follow(&self, subscription: &mut Subscription) -> Result<()> {
        loop {
            match self.control.mode() {
                Mode::End | Mode::Down => return Ok(()),
                Mode::Stall => self.control.wait(LOOK),
                Mode::Run => {
                    if let Some(event) = subscription.next_timeout(LOOK)? {
                        self.watch.lock().take(&event);
                        // Seen and acknowledged go together, so the next life begins right behind.
                        subscription.ack(event)?;
                    }
                }
            }
        }
    }
}
