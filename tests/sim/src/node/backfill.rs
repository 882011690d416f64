//! Backfill: its core, a follower of the journal, and an archive.

mod archive;

pub use archive::{Archive, Contents};

use super::engine::note_log_event;
use super::{Arrived, Io, Out};
use crate::disk::SimDisk;
use crate::net::{Desk, Feed, Socket};
use gapless_backfill::core::{Hot, HotLimits, Input, Intake, Library, Output, SharedHot, Write, answer};
use gapless_follow::JournalEvent;
use gapless_follow::core::{Doing, JournalMachine};
use gapless_model::MonoTime;
use gapless_protocol::{Begin, Event, Settings};
use gapless_transport::Frame;
use gapless_wire::{Limits, decode, encode_message};
use std::collections::VecDeque;
use std::time::Duration;

/// Events of the journal that wait while a write is under way, before its socket is read no more.
const EVENTS: usize = 64;

/// How backfill is set up in one world.
#[derive(Debug, Clone)]
pub struct BackfillSetup {
    /// What is kept in memory.
    pub hot: HotLimits,
    /// How long rows wait for their commit.
    pub commit_every: Duration,
    /// Limits of the coordinator that follows the journal.
    pub follow: Settings,
}

/// The process.
pub struct BackfillNode {
    intake: Intake,
    library: Library<Archive>,
    archive: Archive,
    disk: SimDisk,
    follower: JournalMachine,
    setup: BackfillSetup,
    seed: u64,
    events: VecDeque<JournalEvent>,
    is_ready: bool,
}

impl BackfillNode {
    /// Goes on where the archive is.
    pub fn start(
        setup: &BackfillSetup,
        archive: &Archive,
        disk: SimDisk,
        seed: u64,
        io: &mut Io<'_>,
    ) -> BackfillNode {
        let hot = SharedHot::new(Hot::new(setup.hot.clone()));
        let (position, epoch) = {
            let contents = archive.look();
            (contents.position, contents.epoch)
        };
        let intake = Intake::new(setup.commit_every, hot.clone(), position, epoch);
        let begin = intake.begin();
        let mut node = BackfillNode {
            intake,
            library: Library::new(hot, archive.clone()),
            archive: archive.clone(),
            disk,
            follower: JournalMachine::new("backfill", begin, setup.follow.clone(), seed),
            setup: setup.clone(),
            seed,
            events: VecDeque::new(),
            is_ready: false,
        };
        node.follow(io);
        node
    }

    /// Something arrived.
    pub fn handle(&mut self, arrived: Arrived, io: &mut Io<'_>) {
        match arrived {
            Arrived::Live(_, frames) => {
                let frames: Vec<Frame> = frames.iter().map(|frame| Frame::from(frame.as_slice())).collect();
                self.follower.handle_live(&frames, io.now);
            }
            Arrived::Link(_, is_up) => self.follower.handle_link(is_up, io.now),
            Arrived::Reply(_, bytes) => self.follower.handle_reply(&bytes, io.now),
            Arrived::Request(_, peer, body) => {
                // What cannot be read cannot be answered by name.
                let Ok(envelope) = decode(&body, &Limits::request()) else { return };
                let message = answer(&self.library, envelope.message, self.is_ready, io.wall);
                if let gapless_wire::Message::Error(error) = &message {
                    io.note("refuses rows", u64::from(error.code.0), 0);
                }
                io.out(Out::Answer(Desk::Rows, peer, encode_message(&message, &envelope.correlation_id)));
            }
        }
        self.work(io);
    }

    /// A timer is due.
    pub fn handle_timeout(&mut self, io: &mut Io<'_>) {
        let room = EVENTS.saturating_sub(self.events.len());
        self.follower.handle_timeout(room, io.now);
        self.intake.handle_timeout(io.now);
        self.work(io);
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        let intake = self.intake.poll_timeout().map(|(at, _)| at);
        [intake, self.follower.poll_timeout()].into_iter().flatten().min()
    }

    /// How far it is behind the journal, as it knows.
    pub fn lag(&self) -> u64 {
        self.follower.progress().map_or(u64::MAX, |progress| progress.lag())
    }

    fn follow(&mut self, io: &mut Io<'_>) {
        io.out(Out::Open(Feed::Journal));
        io.out(Out::Renew(Socket::Follow));
        self.follower.start(io.now);
        self.work(io);
    }

    fn work(&mut self, io: &mut Io<'_>) {
        loop {
            self.poll_follower(io);
            self.poll_intake(io);
            if !self.intake.takes_events() {
                return;
            }
            let Some(event) = self.events.pop_front() else { return };
            self.take(event, io);
        }
    }

    fn poll_follower(&mut self, io: &mut Io<'_>) {
        while let Some(doing) = self.follower.poll_output() {
            match doing {
                Doing::Subscribe(topic) => io.out(Out::Subscribe(Feed::Journal, topic)),
                Doing::Send { bytes, .. } => io.out(Out::Ask(Socket::Follow, Desk::Journal, bytes)),
                Doing::Renew => io.out(Out::Renew(Socket::Follow)),
                Doing::Tell(event) => self.events.push_back(event),
            }
        }
    }

    fn take(&mut self, event: JournalEvent, io: &mut Io<'_>) {
        match &event {
            JournalEvent::Record { batch, .. } => {
                io.progress += 1;
                io.truth.check_rows("backfill", batch);
            }
            JournalEvent::Event(event) => {
                note_log_event(event, io.now, io.me, io.trace);
                if let Event::Truncated { range, .. } = event {
                    io.truth.records_given_up("backfill", *range);
                }
            }
            JournalEvent::Watermark { .. } | JournalEvent::Streams(_) => {}
        }
        self.intake.handle_input(Input::Journal(event), io.now);
    }

    fn poll_intake(&mut self, io: &mut Io<'_>) {
        while let Some(output) = self.intake.poll_output() {
            match output {
                Output::Write(write) => self.write(write, io),
                Output::Acknowledge { epoch, position } => self.follower.acknowledge(epoch, position),
                Output::TakeBack { epoch, position } => self.follower.take_back(epoch, position),
                Output::RequestStreams => self.follower.request_streams(),
                Output::FollowAnew(begin) => self.follow_anew(begin, io),
                Output::Ready => self.is_ready = true,
                Output::Behind { .. } | Output::Writable => {}
                Output::Unwritable { reason } => {
                    io.note("cannot write the archive", 0, 0);
                    io.say(|| reason);
                }
                Output::GiveUp { .. } => io.out(Out::Exit),
            }
        }
    }

    fn follow_anew(&mut self, begin: Begin, io: &mut Io<'_>) {
        io.note("follows the journal anew", 0, 0);
        self.seed = self.seed.wrapping_add(1);
        self.events.clear();
        self.follower = JournalMachine::new("backfill", begin, self.setup.follow.clone(), self.seed);
        self.follow(io);
    }

    fn write(&mut self, write: Write, io: &mut Io<'_>) {
        let what = match &write {
            Write::Commit(_) => "commits records",
            Write::Rewind { .. } => "takes rows back",
            Write::Reset { .. } => "begins a new archive",
            Write::SkipTo { .. } => "skips records",
            Write::TakeView { .. } => "takes over the journal's view",
        };
        let input = match self.archive.write(&self.disk, &write) {
            Ok(()) => {
                let contents = self.archive.look();
                let (position, epoch) = (contents.position, contents.epoch);
                io.note(what, position.0, epoch.0);
                Input::Written { position, epoch }
            }
            Err(reason) => Input::Failed { write, reason },
        };
        self.intake.handle_input(input, io.now);
    }
}
