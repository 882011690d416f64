//! The end of a run: everything works again, and everybody must have everything.

use super::{Process, World};
use crate::net::{Feed, NodeId};
use crate::node::ClientNode;
use crate::truth::{Ending, StreamTruth, Violation};
use gapless_model::{MonoTime, Seq};
use std::time::Duration;

/// Within so much virtual time everything must have caught up: the longest back-offs (ten seconds, some
/// of them one after the other) and request deadlines (five seconds) fit in several times.
pub const BOUND: Duration = Duration::from_secs(120);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);

impl World {
    /// Every fault ends.
    pub(super) fn heal(&mut self) {
        self.trace.event(self.now, None, "everything works again", 0, 0);
        self.partitions.heal();
        self.feeds.heal();
        self.desks.heal();
        if self.archive.is_damaged() {
            self.rebuild_archive();
        }
        let now = self.now;
        for place in self.places.values_mut() {
            place.disk.spare();
            place.paused_until = MonoTime(0);
            if place.process.is_none() {
                place.start_at = Some(place.start_at.map_or(now, |at| at.min(now)));
            }
        }
        for feed in [Feed::Journal, Feed::Live] {
            for subscriber in self.feeds.subscribers(feed) {
                self.connect_soon(feed, subscriber);
            }
        }
    }

    /// What a person does whose archive is damaged: it is put aside, and filled again from the journal.
    fn rebuild_archive(&mut self) {
        self.end(NodeId::Backfill, Ending::Killed, 1);
        self.archive.put_aside();
        self.trace.event(self.now, Some(NodeId::Backfill), "has its archive rebuilt", 0, 0);
    }

    /// Runs until everybody has everything.
    pub(super) fn catch_up(&mut self) -> Result<(), Violation> {
        let end = self.now.after(BOUND);
        loop {
            self.run_until(self.now.after(LOOK));
            self.check()?;
            let Some(behind) = self.who_is_behind() else { break };
            if self.now >= end {
                self.truth.violate("everything catches up", || behind);
                return self.check();
            }
        }
        let healed = self.now;
        self.trace.event(healed, None, "everything has caught up", 0, 0);
        Ok(())
    }

    /// Somebody who does not have everything, in words.
    fn who_is_behind(&self) -> Option<String> {
        let latest = self.truth.latest();
        self.places.iter().find_map(|(node, place)| match &place.process {
            None => Some(format!("{node} is not there")),
            Some(Process::Ingestion(ingestion)) => {
                let synced = ingestion.journal().synced();
                (synced < latest).then(|| format!("{node} has synced {synced} of {latest}"))
            }
            Some(Process::Engine(engine)) => {
                let state = engine.engine().state();
                let is_current = state.position().0 == 0 || state.epoch() == self.truth.epoch();
                // One that was told that everything is gone has read nothing.
                let is_read = self.truth.is_rest_gone(state.position())
                    || (state.position().0 == 0 && engine.lag() == 0);
                let is_there = engine.engine().is_live() && is_read && is_current;
                let waiting = engine.engine().outbox().len();
                (!is_there || waiting > 0).then(|| {
                    format!("{node} is at {} of {latest}, {waiting} derived batches wait", state.position())
                })
            }
            Some(Process::Backfill(backfill)) => {
                let (position, epoch) = {
                    let contents = self.archive.look();
                    (contents.position, contents.epoch)
                };
                let is_there = position == latest && backfill.lag() == 0;
                (!is_there).then(|| {
                    format!("{node} is at {position} in {epoch} of {latest}, lag {}", backfill.lag())
                })
            }
            Some(Process::Client(client)) => self.client_behind(*node, client),
            Some(Process::Writer(_)) => None,
            Some(Process::Producer(producer)) => {
                let pending = producer.pending();
                (pending > 0).then(|| format!("{node} has {pending} batches left"))
            }
        })
    }

    fn client_behind(&self, node: NodeId, client: &ClientNode) -> Option<String> {
        let NodeId::Client(n) = node else { return None };
        let topics = &self.plan.setup.clients[usize::from(n)].topics;
        let books = self.books[usize::from(n)].look();
        // A stream without rows is one of a journal that was taken away: nobody speaks of it any more.
        let wanted = |stream: &&StreamTruth| {
            !stream.rows.is_empty() && (topics.is_empty() || topics.contains(&stream.key))
        };
        self.truth.streams().iter().filter(wanted).find_map(|stream| {
            let key = &stream.key;
            let latest = Seq(stream.rows.len() as u64);
            let cursor = books.get(key).and_then(|books| books.cursor);
            let applied = cursor.map_or(Seq::NONE, |cursor| cursor.applied);
            let (lag, gaps) = client.lag(key);
            // The same number may still name a row of a journal that was taken away.
            let last = books.get(key).and_then(|books| books.rows.get(&latest.0)).map(|row| row.1);
            let is_other = last.is_some_and(|hash| stream.rows.last().is_some_and(|row| row.hash != hash));
            // Whoever begins after everything is gone has nothing to get.
            let is_gone =
                applied == Seq::NONE && (1..=latest.0).all(|seq| !self.truth.is_there(key, Seq(seq)));
            let is_behind = (applied != latest && !is_gone) || lag > 0 || gaps > 0 || is_other;
            is_behind.then(|| {
                format!(
                    "{node} has {key} up to {applied} of {latest}, lag {lag}, {gaps} gaps, other: {is_other}"
                )
            })
        })
    }
}
