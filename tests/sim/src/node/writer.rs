//! The snapshot writer's checkpoints: fetched from the engine, kept in a folder, told to the journal.
//!
//! The fetching, the folder and the schedule are the real ones. The service asks and waits on a thread of
//! its own; here each question is an event and its answer another one, in the same order.

use super::{Arrived, Io, Out};
use crate::disk::SimDisk;
use crate::net::{Desk, Feed, Socket};
use gapless::EngineCheckpoint;
use gapless::core::Fetch;
use gapless_checkpoint::CheckpointFolder;
use gapless_follow::core::{Doing, StreamMachine};
use gapless_follow::{Select, StreamBegin, StreamEvent};
use gapless_model::{Epoch, MonoTime, Position};
use gapless_protocol::{Begin, Settings};
use gapless_snapshot_writer::core::{Keeper, Schedule};
use gapless_transport::Frame;
use gapless_wire::{
    ErrorCode, JournalStatusRequest, JournalStatusResponse, Limits, Message, decode, encode_message,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// As the service does.
const PATIENCE: Duration = Duration::from_secs(2);
const HEARD_EVERY: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(250);
const BUSY_WAIT: Duration = Duration::from_millis(100);
/// Its name for the journal.
pub(super) const FOLLOWER: &str = "checkpoint";

/// How checkpoints are kept in one world.
#[derive(Debug, Clone)]
pub struct WriterSetup {
    /// The interval.
    pub every: Duration,
    /// Rows after which one is taken early; 0: never because of them.
    pub rows: u64,
    /// How many are kept.
    pub keep: usize,
    /// Limits of the coordinators that count rows.
    pub follow: Settings,
}

/// What is under way.
#[derive(Debug)]
enum Work {
    Nothing,
    Fetch(Fetch),
    /// The journal's state is asked for.
    Status,
    /// The journal is told.
    Tell {
        latest: Position,
    },
}

/// A question that waits for its answer.
#[derive(Debug)]
struct Question {
    id: u64,
    desk: Desk,
    message: Message,
    until: MonoTime,
    ask_again: Option<MonoTime>,
}

/// The process.
pub struct WriterNode {
    keeper: Keeper,
    disk: SimDisk,
    schedule: Schedule,
    /// Counts rows, where they matter.
    follower: Option<StreamMachine>,
    rows: u64,
    /// Rows when the checkpoint under way was begun.
    rows_then: u64,
    work: Work,
    question: Option<Question>,
    last_id: u64,
    is_commanded: bool,
    heard_at: MonoTime,
    look_at: MonoTime,
}

/// The folder of checkpoints on the writer's disk.
pub fn checkpoints() -> PathBuf {
    PathBuf::from("/checkpoints")
}

impl WriterNode {
    /// Looks at what an earlier writer left.
    ///
    /// # Errors
    /// When the folder cannot be looked at.
    pub fn start(
        setup: &WriterSetup,
        disk: SimDisk,
        seed: u64,
        io: &mut Io<'_>,
    ) -> Result<WriterNode, String> {
        let folder = CheckpointFolder::open(Arc::new(disk.clone()), Path::new("/checkpoints"));
        let mut keeper = Keeper::new(folder.map_err(|error| error.to_string())?, setup.keep);
        let damaged = keeper.look().map_err(|error| error.to_string())?;
        for skipped in &damaged {
            io.note("finds a damaged checkpoint", 0, 0);
            io.truth.require(is_flipped(&disk, &skipped.path), "only what is damaged is passed over", || {
                format!("{}: {}", skipped.path.display(), skipped.damage)
            });
        }
        io.truth.checkpoints_are_there(&disk);
        let begin = Box::new(|_: &_| StreamBegin::Log(Begin::Earliest));
        let select = Select::Prefixes(vec![String::new()]);
        let follower =
            (setup.rows > 0).then(|| StreamMachine::new(select, begin, setup.follow.clone(), 2, 100, seed));
        let mut node = WriterNode {
            keeper,
            disk,
            schedule: Schedule::new(setup.every, setup.rows, false, io.now),
            follower,
            rows: 0,
            rows_then: 0,
            work: Work::Nothing,
            question: None,
            last_id: 0,
            is_commanded: false,
            heard_at: io.now,
            look_at: io.now,
        };
        if let Some(follower) = &mut node.follower {
            io.out(Out::Open(Feed::Live));
            io.out(Out::Renew(Socket::Follow));
            follower.start(io.now);
        }
        node.count_rows(io);
        Ok(node)
    }

    /// A person wants a checkpoint.
    pub fn command(&mut self, io: &mut Io<'_>) {
        self.is_commanded = true;
        self.begin(io);
    }

    /// Something arrived.
    pub fn handle(&mut self, arrived: Arrived, io: &mut Io<'_>) {
        match arrived {
            Arrived::Reply(Socket::Follow, bytes) => {
                self.follower.iter_mut().for_each(|follower| follower.handle_reply(&bytes, io.now));
            }
            Arrived::Reply(_, bytes) => self.answered(&bytes, io),
            Arrived::Live(_, frames) => {
                let frames: Vec<Frame> = frames.iter().map(|frame| Frame::from(frame.as_slice())).collect();
                self.follower.iter_mut().for_each(|follower| follower.handle_live(&frames, io.now));
            }
            Arrived::Link(_, is_up) => {
                self.follower.iter_mut().for_each(|follower| follower.handle_link(is_up, io.now));
            }
            Arrived::Request(..) => {}
        }
        self.count_rows(io);
    }

    /// A timer is due.
    pub fn handle_timeout(&mut self, io: &mut Io<'_>) {
        self.follower.iter_mut().for_each(|follower| follower.handle_timeout(usize::MAX, io.now));
        self.count_rows(io);
        if self.question.as_ref().is_some_and(|question| question.until <= io.now) {
            io.out(Out::Renew(Socket::Ask));
            self.fail("nobody answered", io);
        }
        if self.question.as_ref().and_then(|question| question.ask_again).is_some_and(|at| at <= io.now) {
            self.ask_again(io);
        }
        if self.look_at <= io.now {
            self.look_at = io.now.after(LOOK_EVERY);
            self.begin(io);
        }
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        let question = self.question.as_ref();
        let until = question.map(|question| question.until);
        let again = question.and_then(|question| question.ask_again);
        let follower = self.follower.as_ref().and_then(StreamMachine::poll_timeout);
        [until, again, follower, Some(self.look_at)].into_iter().flatten().min()
    }

    /// The next thing, when nothing is under way.
    fn begin(&mut self, io: &mut Io<'_>) {
        if !matches!(self.work, Work::Nothing) {
            return;
        }
        let is_due = self.schedule.due(self.rows, 0, io.now);
        if let Some(why) = is_due.or(self.is_commanded.then_some("command")) {
            io.say(|| format!("takes a checkpoint: {why}"));
            self.is_commanded = false;
            self.rows_then = self.rows;
            self.fetch(Fetch::default(), io);
        } else if self.heard_at <= io.now {
            self.acknowledge(io);
        }
    }

    fn fetch(&mut self, fetch: Fetch, io: &mut Io<'_>) {
        let question = Message::CheckpointRequest(fetch.question());
        self.work = Work::Fetch(fetch);
        self.ask(Desk::State, question, io);
    }

    /// The engine has let go of the state under way.
    fn fetch_again(&mut self, mut fetch: Fetch, io: &mut Io<'_>) {
        if fetch.begin_again() {
            io.note("fetches another state", 0, 0);
            return self.fetch(fetch, io);
        }
        self.work = Work::Fetch(fetch);
        self.fail("the state always goes away", io);
    }

    fn acknowledge(&mut self, io: &mut Io<'_>) {
        self.heard_at = io.now.after(HEARD_EVERY);
        self.work = Work::Status;
        self.ask_journal("", Epoch::UNSTATED, Position::NONE, io);
    }

    fn ask_journal(&mut self, follower: &str, epoch: Epoch, acknowledged: Position, io: &mut Io<'_>) {
        let question = JournalStatusRequest {
            partition: 0,
            follower_id: follower.to_owned(),
            acknowledged,
            acknowledged_epoch: epoch,
            with_streams: false,
        };
        self.ask(Desk::Journal, Message::JournalStatusRequest(question), io);
    }

    fn ask(&mut self, desk: Desk, message: Message, io: &mut Io<'_>) {
        self.last_id += 1;
        let bytes = encode_message(&message, &self.last_id.to_string());
        let until = io.now.after(PATIENCE);
        self.question = Some(Question { id: self.last_id, desk, message, until, ask_again: None });
        io.out(Out::Ask(Socket::Ask, desk, bytes));
    }

    /// The same once more: the server was busy.
    fn ask_again(&mut self, io: &mut Io<'_>) {
        let Some(Question { desk, message, until, .. }) = self.question.take() else { return };
        self.ask(desk, message, io);
        if let Some(question) = &mut self.question {
            question.until = until;
        }
    }

    fn answered(&mut self, bytes: &[u8], io: &mut Io<'_>) {
        let Ok(envelope) = decode(bytes, &Limits::reply()) else { return };
        let is_awaited = |question: &Question| envelope.correlation_id == question.id.to_string();
        let Some(question) = self.question.take_if(|question| is_awaited(question)) else { return };
        match (std::mem::replace(&mut self.work, Work::Nothing), envelope.message) {
            (work, Message::Error(error)) if matches!(error.code, ErrorCode::BUSY | ErrorCode::NOT_READY) => {
                let wait = Duration::from_millis(error.retry_after_ms.into()).max(BUSY_WAIT);
                self.work = work;
                if io.now.after(wait) >= question.until {
                    return self.fail("it is too busy", io);
                }
                self.question = Some(Question { ask_again: Some(io.now.after(wait)), ..question });
            }
            (Work::Fetch(fetch), Message::Error(error)) if error.code == ErrorCode::TRIMMED => {
                self.fetch_again(fetch, io);
            }
            (Work::Fetch(mut fetch), Message::CheckpointResponse(response)) => match fetch.take(response) {
                Ok(None) => {
                    io.progress += 1;
                    io.note("fetches the next part", 0, 0);
                    self.fetch(fetch, io);
                }
                Ok(Some(checkpoint)) => self.store(checkpoint, io),
                Err(error) => {
                    io.truth.violate("parts of one state belong together", || error.to_string());
                }
            },
            (Work::Status, Message::JournalStatusResponse(status)) => self.tell(&status, io),
            (Work::Tell { latest }, Message::JournalStatusResponse(_)) => {
                let have = self.keeper.newest().map_or(Position::NONE, |header| header.position);
                self.schedule.heard(latest != have);
            }
            (work, _) => {
                self.work = work;
                self.fail("it was refused", io);
            }
        }
    }

    fn store(&mut self, checkpoint: EngineCheckpoint, io: &mut Io<'_>) {
        let stored = self.keeper.store(checkpoint);
        if let Err(reason) = &stored {
            io.note("cannot write a checkpoint", 0, 0);
            io.say(|| reason.clone());
        }
        self.schedule.taken(self.rows_then, 0, io.now, stored.is_ok());
        if let Ok(kept) = stored {
            io.note("writes a checkpoint", kept.header.position.0, kept.header.epoch.0);
            if !kept.removed.is_empty() {
                io.note("removes old checkpoints", kept.removed.len() as u64, 0);
            }
            io.truth.checkpoint_kept(&kept);
            self.acknowledge(io);
        }
        if !self.disk.is_ended() {
            io.truth.checkpoints_are_there(&self.disk);
        }
    }

    fn tell(&mut self, status: &JournalStatusResponse, io: &mut Io<'_>) {
        let position = self.keeper.acknowledged(status);
        io.note("tells of its checkpoints", position.0, 0);
        io.truth.checkpoint_acknowledged(position, status.epoch, &self.disk);
        self.work = Work::Tell { latest: status.latest };
        self.ask_journal(FOLLOWER, status.epoch, position, io);
    }

    /// What was under way came to nothing.
    fn fail(&mut self, reason: &'static str, io: &mut Io<'_>) {
        self.question = None;
        if let Work::Fetch(_) = std::mem::replace(&mut self.work, Work::Nothing) {
            io.note("cannot fetch a state", 0, 0);
            io.say(|| reason.to_owned());
            self.schedule.taken(self.rows_then, 0, io.now, false);
        }
    }

    fn count_rows(&mut self, io: &mut Io<'_>) {
        let Some(follower) = &mut self.follower else { return };
        while let Some(doing) = follower.poll_output() {
            match doing {
                Doing::Subscribe(topic) => io.out(Out::Subscribe(Feed::Live, topic)),
                Doing::Send { bytes, .. } => io.out(Out::Ask(Socket::Follow, Desk::Rows, bytes)),
                Doing::Renew => io.out(Out::Renew(Socket::Follow)),
                Doing::Tell(StreamEvent::Batch { batch, .. }) => {
                    self.rows += batch.rows.len() as u64;
                    io.progress += batch.rows.len() as u64;
                }
                Doing::Tell(_) => {}
            }
        }
    }
}

/// Whether a file holds a bit that flipped.
pub(super) fn is_flipped(disk: &SimDisk, path: &Path) -> bool {
    disk.flipped(&checkpoints()).iter().any(|flipped| flipped == path)
}
