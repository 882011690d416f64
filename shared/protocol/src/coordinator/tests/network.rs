//! A simulated log with two ways to a follower, both as bad as asked for, in virtual time.

use super::app::App;
use super::history::{Dice, History};
use crate::{
    Begin, Coordinator, Event, Failure, Health, HeartbeatSchedule, HeartbeatSettings, HeartbeatSlot, Input,
    Output, RequestId, Settings, TruncateReason,
};
use gapless_model::{Epoch, EpochStart, MonoTime, Seq, SeqRange};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const MS: u64 = 1_000_000;

/// How bad it is, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) live_drop: u64,
    pub(super) live_repeat: u64,
    pub(super) live_delay: u64,
    pub(super) reply_lost: u64,
    pub(super) reply_refused: u64,
    pub(super) reply_short: u64,
    pub(super) reply_odd: u64,
    /// Claims to have rows and sends none.
    pub(super) reply_empty: u64,
}

enum Message {
    ToClient { run: u64, input: Input<Vec<u64>> },
    StatusRequest { run: u64, request: RequestId },
    ReplayRequest { run: u64, request: RequestId, range: SeqRange },
}

pub(super) struct World {
    pub(super) now: u64,
    pub(super) dice: Dice,
    pub(super) faults: Faults,
    pub(super) truth: History,
    pub(super) archive: History,
    pub(super) client: Coordinator<Vec<u64>>,
    pub(super) app: App,
    pub(super) events: Vec<(u64, Event)>,
    begin: Begin,
    settings: Settings,
    run: u64,
    live_is_down: bool,
    replay_is_down: bool,
    dropping: u64,
    next_value: u64,
    heartbeats: HeartbeatSchedule,
    slot: HeartbeatSlot,
    queue: BTreeMap<(u64, u64), Message>,
    queued: u64,
    status_out: BTreeSet<RequestId>,
    replay_out: BTreeSet<RequestId>,
}

impl World {
    pub(super) fn new(seed: u64, epoch: u64, begin: Begin, settings: Settings, faults: Faults) -> World {
        let mut heartbeats = HeartbeatSchedule::new(HeartbeatSettings::default());
        let slot = heartbeats.register(MonoTime(0));
        let mut world = World {
            now: 0,
            dice: Dice(seed),
            faults,
            truth: History::new(epoch),
            archive: History::new(epoch),
            client: Coordinator::new(settings.clone(), begin, seed, MonoTime(0)),
            app: App::new(),
            events: Vec::new(),
            begin,
            settings,
            run: 0,
            live_is_down: false,
            replay_is_down: false,
            dropping: 0,
            next_value: 1,
            heartbeats,
            slot,
            queue: BTreeMap::new(),
            queued: 0,
            status_out: BTreeSet::new(),
            replay_out: BTreeSet::new(),
        };
        world.drain();
        world
    }

    pub(super) fn publish(&mut self, rows: u64) {
        for _ in 0..rows {
            self.truth.rows.push(self.next_value);
            self.next_value += 1;
        }
        let (first, last) = (self.truth.latest() + 1 - rows, self.truth.latest());
        let mut dice = self.dice.clone();
        for chunk in self.truth.cut(first, last, &mut dice, true) {
            self.send_live(Input::Live(chunk));
        }
        self.dice = dice;
        self.heartbeats.handle_row(self.slot, MonoTime(self.now));
    }

    /// The archive takes in what it missed, or a part of it.
    pub(super) fn sync_archive(&mut self, percent: u64) {
        let is_same = self.archive.epochs == self.truth.epochs;
        let known = if is_same { self.archive.latest() } else { 0 };
        let target = known + (self.truth.latest().max(known) - known) * percent / 100;
        let mut archive = self.truth.clone();
        archive.rows.truncate(target.max(archive.earliest.saturating_sub(1)) as usize);
        self.archive = archive;
    }

    pub(super) fn trim(&mut self, rows: u64) {
        let both = self.truth.latest().min(self.archive.latest());
        self.truth.earliest = (self.truth.earliest + rows).min(both + 1).max(self.truth.earliest);
        if self.archive.epochs == self.truth.epochs {
            self.archive.earliest = self.truth.earliest;
        }
    }

    /// Power fails and the last rows are lost: a new epoch of the same history.
    pub(super) fn lose_tail(&mut self, rows: u64) {
        let kept = (self.truth.latest().saturating_sub(rows)).max(self.truth.earliest - 1);
        self.truth.rows.truncate(kept as usize);
        let epoch = Epoch(self.truth.epoch().0 + 10);
        self.truth.epochs.push(EpochStart { epoch, first_sequence: Seq(kept + 1) });
    }

    /// The journal is deleted.
    pub(super) fn lose_all(&mut self) {
        self.truth = History::new(self.truth.epoch().0 + 10);
    }

    pub(super) fn restart_client(&mut self) {
        let (epoch, applied) = self.client.applied();
        let has_nothing = self.app.next.is_none() && self.app.resets == 0;
        let begin = if has_nothing { self.begin } else { Begin::Cursor { epoch, applied } };
        self.run += 1;
        self.queue.clear();
        self.status_out.clear();
        self.replay_out.clear();
        self.client = Coordinator::new(self.settings.clone(), begin, self.dice.next(), MonoTime(self.now));
        self.drain();
    }

    pub(super) fn live_down(&mut self, is_down: bool) {
        self.live_is_down = is_down;
        self.tell(if is_down { Input::LinkDown } else { Input::LinkUp });
    }

    pub(super) fn replay_down(&mut self, is_down: bool) {
        self.replay_is_down = is_down;
    }

    pub(super) fn run_for(&mut self, millis: u64) {
        let end = self.now + millis * MS;
        loop {
            let timeout = self.client.poll_timeout().map(|(at, _)| at.0.max(self.now));
            let owed = self.heartbeats.poll_timeout().map(|(at, _)| at.0.max(self.now));
            let message = self.queue.keys().next().map(|(at, _)| (*at).max(self.now));
            let Some(next) = [timeout, owed, message].into_iter().flatten().min().filter(|at| *at <= end)
            else {
                break;
            };
            self.now = next;
            if message == Some(next) {
                let (_, message) = self.queue.pop_first().unwrap();
                self.arrive(message);
            } else if owed == Some(next) {
                if self.heartbeats.poll_output(MonoTime(self.now)).is_some() {
                    let epoch = self.truth.epoch();
                    let next = Seq(self.truth.latest() + 1);
                    self.send_live(Input::Heartbeat { epoch, earliest: Seq::NONE, next });
                }
            } else {
                let before = self.client.poll_timeout();
                self.client.handle_timeout(MonoTime(self.now));
                self.drain();
                assert_ne!(
                    self.client.poll_timeout(),
                    before,
                    "a deadline that does not move spins for ever"
                );
            }
        }
        self.now = end;
    }

    fn arrive(&mut self, message: Message) {
        match message {
            Message::ToClient { run, input } if run == self.run => self.tell(input),
            Message::ToClient { .. } => {}
            Message::StatusRequest { run, request } => self.answer_status(run, request),
            Message::ReplayRequest { run, request, range } => self.answer_rows(run, request, range),
        }
    }

    fn tell(&mut self, input: Input<Vec<u64>>) {
        if let Input::Status { request, .. }
        | Input::Failed { request, .. }
        | Input::Replayed { request, .. } = &input
        {
            self.status_out.remove(request);
            self.replay_out.remove(request);
        }
        self.client.handle_input(input, MonoTime(self.now));
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            self.app.take(&output);
            match output {
                Output::RequestStatus { request } => {
                    self.status_out.insert(request);
                    self.send(self.now + MS, Message::StatusRequest { run: self.run, request });
                }
                Output::RequestReplay { request, range, .. } => {
                    assert!(!range.is_empty());
                    self.replay_out.insert(request);
                    self.send(self.now + MS, Message::ReplayRequest { run: self.run, request, range });
                }
                Output::Abandon { request } => {
                    assert!(self.status_out.remove(&request) | self.replay_out.remove(&request));
                }
                Output::Event(event) => self.events.push((self.now, event)),
                Output::Deliver { .. } => {}
            }
            assert!(self.status_out.len() <= 1 && self.replay_out.len() <= 1, "one request of a kind");
        }
    }

    fn send(&mut self, at: u64, message: Message) {
        self.queued += 1;
        self.queue.insert((at, self.queued), message);
    }

    fn send_live(&mut self, input: Input<Vec<u64>>) {
        if self.dropping == 0 && self.dice.chance(self.faults.live_drop) {
            self.dropping = 1 + self.dice.below(10);
        }
        if self.live_is_down || self.dropping > 0 {
            self.dropping = self.dropping.saturating_sub(1);
            return;
        }
        let run = self.run;
        if self.dice.chance(self.faults.live_repeat) {
            let at = self.now + self.dice.below(50) * MS;
            self.send(at, Message::ToClient { run, input: input.clone() });
        }
        let late = if self.dice.chance(self.faults.live_delay) { self.dice.below(2_000) } else { 0 };
        self.send(self.now + MS / 2 + late * MS, Message::ToClient { run, input });
    }

    fn reply(&mut self, run: u64, input: Input<Vec<u64>>) {
        if self.replay_is_down || self.dice.chance(self.faults.reply_lost) {
            return;
        }
        let late =
            if self.dice.chance(self.faults.reply_odd) { self.dice.below(8_000) } else { self.dice.below(5) };
        self.send(self.now + MS + late * MS, Message::ToClient { run, input });
    }

    fn refusal(&mut self) -> Failure {
        match self.dice.below(4) {
            0 => Failure::Busy { retry_after: Duration::from_millis(self.dice.below(500)) },
            1 => Failure::NoReply,
            2 => Failure::UnknownLog,
            _ => Failure::Refused { code: 503 },
        }
    }

    fn answer_status(&mut self, run: u64, request: RequestId) {
        let input = if self.dice.chance(self.faults.reply_refused) {
            Input::Failed { request, failure: self.refusal() }
        } else {
            Input::Status { request, status: self.archive.status(true) }
        };
        self.reply(run, input);
    }

    fn answer_rows(&mut self, run: u64, request: RequestId, range: SeqRange) {
        if self.dice.chance(self.faults.reply_refused) {
            let failure = self.refusal();
            return self.reply(run, Input::Failed { request, failure });
        }
        let mut first = range.start().0.max(self.archive.earliest);
        let mut last = range.last().0.min(self.archive.latest());
        if self.dice.chance(self.faults.reply_odd) {
            first = first.saturating_sub(self.dice.below(5)).max(self.archive.earliest);
            last = (last + self.dice.below(5)).min(self.archive.latest());
        }
        if self.dice.chance(self.faults.reply_short) {
            last = last.min(first + self.dice.below(6));
        }
        let mut chunks = Vec::new();
        if !self.dice.chance(self.faults.reply_empty) {
            let mut dice = self.dice.clone();
            let is_relabelled = dice.chance(50);
            chunks = self.archive.cut(first, last, &mut dice, is_relabelled);
            self.dice = dice;
        }
        let has_more = last < range.last().0;
        let served = SeqRange::new(Seq(first), Seq(last + 1));
        let status = self.archive.status(false);
        self.reply(run, Input::Replayed { request, status, served, chunks, has_more });
    }

    /// Everything works again, and the follower must end with the truth.
    pub(super) fn heal_and_check(&mut self) {
        let could_lie = self.faults.reply_empty > 0;
        self.faults = Faults::default();
        self.live_down(false);
        self.replay_down(false);
        self.sync_archive(100);
        self.run_for(120_000);
        assert_eq!(self.client.applied(), (self.truth.epoch(), Seq(self.truth.latest())), "it has caught up");
        assert_eq!((self.client.lag(), self.client.open_gaps().count()), (0, 0));
        assert!(matches!(self.client.health(), Health::Subscribed | Health::Receiving));
        assert!(super::rig::gaps_add_up(&self.client));
        let mut expected = self.app.rows.keys().next().copied().unwrap_or(0);
        for (seq, value) in &self.app.rows {
            assert_eq!(*seq, expected, "rows are contiguous");
            expected += 1;
            let truth = self.truth.rows.get(*seq as usize - 1).copied();
            match (value, self.app.truncated.get(seq)) {
                (Some(value), _) => assert_eq!(Some(*value), truth, "row {seq} is what the log says"),
                (None, Some(TruncateReason::Trimmed)) => {
                    assert!(*seq < self.truth.earliest, "row {seq} is there")
                }
                (None, _) => assert!(could_lie, "row {seq} was given up without a reason"),
            }
        }
        if !self.app.rows.is_empty() {
            assert_eq!(expected, self.truth.latest() + 1, "the newest row is there");
        }
    }
}
