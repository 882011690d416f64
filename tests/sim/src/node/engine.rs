//! The live engine: its core, a follower of the journal, the feed and the producer of derived rows.

use super::writer::is_flipped;
use super::{Arrived, Io, Out, checkpoints};
use crate::disk::SimDisk;
use crate::net::{Desk, Feed, Socket};
use crate::trace::Trace;
use gapless_follow::JournalEvent;
use gapless_follow::core::{Doing, JournalMachine};
use gapless_live_engine::core::{
    Beginning, Engine, History, Limits as EngineLimits, Reply, Restart, Rule, Shelf, StreamIndex, answer,
};
use gapless_model::{Batch, Epoch, MonoTime, Position, StreamKey, Watermark};
use gapless_protocol::{Begin, Event, HeartbeatSchedule, HeartbeatSettings, HeartbeatSlot, Settings};
use gapless_transport::Frame;
use gapless_wire::{
    ErrorCode, IngestBatch, JournalRecord, Limits, Message, WatermarkBatch, decode, encode_message, topic,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// As the service does.
const CHANGED_EVERY: Duration = Duration::from_millis(250);
const ALL_EVERY: u32 = 4;

/// How the engine is set up in one world.
#[derive(Debug, Clone)]
pub struct EngineSetup {
    /// What it derives.
    pub rules: Vec<Rule>,
    /// Limits of the coordinator that follows the journal.
    pub follow: Settings,
    /// When a part of its state is full, in bytes: little, so that there are several.
    pub part_bytes: usize,
}

/// The process.
pub struct EngineNode {
    engine: Engine,
    history: History,
    /// Where its checkpoints lie, if there are any.
    disk: Option<SimDisk>,
    shelf: Shelf,
    follower: JournalMachine,
    setup: EngineSetup,
    seed: u64,
    heartbeats: HeartbeatSchedule,
    slots: BTreeMap<HeartbeatSlot, StreamIndex>,
    by_stream: BTreeMap<StreamIndex, HeartbeatSlot>,
    changed: Vec<StreamIndex>,
    tick_at: MonoTime,
    ticks: u32,
    /// Records were given up: what follows need not fit what came before.
    has_holes: bool,
    /// It has everything since the journal's first record.
    is_whole: bool,
}

/// What every engine of every world may hold.
pub fn limits() -> EngineLimits {
    EngineLimits { window_rows: 16, max_streams: 100 }
}

impl EngineNode {
    /// Begins from the newest checkpoint on `disk`, if there is one, and follows the journal.
    ///
    /// # Errors
    /// When the folder of the checkpoints cannot be used.
    pub fn start(
        setup: &EngineSetup,
        disk: Option<SimDisk>,
        seed: u64,
        io: &mut Io<'_>,
    ) -> Result<EngineNode, String> {
        let folder = if disk.is_some() { checkpoints() } else { PathBuf::new() };
        let history = History::open(Arc::new(disk.clone().unwrap_or_default()), &folder);
        let history = history.map_err(|error| error.to_string())?;
        let mut node = EngineNode {
            engine: Engine::new(&limits(), &setup.rules, None),
            history,
            disk,
            shelf: Shelf::new(setup.part_bytes),
            follower: JournalMachine::new("live-engine", Begin::Earliest, setup.follow.clone(), seed),
            setup: setup.clone(),
            seed,
            heartbeats: HeartbeatSchedule::new(HeartbeatSettings::default()),
            slots: BTreeMap::new(),
            by_stream: BTreeMap::new(),
            changed: Vec::new(),
            tick_at: io.now,
            ticks: 0,
            has_holes: false,
            is_whole: true,
        };
        if let Some(disk) = &node.disk {
            io.truth.checkpoints_are_there(disk);
        }
        let beginning = node.history.begin(&limits(), &node.setup.rules, Restart::Fresh, None);
        node.begin(beginning, io);
        Ok(node)
    }

    /// Something arrived.
    pub fn handle(&mut self, arrived: Arrived, io: &mut Io<'_>) {
        match arrived {
            Arrived::Live(_, frames) => {
                let frames: Vec<Frame> = frames.iter().map(|frame| Frame::from(frame.as_slice())).collect();
                self.follower.handle_live(&frames, io.now);
            }
            Arrived::Link(_, is_up) => self.follower.handle_link(is_up, io.now),
            Arrived::Reply(Socket::Follow, bytes) => self.follower.handle_reply(&bytes, io.now),
            Arrived::Reply(_, bytes) => self.derived_answered(&bytes, io),
            Arrived::Request(_, peer, body) => {
                let (reply, _) = answer(&self.engine, &mut self.shelf, &body, io.now);
                self.note_given(&reply, io);
                io.out(Out::Answer(Desk::State, peer, reply));
            }
        }
        self.work(io);
    }

    /// A timer is due.
    pub fn handle_timeout(&mut self, io: &mut Io<'_>) {
        self.follower.handle_timeout(usize::MAX, io.now);
        let unanswered = self.engine.outbox_mut().handle_timeout(io.now);
        if unanswered > 0 {
            io.note("sends derived rows again", unanswered as u64, 0);
            io.out(Out::Renew(Socket::Send));
        }
        self.work(io);
        if self.engine.is_live() {
            self.beat(io);
        }
        if self.tick_at <= io.now {
            self.tick_at = io.now.after(CHANGED_EVERY);
            self.tick(io);
        }
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        let beat = self.heartbeats.poll_timeout().map(|(at, _)| at).filter(|_| self.engine.is_live());
        let outbox = self.engine.outbox().poll_timeout();
        [self.follower.poll_timeout(), outbox, beat, Some(self.tick_at)].into_iter().flatten().min()
    }

    /// The engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How far it is behind the journal, as it knows.
    pub fn lag(&self) -> u64 {
        self.follower.progress().map_or(u64::MAX, |progress| progress.lag())
    }

    fn work(&mut self, io: &mut Io<'_>) {
        while let Some(doing) = self.follower.poll_output() {
            match doing {
                Doing::Subscribe(topic) => io.out(Out::Subscribe(Feed::Journal, topic)),
                Doing::Send { bytes, .. } => io.out(Out::Ask(Socket::Follow, Desk::Journal, bytes)),
                Doing::Renew => io.out(Out::Renew(Socket::Follow)),
                Doing::Tell(event) => self.handle_event(event, io),
            }
        }
        while let Some(send) = self.engine.outbox_mut().poll_send(io.now) {
            let message = Message::IngestBatch(IngestBatch {
                producer_id: gapless_live_engine::core::PRODUCER_ID.to_owned(),
                producer_sequence: send.producer_sequence,
                previous_producer_sequence: send.previous_producer_sequence,
                batch: encode_message(&Message::Batch(send.batch), ""),
                ack_may_wait: false,
            });
            io.note("sends derived rows", send.producer_sequence, 0);
            io.out(Out::Ask(Socket::Send, Desk::Ingest, encode_message(&message, &send.id.to_string())));
        }
    }

    fn follow(&mut self, io: &mut Io<'_>) {
        io.out(Out::Open(Feed::Journal));
        io.out(Out::Renew(Socket::Follow));
        self.follower.start(io.now);
        self.work(io);
    }

    fn handle_event(&mut self, event: JournalEvent, io: &mut Io<'_>) {
        let was_live = self.engine.is_live();
        match event {
            JournalEvent::Record { record, batch, epoch, .. } => self.record(epoch, record, &batch, io),
            JournalEvent::Watermark { epoch, earliest, latest } => {
                self.engine.handle_watermark(epoch, earliest, latest);
            }
            JournalEvent::Event(event) => self.handle_log_event(event, io),
            JournalEvent::Streams(view) => self.engine.handle_view(view),
        }
        for stream in self.engine.poll_opened() {
            io.note("opens a stream without records", 0, 0);
            self.open(stream, io.now);
        }
        if self.engine.poll_view() {
            self.follower.request_streams();
        }
        if !was_live && self.engine.is_live() {
            io.note("goes live", self.engine.state().position().0, self.engine.state().len() as u64);
            self.go_live(io.now);
        }
    }

    fn record(&mut self, epoch: Epoch, record: JournalRecord, batch: &Batch, io: &mut Io<'_>) {
        io.progress += 1;
        io.truth.check_rows("engine", batch);
        if self.engine.state().position() == Position::NONE && record.position != Position::FIRST {
            self.lacks_records(io);
        }
        let Some(folded) = self.engine.handle_record(epoch, &record, batch) else { return };
        if let Some(mismatch) = &folded.mismatch {
            let excused = self.has_holes;
            io.truth
                .require(excused, "digests agree", || format!("engine at {}: {mismatch}", record.position));
        }
        if !folded.publish {
            return;
        }
        if folded.is_new {
            self.open(folded.stream, io.now);
        }
        if let Some(slot) = self.by_stream.get(&folded.stream) {
            self.heartbeats.handle_row(*slot, io.now);
        }
        self.changed.push(folded.stream);
        io.out(Out::Publish(Feed::Live, vec![batch.key.topic().into_bytes(), record.batch]));
    }

    fn handle_log_event(&mut self, event: Event, io: &mut Io<'_>) {
        note_log_event(&event, io.now, io.me, io.trace);
        match event {
            Event::Rewind { .. } | Event::Reset { .. } => {
                if let Some(why) = Restart::of(&event) {
                    self.restart(why, io);
                }
            }
            Event::Truncated { range, .. } => {
                self.has_holes = true;
                io.truth.records_given_up("engine", range);
                io.truth.engine_lacks(range);
                self.lacks_records(io);
                self.engine.handle_truncated(Position(range.last().0));
            }
            Event::CaughtUp { .. } => self.engine.handle_caught_up(),
            Event::Health(_) | Event::GapOpened(_) | Event::GapHealed(_) | Event::GapVoid(_) => {}
        }
    }

    /// As the service does: state is never patched, it is read again.
    fn restart(&mut self, why: Restart, io: &mut Io<'_>) {
        self.seed = self.seed.wrapping_add(1);
        let beginning = self.history.begin(&limits(), &self.setup.rules, why, Some(&self.engine));
        self.shelf.clear();
        self.forget_streams();
        self.begin(beginning, io);
    }

    fn begin(&mut self, beginning: Beginning, io: &mut Io<'_>) {
        (self.has_holes, self.is_whole) = (false, true);
        for passed_over in &beginning.passed_over {
            io.note("passes over a damaged checkpoint", 0, 0);
            let is_damaged = self.disk.as_ref().is_some_and(|disk| is_flipped(disk, &passed_over.file));
            io.truth.require(is_damaged, "only what is damaged is passed over", || {
                format!("{}: {}", passed_over.file.display(), passed_over.reason)
            });
        }
        io.truth.require(beginning.unreadable.is_none(), "checkpoints can be looked at", || {
            beginning.unreadable.as_ref().map(ToString::to_string).unwrap_or_default()
        });
        self.engine = beginning.engine;
        if let Some(checkpoint) = &beginning.checkpoint {
            let header = checkpoint.header();
            io.note("begins from a checkpoint", header.position.0, header.epoch.0);
            self.is_whole = io.truth.engine_restored(&self.engine, header);
            self.has_holes = !self.is_whole;
        }
        let settings = self.setup.follow.clone();
        self.follower = JournalMachine::new("live-engine", beginning.begin, settings, self.seed);
        self.follow(io);
    }

    /// What it publishes from now on may lack bars.
    fn lacks_records(&mut self, io: &mut Io<'_>) {
        self.is_whole = false;
        io.truth.engine_has_holes();
    }

    /// The first part of a state: what the engine was then.
    fn note_given(&mut self, reply: &[u8], io: &mut Io<'_>) {
        match decode(reply, &Limits::reply()).map(|envelope| envelope.message) {
            Ok(Message::CheckpointResponse(given)) if given.position == self.engine.state().position() => {
                io.truth.engine_frozen(&self.engine, self.is_whole);
            }
            Ok(Message::Error(error)) => io.note("refuses its state", u64::from(error.code.0), 0),
            _ => {}
        }
    }

    fn forget_streams(&mut self) {
        self.heartbeats = HeartbeatSchedule::new(HeartbeatSettings::default());
        self.slots.clear();
        self.by_stream.clear();
        self.changed.clear();
    }

    fn go_live(&mut self, now: MonoTime) {
        self.forget_streams();
        let streams: Vec<StreamIndex> = self.engine.state().iter().map(|(stream, _)| stream).collect();
        streams.into_iter().for_each(|stream| self.open(stream, now));
        (self.tick_at, self.ticks) = (now, 0);
    }

    fn open(&mut self, stream: StreamIndex, now: MonoTime) {
        let slot = self.heartbeats.register(now);
        self.slots.insert(slot, stream);
        self.by_stream.insert(stream, slot);
    }

    fn beat(&mut self, io: &mut Io<'_>) {
        let state = self.engine.state();
        while let Some(slot) = self.heartbeats.poll_output(io.now) {
            let Some(stream) = self.slots.get(&slot).and_then(|stream| state.get(*stream)) else { continue };
            let batch = stream.watermark_batch(state.epoch(), io.wall.0 * 1000);
            let frames = vec![stream.topic.as_bytes().to_vec(), encode_message(&Message::Batch(batch), "")];
            io.outs.push(Out::Publish(Feed::Live, frames));
        }
    }

    fn tick(&mut self, io: &mut Io<'_>) {
        if !self.engine.is_live() {
            return;
        }
        if let Some(position) = self.engine.needs_after() {
            self.follower.acknowledge(self.engine.state().epoch(), position);
        }
        self.shelf.expire(io.now);
        let state = self.engine.state();
        let mut changed = std::mem::take(&mut self.changed);
        if self.ticks.is_multiple_of(ALL_EVERY) {
            changed = state.iter().map(|(stream, _)| stream).collect();
        }
        self.ticks = self.ticks.wrapping_add(1);
        changed.sort_unstable();
        changed.dedup();
        let marks = changed.iter().filter_map(|stream| state.get(*stream));
        let watermarks: Vec<(StreamKey, Watermark)> =
            marks.map(|stream| (stream.key.clone(), state.watermark(stream))).collect();
        for (key, mark) in &watermarks {
            io.truth.check_watermark("engine", key, mark);
        }
        if !watermarks.is_empty() {
            let message = Message::WatermarkBatch(WatermarkBatch { watermarks, server_time: io.wall });
            let frames = vec![topic::WATERMARKS.into(), encode_message(&message, "")];
            io.out(Out::Publish(Feed::Live, frames));
        }
    }

    fn derived_answered(&mut self, bytes: &[u8], io: &mut Io<'_>) {
        let Ok(envelope) = decode(bytes, &Limits::reply()) else { return };
        let Ok(id) = envelope.correlation_id.parse() else { return };
        let passes = [ErrorCode::BUSY, ErrorCode::INTERNAL, ErrorCode::NOT_READY, ErrorCode::NO_SPACE];
        let reply = match envelope.message {
            Message::IngestAck(_) => Reply::Accepted,
            Message::IngestNack(nack) if nack.error.code == ErrorCode::CONFLICT => {
                Reply::Conflict { expected_previous: nack.expected_previous }
            }
            Message::IngestNack(nack) if passes.contains(&nack.error.code) => {
                Reply::Later { after: Duration::from_millis(nack.error.retry_after_ms.into()) }
            }
            Message::IngestNack(nack) => Reply::Refused { code: nack.error.code.0 },
            _ => return,
        };
        let refused = matches!(reply, Reply::Refused { .. });
        io.truth.require(!refused, "derived rows are taken", || format!("{reply:?}"));
        self.engine.outbox_mut().handle_reply(id, reply, io.now);
    }
}

/// Notes what a follower of the journal or of a stream was told.
pub(super) fn note_log_event(event: &Event, now: MonoTime, me: crate::net::NodeId, trace: &mut Trace) {
    let (what, a, b) = match event {
        Event::GapOpened(gap) => ("finds a gap", gap.range.start().0, gap.range.len()),
        Event::GapHealed(gap) => ("has healed a gap", gap.range.start().0, gap.range.len()),
        Event::GapVoid(gap) => ("has a gap made void", gap.range.start().0, gap.range.len()),
        Event::Truncated { range, .. } => ("is told of a truncation", range.start().0, range.len()),
        Event::Rewind { keep, to, .. } => ("is told of a rewind", keep.0, to.0),
        Event::Reset { from, to } => ("is told of a reset", from.0, to.0),
        Event::CaughtUp { at } => ("has caught up", at.0, 0),
        Event::Health(health) => {
            trace.event(now, Some(me), health_tag(*health), 0, 0);
            return;
        }
    };
    trace.event(now, Some(me), what, a, b);
    trace.say(now, || format!("{:<12}   {event:?}", me.to_string()));
}

fn health_tag(health: gapless_protocol::Health) -> &'static str {
    use gapless_protocol::Health;
    match health {
        Health::Disconnected => "is disconnected",
        Health::Connecting => "is connecting",
        Health::Subscribed => "is subscribed",
        Health::Receiving => "is receiving",
        Health::Backfilling => "is backfilling",
        Health::Stalled => "is stalled",
    }
}
