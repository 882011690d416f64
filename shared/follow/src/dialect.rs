//! What the frames of one kind of log mean, and how a request is written.

use crate::exchange::Question;
use crate::logs::Logs;
use gapless_model::{MonoTime, SeqRange};
use gapless_protocol::{Begin, Chunk, Claim, Event, Failure, Input, LogStatus, Source};
use gapless_transport::Frame;
use gapless_wire::Message;
use std::collections::VecDeque;

/// Something that a dialect wants done.
pub(crate) enum Step<D: Dialect + ?Sized> {
    /// Follow a new log, whose status may be known already.
    Open { log: u32, begin: Begin, status: Option<LogStatus> },
    /// Tell a log's coordinator.
    Input { log: u32, input: Input<D::Payload> },
    /// Ask the replay side.
    Ask(Question<D::Question>),
    /// Tell the application.
    Tell(D::Event),
    /// Subscribe to a topic or a prefix of topics.
    Subscribe(String),
}

/// Steps in the order in which they are to be done.
pub(crate) type Steps<D> = VecDeque<Step<D>>;

/// What the frames of one kind of log mean.
pub(crate) trait Dialect: Send + 'static {
    /// What a chunk carries.
    type Payload: Send;
    /// What a follower of this kind asks for itself.
    type Question: Clone + Send + std::fmt::Debug;
    /// What the application gets.
    type Event: Send;

    /// What a payload says of the running digest, where live chunks are to be compared with it.
    const CLAIM: Option<fn(&Self::Payload, SeqRange) -> Claim>;

    /// Called once, first.
    fn start(&mut self, now: MonoTime, steps: &mut Steps<Self>);
    /// A live message; it has at least one frame.
    fn hear(&mut self, frames: &[Frame], steps: &mut Steps<Self>);
    /// How to ask; `Err` when this server cannot be asked that. Marks how it was asked.
    fn write(&mut self, question: &mut Question<Self::Question>, now: MonoTime) -> Result<Message, Failure>;
    /// The answer to a question.
    fn answer(
        &mut self,
        question: Question<Self::Question>,
        answer: Message,
        now: MonoTime,
        steps: &mut Steps<Self>,
    );
    /// A question of the follower itself came to nothing.
    fn unanswered(
        &mut self,
        question: Question<Self::Question>,
        failure: Failure,
        now: MonoTime,
        steps: &mut Steps<Self>,
    );
    /// Rows to hand over.
    fn deliver(
        &mut self,
        log: u32,
        chunk: Chunk<Self::Payload>,
        wanted: SeqRange,
        source: Source,
    ) -> Self::Event;
    /// Something to tell.
    fn event(&mut self, log: u32, event: Event) -> Option<Self::Event>;
    /// The live connection changed: whoever is at its other end from now on may be another process. Said before what
    /// came over it, and again once that was heard.
    fn interrupted(&mut self, now: MonoTime);
    /// Whether an interruption must be told at once, as nothing else distinguishes what came before and after it.
    fn is_wary(&self) -> bool;
    /// A log was touched.
    fn touched(&mut self, log: u32);
    /// The time of [`Dialect::poll_timeout`] has come. `room` is how many events the application's
    /// channel takes without waiting.
    fn handle_timeout(
        &mut self,
        now: MonoTime,
        logs: &Logs<Self::Payload>,
        room: usize,
        steps: &mut Steps<Self>,
    );
    /// When [`Dialect::handle_timeout`] wants to be called.
    fn poll_timeout(&self) -> Option<MonoTime>;
}
