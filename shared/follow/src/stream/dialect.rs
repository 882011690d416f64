//! The frames and requests of streams, and how streams are found.
//!
//! Streams are found in three ways: they were named, a page of the directory (5557) lists them, or the
//! live feed speaks of them. Any one suffices, so neither side has to be up first.

use super::directory::Directory;
use super::server::Server;
use super::{BeginWith, Select, StreamBegin, StreamEvent, reply, request};
use crate::dialect::{Dialect, Step, Steps};
use crate::exchange::{Asked, Question};
use crate::logs::Logs;
use crate::refusal::failure;
use gapless_model::{
    Batch, Digest, Epoch, Kind, MonoTime, Seq, SeqRange, StreamKey, StreamStatus, UnixNanos, Watermark,
};
use gapless_protocol::{
    Begin, Chunk, Claim, Continuity, Event, Failure, Input, LogStatus, RequestId, Source,
};
use gapless_transport::Frame;
use gapless_wire::{
    ErrorCode, ErrorResponse, Limits, ListStreamsResponse, Message, decode, decode_batch, topic,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often progress is told and own questions are asked again.
const TICK: Duration = Duration::from_millis(250);
/// How often the directory is read: `watermarks` tells of new streams sooner whenever the engine is up.
const LIST_EVERY: Duration = Duration::from_secs(10);
/// How soon the directory is asked again when nobody answered.
const LIST_AGAIN: Duration = Duration::from_secs(1);
/// Owner of the questions that concern no stream.
const NOBODY: u32 = u32::MAX;

/// What a follower of streams asks for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A page of the directory: topics with this beginning, after that topic.
    Page { prefix: String, after: String },
    /// The first row of a stream that is not older than this.
    FirstSince(UnixNanos),
    /// The row of that number, which proves which history is told.
    Proof { seq: Seq, round: u64 },
}

pub(crate) struct StreamDialect {
    pub(super) directory: Directory,
    begin: BeginWith,
    server: Server,
    /// Streams whose server has to prove its history and was not asked, or not answered.
    pub(super) doubtful: BTreeSet<u32>,
    /// Whether rows of a server without epochs were ever handed over.
    pub(super) is_wary: bool,
    /// Streams whose beginning is a time that has to be asked for (again).
    unresolved: BTreeSet<(u32, UnixNanos)>,
    /// When the directory is read next; `None` while a page is awaited or it is of no use.
    next_list: Option<MonoTime>,
    next_tick: MonoTime,
    own_requests: u64,
}

impl StreamDialect {
    pub(crate) fn new(select: Select, begin: BeginWith, max_streams: usize) -> StreamDialect {
        StreamDialect {
            directory: Directory::new(select, max_streams),
            begin,
            server: Server::Unknown,
            doubtful: BTreeSet::new(),
            is_wary: false,
            unresolved: BTreeSet::new(),
            next_list: None,
            next_tick: MonoTime(0),
            own_requests: 0,
        }
    }

    pub(super) fn wish(&mut self, owner: u32, wish: Wish, steps: &mut Steps<Self>) {
        self.own_requests += 1;
        // Coordinators count their requests from 1, so the other end of the numbers is free.
        let request = RequestId(u64::MAX - self.own_requests);
        steps.push_back(Step::Ask(Question::new(owner, request, Asked::Own(wish))));
    }

    /// Begins to follow a stream.
    fn open(&mut self, key: StreamKey, status: Option<LogStatus>, steps: &mut Steps<Self>) -> Option<u32> {
        let log = self.directory.add(key.clone())?;
        let begin = (self.begin)(&key);
        steps.push_back(Step::Tell(StreamEvent::Stream { key }));
        match begin {
            StreamBegin::Log(begin) => {
                if let Begin::Cursor { epoch: Epoch::UNSTATED, applied } = begin {
                    self.resume(log, applied, None);
                }
                steps.push_back(Step::Open { log, begin, status });
            }
            StreamBegin::After { applied, digest } => {
                self.resume(log, applied, Some(digest));
                let begin = Begin::Cursor { epoch: Epoch::UNSTATED, applied };
                steps.push_back(Step::Open { log, begin, status });
            }
            StreamBegin::Time(ts) => self.wish(log, Wish::FirstSince(ts), steps),
        }
        Some(log)
    }

    /// Goes on after a row of a server without epochs, which may have begun anew since.
    fn resume(&mut self, log: u32, applied: Seq, digest: Option<Digest>) {
        let Some(stream) = self.directory.get_mut(log) else { return };
        if stream.key.kind() == Kind::Candles {
            stream.continuity = Continuity::resume(applied, digest);
            self.doubtful.insert(log);
            self.is_wary = true;
        }
    }

    /// The followed stream with this topic; one that is wanted and new is opened.
    fn find(&mut self, topic: &[u8], steps: &mut Steps<Self>) -> Option<u32> {
        if let Some(log) = self.directory.find(topic) {
            return Some(log);
        }
        let topic = std::str::from_utf8(topic).ok().filter(|topic| self.directory.wants(topic))?;
        let key: StreamKey = topic.parse().ok()?;
        self.open(key, None, steps)
    }

    fn hear_batch(&mut self, topic: &[u8], bytes: &[u8], steps: &mut Steps<Self>) {
        let Some(log) = self.find(topic, steps) else { return };
        let batch = match decode_batch(bytes, &Limits::live()) {
            Ok(batch) => batch,
            Err(error) => return tracing::warn!(%error, log, "a live batch cannot be read"),
        };
        if self.directory.get(log).is_none_or(|stream| stream.key != batch.key) {
            return tracing::warn!(found = %batch.key, log, "a live batch on the topic of another stream");
        }
        if !self.admits(log, &batch, steps) {
            return;
        }
        let input = if batch.rows.is_empty() {
            Input::Heartbeat { epoch: batch.epoch, earliest: batch.earliest, next: batch.start }
        } else {
            Input::Live(reply::chunk(batch))
        };
        steps.push_back(Step::Input { log, input });
    }

    fn hear_watermarks(&mut self, bytes: &[u8], steps: &mut Steps<Self>) {
        match decode(bytes, &Limits::live()).map(|envelope| envelope.message) {
            Ok(Message::WatermarkBatch(batch)) => {
                for (key, watermark) in batch.watermarks {
                    self.hear_watermark(&key, watermark, steps);
                }
            }
            Ok(_) => tracing::warn!("something else on the topic watermarks"),
            Err(error) => tracing::warn!(%error, "watermarks cannot be read"),
        }
    }

    fn hear_watermark(&mut self, key: &StreamKey, watermark: Watermark, steps: &mut Steps<Self>) {
        let Some(log) = self.find(key.shared_topic().as_bytes(), steps) else { return };
        let Watermark { epoch, earliest, latest, .. } = watermark;
        let input = Input::Heartbeat { epoch, earliest, next: latest.next() };
        steps.push_back(Step::Input { log, input });
    }

    fn listed(
        &mut self,
        asked: Asked<Wish>,
        page: ListStreamsResponse,
        now: MonoTime,
        steps: &mut Steps<Self>,
    ) {
        let last = page.streams.last().map(|status| status.key.topic());
        for status in page.streams {
            self.listed_one(status, steps);
        }
        match (last, asked) {
            (Some(after), Asked::Own(Wish::Page { prefix, .. })) if page.has_more => {
                self.wish(NOBODY, Wish::Page { prefix, after }, steps);
            }
            _ => self.next_list = Some(now.after(LIST_EVERY)),
        }
    }

    fn listed_one(&mut self, status: StreamStatus, steps: &mut Steps<Self>) {
        let topic = status.key.topic();
        let key = status.key.clone();
        let status = reply::log_status(status);
        match self.directory.find(topic.as_bytes()) {
            Some(log) => {
                let input = Input::Status { request: RequestId::UNSOLICITED, status };
                steps.push_back(Step::Input { log, input });
            }
            None if self.directory.wants(&topic) => {
                self.open(key, Some(status), steps);
            }
            None => {}
        }
    }

    /// The first row at or after a time is known: the stream begins there.
    fn resolved(&mut self, log: u32, begin: Begin, steps: &mut Steps<Self>) {
        steps.push_back(Step::Open { log, begin, status: None });
    }

    /// An old server does not know version 2: whether to ask again in version 1.
    fn falls_back(&mut self, question: &Question<Wish>, error: &ErrorResponse, now: MonoTime) -> bool {
        let old = matches!(error.code, ErrorCode::VERSION | ErrorCode::MALFORMED);
        let stream = self.directory.get(question.owner);
        let candles = stream.is_some_and(|stream| stream.key.kind() == Kind::Candles);
        let falls_back = old && candles && !question.version1;
        if falls_back {
            self.server.refused(now);
        }
        falls_back
    }

    fn refused(
        &mut self,
        question: Question<Wish>,
        error: &ErrorResponse,
        now: MonoTime,
        steps: &mut Steps<Self>,
    ) {
        let falls_back = self.falls_back(&question, error, now);
        let log = question.owner;
        match (&question.asked, error.code) {
            (Asked::Status | Asked::Replay { .. }, _) if falls_back => steps.push_back(Step::Ask(question)),
            (Asked::Status | Asked::Replay { .. }, _) => {
                let input = Input::Failed { request: question.request, failure: failure(error) };
                steps.push_back(Step::Input { log, input });
            }
            (Asked::Own(Wish::FirstSince(_)), ErrorCode::UNKNOWN_STREAM) => {
                self.resolved(log, Begin::Earliest, steps);
            }
            (Asked::Own(Wish::FirstSince(_)), _) if falls_back => {
                tracing::warn!(log, "the replay side cannot find a time: beginning at its oldest row");
                self.resolved(log, Begin::Earliest, steps);
            }
            (Asked::Own(_), _) => self.unanswered(question, failure(error), now, steps),
        }
    }

    fn tell_progress(&mut self, logs: &Logs<Batch>, room: usize, steps: &mut Steps<Self>) {
        // Half the room stays for rows.
        for _ in 0..room / 2 {
            let Some(log) = self.directory.take_marked() else { return };
            let Some(progress) = logs.progress(log) else { continue };
            let Some(stream) = self.directory.get_mut(log) else { continue };
            let same = |told: crate::Progress| {
                crate::Progress { last_sign_of_life: progress.last_sign_of_life, ..told } == progress
            };
            if !stream.told.is_some_and(same) {
                stream.told = Some(progress);
                steps.push_back(Step::Tell(StreamEvent::Progress { key: stream.key.clone(), progress }));
            }
        }
    }
}

impl Dialect for StreamDialect {
    type Payload = Batch;
    type Question = Wish;
    type Event = StreamEvent;
    const CLAIM: Option<fn(&Batch, SeqRange) -> Claim> = Some(reply::claim);

    fn start(&mut self, now: MonoTime, steps: &mut Steps<Self>) {
        self.next_tick = now;
        match self.directory.select().clone() {
            Select::Prefixes(prefixes) => {
                steps.push_back(Step::Subscribe(topic::WATERMARKS.into()));
                steps.extend(prefixes.into_iter().map(Step::Subscribe));
                self.next_list = Some(now);
            }
            Select::Topics(keys) => {
                if keys.len() > 1 {
                    steps.push_back(Step::Subscribe(topic::WATERMARKS.into()));
                }
                for key in keys {
                    if self.directory.find(key.topic().as_bytes()).is_none() {
                        steps.push_back(Step::Subscribe(key.topic()));
                        self.open(key, None, steps);
                    }
                }
            }
        }
    }

    fn hear(&mut self, frames: &[Frame], steps: &mut Steps<Self>) {
        // Frames after the second are of a later version and tolerated.
        match frames {
            [topic, bytes, ..] if **topic == *topic::WATERMARKS.as_bytes() => {
                self.hear_watermarks(bytes, steps);
            }
            [topic, bytes, ..] => self.hear_batch(topic, bytes, steps),
            [_] | [] => tracing::warn!("a live message of one frame"),
        }
    }

    fn write(&mut self, question: &mut Question<Wish>, now: MonoTime) -> Result<Message, Failure> {
        question.version1 = false;
        if let Asked::Own(Wish::Page { prefix, after }) = &question.asked {
            return Ok(request::page(prefix, after));
        }
        let stream = self.directory.get_mut(question.owner).ok_or(Failure::UnknownLog)?;
        match &question.asked {
            Asked::Status => {
                question.version1 = self.server.asks_status_in_version1(stream, now);
                request::status(&stream.key, question.version1)
            }
            Asked::Replay { epoch, range } => {
                question.version1 = self.server.serves_in_version1();
                let begin = if question.version1 { stream.continuity.overlap(*range) } else { range.start() };
                let range = SeqRange::new(begin, range.end());
                request::replay(&stream.key, *epoch, range, question.version1)
            }
            Asked::Own(Wish::FirstSince(ts)) => Ok(request::first_since(&stream.key, *ts)),
            Asked::Own(Wish::Proof { seq, .. }) => {
                question.version1 = true;
                Ok(request::row(&stream.key, *seq))
            }
            Asked::Own(Wish::Page { .. }) => Err(Failure::UnknownLog),
        }
    }

    fn answer(&mut self, question: Question<Wish>, answer: Message, now: MonoTime, steps: &mut Steps<Self>) {
        let (log, request) = (question.owner, question.request);
        let Some(stream) = self.directory.get_mut(log) else {
            return match answer {
                Message::ListStreamsResponse(page) => {
                    self.server = Server::Version2;
                    self.listed(question.asked, page, now, steps);
                }
                Message::Error(error) => self.refused(question, &error, now, steps),
                _ => self.unanswered(question, Failure::Corrupt, now, steps),
            };
        };
        let input = match (&question.asked, answer) {
            (_, Message::Error(error)) => return self.refused(question, &error, now, steps),
            (Asked::Status, Message::GetCursorResponse(status)) if status.key == stream.key => {
                self.server.answered_in_version1(status.watermark.epoch, now);
                if status.watermark.epoch.is_stated() {
                    // It can say more: where its epochs began.
                    return steps.push_back(Step::Ask(question));
                }
                stream.latest = status.watermark.latest;
                // The end of another history is not the end of this one.
                match stream.continuity.is_in_doubt() {
                    true => Err(Failure::NoReply),
                    false => Ok(Input::Status { request, status: reply::log_status(status) }),
                }
            }
            (Asked::Status, Message::StreamStatusResponse(status)) if status.key == stream.key => {
                self.server = Server::Version2;
                stream.latest = status.watermark.latest;
                Ok(Input::Status { request, status: reply::log_status(status) })
            }
            (Asked::Replay { .. }, Message::BackfillResponse(response)) => {
                self.server = Server::Version2;
                reply::replayed(request, &stream.key, &response)
            }
            (Asked::Replay { range, .. }, Message::BackfillCandlesResponse(response)) => {
                self.replayed_candles(&question, *range, response)
            }
            (Asked::Own(Wish::Proof { seq, round }), Message::BackfillCandlesResponse(response)) => {
                return self.proven(log, (*seq, *round), &response, steps);
            }
            (Asked::Own(Wish::FirstSince(_)), Message::BackfillResponse(response)) => {
                let served = response.served_to >= response.served_from;
                let first = if served { response.served_from } else { response.latest.next() };
                return self.resolved(log, Begin::At(first), steps);
            }
            (Asked::Own(_), _) => return self.unanswered(question, Failure::Corrupt, now, steps),
            (Asked::Status | Asked::Replay { .. }, _) => Err(Failure::Corrupt),
        };
        let input = input.unwrap_or_else(|failure| Input::Failed { request, failure });
        steps.push_back(Step::Input { log, input });
    }

    fn unanswered(&mut self, question: Question<Wish>, _: Failure, now: MonoTime, _: &mut Steps<Self>) {
        match question.asked {
            Asked::Own(Wish::Page { .. }) => self.next_list = Some(now.after(LIST_AGAIN)),
            Asked::Own(Wish::FirstSince(ts)) => {
                self.unresolved.insert((question.owner, ts));
            }
            Asked::Own(Wish::Proof { round, .. }) => self.unproven(question.owner, round),
            Asked::Status | Asked::Replay { .. } => {}
        }
    }

    fn deliver(&mut self, log: u32, chunk: Chunk<Batch>, wanted: SeqRange, source: Source) -> StreamEvent {
        let event = StreamEvent::Batch { batch: chunk.payload.cut(wanted), epoch: chunk.epoch, source };
        self.handed_over(log, &event);
        event
    }

    fn event(&mut self, log: u32, event: Event) -> Option<StreamEvent> {
        let stream = self.directory.get_mut(log)?;
        if matches!(event, Event::Reset { .. } | Event::Rewind { .. }) {
            stream.continuity.forget();
        }
        Some(StreamEvent::Event { key: stream.key.clone(), event })
    }

    fn interrupted(&mut self, now: MonoTime) {
        self.doubt_all();
        if !self.doubtful.is_empty() {
            self.next_tick = now;
        }
    }

    fn is_wary(&self) -> bool {
        self.is_wary
    }

    fn touched(&mut self, log: u32) {
        self.directory.mark(log);
    }

    fn handle_timeout(&mut self, now: MonoTime, logs: &Logs<Batch>, room: usize, steps: &mut Steps<Self>) {
        self.next_tick = now.after(TICK);
        self.tell_progress(logs, room, steps);
        for (log, ts) in std::mem::take(&mut self.unresolved) {
            self.wish(log, Wish::FirstSince(ts), steps);
        }
        for log in std::mem::take(&mut self.doubtful) {
            self.ask_for_proof(log, steps);
        }
        if self.next_list.is_some_and(|due| due <= now) {
            self.next_list = None;
            if let Select::Prefixes(prefixes) = self.directory.select().clone() {
                for prefix in prefixes {
                    self.wish(NOBODY, Wish::Page { prefix, after: String::new() }, steps);
                }
            }
        }
    }

    fn poll_timeout(&self) -> Option<MonoTime> {
        Some(self.next_tick)
    }
}
