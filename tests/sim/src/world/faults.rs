//! Does what a schedule says.

use super::{Coming, Process, World};
use crate::disk::SimDisk;
use crate::net::{Feed, NodeId};
use crate::node::{checkpoints, folder};
use crate::schedule::{Action, Tamper};
use crate::truth::Ending;
use gapless_model::Position;
use std::path::{Path, PathBuf};
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
            Action::FlipArchive { seed } => self.flip_archive(seed),
            Action::FlipCheckpoint { seed } => self.flip_checkpoint(seed),
            Action::SpoilCheckpoint { seed } => {
                if let Some(place) = self.places.get(&NodeId::Writer) {
                    place.disk.spoil_write(seed.into());
                }
            }
            Action::Checkpoint => self.step(NodeId::Writer, |process, io| {
                if let Process::Writer(node) = process {
                    node.command(io);
                }
            }),
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

    /// A bit of a file of the journal. Which records are damaged by it follows from what was written there.
    fn flip_journal(&mut self, seed: u16) {
        let Some(place) = self.places.get(&NodeId::Ingestion) else { return };
        let disk = place.disk.clone();
        let mut dice = fastrand::Rng::with_seed(seed.into());
        let alone = alone(&disk);
        let may_flip = |path: &Path| path.starts_with(folder()) && !alone.iter().any(|file| file == path);
        let Some((path, at)) = disk.flip(&mut dice, may_flip) else { return };
        let records = self.truth.records_at(&path, at, &disk);
        let first = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).map(Position);
        if path == folder().join("journal.json") {
            self.truth.doubt_ending();
        }
        if let Some(first) = first.filter(|_| records.is_empty()) {
            self.truth.damage_head(first);
        }
        self.trace.event(self.now, None, "a bit of the journal flips", records.start().0, records.len());
        self.trace.say(self.now, || format!("world          byte {at} of {}: {records}", path.display()));
        self.truth.damage(records);
    }

    fn flip_archive(&mut self, seed: u16) {
        let mut dice = fastrand::Rng::with_seed(seed.into());
        let Some((topic, rows)) = self.archive.flip(&mut dice) else { return };
        self.trace.event(self.now, None, "a bit of the archive flips", rows.start().0, rows.len());
        self.trace.say(self.now, || format!("world          rows {rows} of {topic} in the archive"));
    }

    fn flip_checkpoint(&mut self, seed: u16) {
        let Some(place) = self.places.get(&NodeId::Writer) else { return };
        let mut dice = fastrand::Rng::with_seed(seed.into());
        let Some((path, at)) = place.disk.flip(&mut dice, |path| path.starts_with(checkpoints())) else {
            return;
        };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        self.truth.checkpoint_flipped(name);
        self.trace.event(self.now, None, "a bit of a checkpoint flips", 0, 0);
        self.trace.say(self.now, || format!("world          byte {at} of {}", path.display()));
    }
}

/// Side files of the journal that are not there twice just now, because their writer died between the copies or
/// one of them is damaged already: more than one fault at once is more than two copies are for.
fn alone(disk: &SimDisk) -> Vec<PathBuf> {
    let flipped = disk.flipped(&folder());
    let pairs = ["journal.json", "followers.json"]
        .map(|name| [folder().join(name), folder().join(format!("{name}.copy"))]);
    let is_twofold = |[first, second]: &[PathBuf; 2]| {
        disk.pristine(first) == disk.pristine(second) && !flipped.contains(first) && !flipped.contains(second)
    };
    pairs.into_iter().filter(|pair| !is_twofold(pair)).flatten().collect()
}
