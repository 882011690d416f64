//! Does what a schedule says.

use super::{Coming, Process, World};
use crate::net::{Feed, NodeId};
use crate::node::folder;
use crate::schedule::{Action, Tamper};
use crate::truth::Ending;
use gapless_model::{Seq, SeqRange};
use std::path::Path;
use std::time::Duration;

impl World {
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Submit { producer, stream, rows } => {
                self.produce(producer, |node, io| node.submit(stream.into(), rows, io));
            }
            Action::Repeat { producer, stream } => {
                self.produce(producer, |node, io| node.repeat(stream.into(), io));
            }
            Action::Kill { node, after, back_ms } => self.end_after(node, Ending::Killed, after, back_ms),
            Action::PowerLoss { node, after, back_ms } => {
                self.end_after(node, Ending::PowerLost, after, back_ms);
            }
            Action::Pause { node, for_ms } => {
                let until = self.after_ms(for_ms);
                if let Some(place) = self.places.get_mut(&node) {
                    place.paused_until = until;
                }
            }
            Action::Partition { a, b, is_both, is_cut, for_ms } => {
                self.part(a, b, is_both, is_cut, for_ms);
            }
            Action::Drop { feed, to, messages } => {
                self.feeds.fault(feed, to, |c| c.drop_next(messages.into()))
            }
            Action::Repeated { feed, to, messages } => {
                self.feeds.fault(feed, to, |c| c.repeat_next(messages.into()));
            }
            Action::Slow { feed, to, pace_ms, for_ms } => {
                let until = self.after_ms(for_ms);
                self.feeds.fault(feed, to, |c| c.slow_down(Duration::from_millis(pace_ms.into()), until));
            }
            Action::Deaf { feed, to, for_ms } => {
                let until = self.after_ms(for_ms);
                self.feeds.fault(feed, to, |c| c.forget(until));
            }
            Action::Tamper { node, desk, how, messages } => self.tamper(node, desk, how, messages.into()),
            Action::Full { node, room, for_ms } => self.fill(node, room, for_ms),
            Action::FailSync { node } => {
                if let Some(place) = self.places.get(&node) {
                    place.disk.fail_syncs(1);
                }
            }
            Action::FlipJournal { seed } => self.flip_journal(seed),
            Action::Jump { node, by_ms } => {
                if let Some(place) = self.places.get_mut(&node) {
                    place.wall_offset_ms += i64::from(by_ms);
                }
            }
            Action::LoseJournal { back_ms } => self.end(NodeId::Ingestion, Ending::Removed, back_ms),
        }
    }

    fn produce(
        &mut self,
        producer: u8,
        work: impl FnOnce(&mut crate::node::ProducerNode, &mut crate::node::Io<'_>),
    ) {
        self.step(NodeId::Producer(producer), |process, io| {
            if let Process::Producer(node) = process {
                work(node, io);
            }
        });
    }

    fn end_after(&mut self, node: NodeId, ending: Ending, after: u32, back_ms: u32) {
        let seed = self.dice.u64(..);
        let Some(place) = self.places.get_mut(&node) else { return };
        if after == 0 || place.process.is_none() {
            return self.end(node, ending, back_ms);
        }
        (place.ending, place.back_ms) = (ending, back_ms);
        place.disk.end_after(after, seed);
    }

    fn part(&mut self, a: NodeId, b: NodeId, is_both: bool, is_cut: bool, for_ms: u32) {
        let until = self.after_ms(for_ms);
        self.partitions.block(a, b, until);
        if is_both || is_cut {
            self.partitions.block(b, a, until);
        }
        if is_cut {
            for feed in [Feed::Journal, Feed::Live] {
                let publisher = feed.publisher();
                let subscriber = if publisher == a { b } else { a };
                if (publisher == a || publisher == b) && self.feeds.subscribers(feed).contains(&subscriber) {
                    self.break_link(feed, subscriber);
                    self.connect_soon(feed, subscriber);
                }
            }
        }
    }

    fn tamper(&mut self, node: NodeId, desk: crate::net::Desk, how: Tamper, messages: u32) {
        let tampering = self.desks.tamper(node, desk);
        match how {
            Tamper::LoseRequests => tampering.lose_requests += messages,
            Tamper::LoseReplies => tampering.lose_replies += messages,
            Tamper::RepeatRequests => tampering.repeat_requests += messages,
            Tamper::RepeatReplies => tampering.repeat_replies += messages,
            Tamper::Delay => tampering.late = (messages, Duration::from_millis(7_000)),
            Tamper::ShortPages => tampering.short_pages += messages,
            Tamper::StalePages => tampering.stale_pages += messages.min(3),
            Tamper::Damage => tampering.damage += messages.min(3),
        }
    }

    fn fill(&mut self, node: NodeId, room: u32, for_ms: u32) {
        let until = self.after_ms(for_ms);
        if let Some(place) = self.places.get(&node) {
            place.disk.set_room(Some(place.disk.used() + u64::from(room)));
            self.later(until, Coming::Room { node });
        }
    }

    /// A bit of a file of the journal; the records of that file count as damaged.
    fn flip_journal(&mut self, seed: u16) {
        let Some(place) = self.places.get(&NodeId::Ingestion) else { return };
        let mut dice = fastrand::Rng::with_seed(seed.into());
        let Some((path, at)) = place.disk.flip(&mut dice, |path| path.starts_with(folder())) else { return };
        let records = self.records_of(&path);
        self.trace.say(self.now, || format!("world          byte {at} of {}: {records}", path.display()));
        self.truth.damage(records);
    }

    /// Which records a file of the journal may hold.
    fn records_of(&self, path: &Path) -> SeqRange {
        let first = |path: &Path| path.file_stem()?.to_str()?.parse::<u64>().ok();
        let Some(start) = first(path) else { return SeqRange::new(Seq::FIRST, Seq(u64::MAX)) };
        let Some(place) = self.places.get(&NodeId::Ingestion) else {
            return SeqRange::new(Seq(start), Seq(u64::MAX));
        };
        let firsts = place.disk.paths(&folder());
        let next = firsts.iter().filter_map(|path| first(path)).filter(|first| *first > start).min();
        SeqRange::new(Seq(start), Seq(next.unwrap_or(u64::MAX)))
    }
}
