//! The journal's frames and requests.

use super::JournalEvent;
use super::reply;
use crate::Progress;
use crate::dialect::{Dialect, Step, Steps};
use crate::exchange::{Asked, Question};
use crate::logs::Logs;
use crate::refusal::failure;
use gapless_model::{Batch, Epoch, MonoTime, Position, Seq, SeqRange};
use gapless_protocol::{Begin, Chunk, Claim, Event, Failure, Input, LogStatus, RequestId, Source};
use gapless_transport::Frame;
use gapless_wire::{
    JournalReadRequest, JournalRecord, JournalStatusRequest, JournalStatusResponse, Limits, Message, decode,
    topic,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often an acknowledgement is told: retention works in minutes.
const ACKNOWLEDGE_EVERY: Duration = Duration::from_secs(1);
/// How often one is told again that did not change: the journal takes a follower that it does not hear of
/// for a day as gone.
const ACKNOWLEDGE_AGAIN: Duration = Duration::from_secs(60);
/// Bytes of records in one answer: some thousand small ones, and never long on the wire.
const READ_BYTES: u32 = 2 << 20;
/// There is one log.
const LOG: u32 = 0;

/// What a follower of the journal asks for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That its acknowledgement be noted.
    Acknowledge,
    /// The sequencer's view of every stream.
    Streams,
}

/// Up to where records are safe with the application, and in which history that position is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Acknowledged {
    epoch: Epoch,
    position: Position,
}

/// What the application's side and the driver share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    acknowledged: Mutex<Acknowledged>,
    streams_wanted: AtomicBool,
    progress: Mutex<Option<Progress>>,
}

impl Shared {
    /// Within one epoch the furthest counts; another epoch's position is another record's.
    pub(crate) fn acknowledge(&self, epoch: Epoch, position: Position) {
        let mut held = self.held();
        let before = if held.epoch == epoch { held.position } else { Position::NONE };
        *held = Acknowledged { epoch, position: position.max(before) };
    }

    pub(crate) fn take_back(&self, epoch: Epoch, position: Position) {
        let mut held = self.held();
        *held = Acknowledged { epoch, position: position.min(held.position) };
    }

    fn acknowledged(&self) -> Acknowledged {
        *self.held()
    }

    fn held(&self) -> MutexGuard<'_, Acknowledged> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn want_streams(&self) {
        self.streams_wanted.store(true, Ordering::SeqCst);
    }

    pub(crate) fn progress(&self) -> Option<Progress> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One record as it came.
pub(crate) struct Payload {
    pub(crate) record: JournalRecord,
    pub(crate) batch: Batch,
}

pub(crate) struct JournalDialect {
    partition: u32,
    topic: String,
    follower_id: String,
    begin: Begin,
    shared: Arc<Shared>,
    /// (epoch, earliest, latest) as last told.
    watermark: Option<(Epoch, Position, Position)>,
    /// The same as last heard, when its epoch is not the one that is followed yet: what was handed over so
    /// far may be taken back, and nobody shall put the new epoch on it.
    held: Option<(Epoch, Position, Position)>,
    /// The epoch that is followed, as of the last look or of what was handed over since; unstated before
    /// there is one.
    followed: Epoch,
    /// `None`: not told, or not known to have arrived.
    acknowledged_told: Option<Acknowledged>,
    next_acknowledge: MonoTime,
    acknowledge_again: MonoTime,
    next_tick: MonoTime,
    own_requests: u64,
}

impl JournalDialect {
    pub(crate) fn new(partition: u32, follower_id: String, begin: Begin, shared: Arc<Shared>) -> Self {
        let followed = match begin {
            Begin::Cursor { epoch, applied } => {
                shared.acknowledge(epoch, Position(applied.0));
                epoch
            }
            Begin::Earliest | Begin::Latest | Begin::At(_) => Epoch::UNSTATED,
        };
        JournalDialect {
            partition,
            topic: topic::journal(partition),
            follower_id,
            begin,
            shared,
            watermark: None,
            held: None,
            followed,
            acknowledged_told: Some(Acknowledged::default()),
            next_acknowledge: MonoTime(0),
            acknowledge_again: MonoTime(0),
            next_tick: MonoTime(0),
            own_requests: 0,
        }
    }

    fn wish(&mut self, wish: Wish, steps: &mut Steps<Self>) {
        self.own_requests += 1;
        // Coordinators count their requests from 1, so the other end of the numbers is free.
        let request = RequestId(u64::MAX - self.own_requests);
        steps.push_back(Step::Ask(Question::new(LOG, request, Asked::Own(wish))));
    }

    /// Tells the application when the journal's own word about itself changed.
    fn heard_watermark(
        &mut self,
        epoch: Epoch,
        earliest: Position,
        latest: Position,
        steps: &mut Steps<Self>,
    ) {
        let news = (epoch, earliest, latest);
        let is_followed = !self.followed.is_stated() || self.followed == epoch;
        self.held = (!is_followed).then_some(news);
        if is_followed && self.watermark != Some(news) {
            self.watermark = Some(news);
            steps.push_back(Step::Tell(JournalEvent::Watermark { epoch, earliest, latest }));
        }
    }

    /// Looks which epoch is followed by now, and tells what was held back for it.
    fn look_at_epoch(&mut self, logs: &Logs<Payload>, steps: &mut Steps<Self>) {
        self.followed = logs.progress(LOG).map_or(Epoch::UNSTATED, |progress| progress.epoch);
        if let Some((epoch, earliest, latest)) = self.held {
            self.heard_watermark(epoch, earliest, latest, steps);
        }
    }

    fn status(&mut self, request: RequestId, status: JournalStatusResponse, steps: &mut Steps<Self>) {
        self.heard_watermark(status.epoch, status.earliest, status.latest, steps);
        let status = LogStatus {
            epoch: status.epoch,
            earliest: Seq(status.earliest.0),
            latest: Seq(status.latest.0),
            epochs: status.epochs,
        };
        steps.push_back(Step::Input { log: LOG, input: Input::Status { request, status } });
    }

    fn hear_frame(&mut self, frame: &Frame, steps: &mut Steps<Self>) {
        match reply::record(frame, self.partition) {
            Ok(chunk) => steps.push_back(Step::Input { log: LOG, input: Input::Live(chunk) }),
            Err(error) => match decode(frame, &Limits::live()).map(|envelope| envelope.message) {
                Ok(Message::JournalStatusResponse(status)) => {
                    self.heard_watermark(status.epoch, status.earliest, status.latest, steps);
                    let input = Input::Heartbeat {
                        epoch: status.epoch,
                        earliest: Seq(status.earliest.0),
                        next: Seq(status.latest.0).next(),
                    };
                    steps.push_back(Step::Input { log: LOG, input });
                }
                Ok(_) | Err(_) => tracing::warn!(%error, "a frame of the journal cannot be read"),
            },
        }
    }
}

impl Dialect for JournalDialect {
    type Payload = Payload;
    type Question = Wish;
    type Event = JournalEvent;
    /// Records have checksums of their own.
    const CLAIM: Option<fn(&Payload, SeqRange) -> Claim> = None;

    fn start(&mut self, now: MonoTime, steps: &mut Steps<Self>) {
        self.next_tick = now;
        self.next_acknowledge = now.after(ACKNOWLEDGE_EVERY);
        self.acknowledge_again = now.after(ACKNOWLEDGE_AGAIN);
        steps.push_back(Step::Subscribe(self.topic.clone()));
        steps.push_back(Step::Open { log: LOG, begin: self.begin, status: None });
    }

    fn hear(&mut self, frames: &[Frame], steps: &mut Steps<Self>) {
        let Some((topic, records)) = frames.split_first() else { return };
        if **topic != *self.topic.as_bytes() {
            return;
        }
        for frame in records {
            self.hear_frame(frame, steps);
        }
    }

    fn write(&mut self, question: &mut Question<Wish>, _: MonoTime) -> Result<Message, Failure> {
        let Acknowledged { epoch: acknowledged_epoch, position: acknowledged } = self.shared.acknowledged();
        let (partition, follower_id) = (self.partition, self.follower_id.clone());
        Ok(match &question.asked {
            Asked::Replay { range, .. } => Message::JournalReadRequest(JournalReadRequest {
                partition,
                from: Position(range.start().0),
                max_bytes: READ_BYTES,
                follower_id,
                acknowledged,
                acknowledged_epoch,
            }),
            Asked::Status | Asked::Own(Wish::Acknowledge | Wish::Streams) => {
                let with_streams = question.asked == Asked::Own(Wish::Streams);
                Message::JournalStatusRequest(JournalStatusRequest {
                    partition,
                    follower_id,
                    acknowledged,
                    with_streams,
                    acknowledged_epoch,
                })
            }
        })
    }

    fn answer(&mut self, question: Question<Wish>, answer: Message, _: MonoTime, steps: &mut Steps<Self>) {
        let request = question.request;
        let failed = |failure| Step::Input { log: LOG, input: Input::Failed { request, failure } };
        match (question.asked, answer) {
            (Asked::Status, Message::JournalStatusResponse(status)) => self.status(request, status, steps),
            (Asked::Replay { range, .. }, Message::JournalReadResponse(read)) => {
                self.heard_watermark(read.epoch, read.earliest, read.latest, steps);
                steps.push_back(match reply::replayed(request, range, &read, self.partition) {
                    Ok(input) => Step::Input { log: LOG, input },
                    Err(failure) => failed(failure),
                });
            }
            (Asked::Own(Wish::Acknowledge), Message::JournalStatusResponse(status)) => {
                self.status(RequestId::UNSOLICITED, status, steps);
            }
            (Asked::Own(Wish::Streams), Message::JournalStatusResponse(status)) => {
                steps.push_back(Step::Tell(JournalEvent::Streams(status)));
            }
            (Asked::Own(Wish::Streams), _) => self.shared.want_streams(),
            (Asked::Own(Wish::Acknowledge), _) => {}
            (Asked::Status | Asked::Replay { .. }, Message::Error(error)) => {
                steps.push_back(failed(failure(&error)));
            }
            (Asked::Status | Asked::Replay { .. }, _) => steps.push_back(failed(Failure::Corrupt)),
        }
    }

    /// An acknowledgement is told again with the next one; streams are wanted until they come.
    fn unanswered(&mut self, question: Question<Wish>, _: Failure, _: MonoTime, _: &mut Steps<Self>) {
        match question.asked {
            Asked::Own(Wish::Streams) => self.shared.want_streams(),
            Asked::Own(Wish::Acknowledge) => self.acknowledged_told = None,
            Asked::Status | Asked::Replay { .. } => {}
        }
    }

    fn deliver(&mut self, _: u32, chunk: Chunk<Payload>, _: SeqRange, source: Source) -> JournalEvent {
        self.followed = chunk.epoch;
        let Payload { record, batch } = chunk.payload;
        JournalEvent::Record { record, batch, epoch: chunk.epoch, source }
    }

    fn event(&mut self, _: u32, event: Event) -> Option<JournalEvent> {
        if let Event::Rewind { to, .. } | Event::Reset { to, .. } = &event {
            self.followed = *to;
        }
        Some(JournalEvent::Event(event))
    }

    fn interrupted(&mut self, _: MonoTime) {}

    fn is_wary(&self) -> bool {
        false
    }

    fn touched(&mut self, _: u32) {}

    fn handle_timeout(&mut self, now: MonoTime, logs: &Logs<Payload>, _: usize, steps: &mut Steps<Self>) {
        self.next_tick = now.after(TICK);
        self.look_at_epoch(logs, steps);
        let progress = logs.progress(LOG);
        *self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        if self.shared.streams_wanted.swap(false, Ordering::SeqCst) {
            self.wish(Wish::Streams, steps);
        }
        let acknowledged = self.shared.acknowledged();
        let news = self.acknowledged_told != Some(acknowledged) || now >= self.acknowledge_again;
        if news && !self.follower_id.is_empty() && now >= self.next_acknowledge {
            self.next_acknowledge = now.after(ACKNOWLEDGE_EVERY);
            self.acknowledge_again = now.after(ACKNOWLEDGE_AGAIN);
            self.acknowledged_told = Some(acknowledged);
            self.wish(Wish::Acknowledge, steps);
        }
    }

    fn poll_timeout(&self) -> Option<MonoTime> {
        Some(self.next_tick)
    }
}
