//! The dull loop: one thread, two sockets, any number of coordinators.
//!
//! A [`Dialect`] says what the frames mean and how a request is written; everything it wants done comes
//! out as [`Step`]s, so that it needs no socket and no clock. The driver never decides anything about a
//! log: it moves inputs and outputs between sockets, coordinators and the application's channel.

use crate::Clock;
use crate::exchange::{Answer, Asked, Exchange, Question, REPLIES_PER_TURN};
use crate::logs::Logs;
use crossbeam_channel::{Receiver, Sender, TrySendError, select};
use gapless_model::{MonoTime, SeqRange};
use gapless_protocol::{
    Begin, Chunk, Coordinator, Event, Failure, Input, LogStatus, Output, RequestId, Settings, Source,
};
use gapless_transport::{Frame, Sent, Subscriber, TransportError, WakeReceiver, wait_any};
use gapless_wire::Message;
use std::collections::VecDeque;

/// Live messages read per turn, so that replies and timers are never kept waiting for long.
const LIVE_PER_TURN: usize = 256;

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

pub(crate) struct Driver<D: Dialect> {
    pub(crate) dialect: D,
    pub(crate) settings: Settings,
    pub(crate) live: Subscriber,
    pub(crate) exchange: Exchange<D::Question>,
    pub(crate) wake: WakeReceiver,
    pub(crate) out: Sender<D::Event>,
    pub(crate) stop: Receiver<()>,
    pub(crate) clock: Clock,
    pub(crate) logs: Logs<D::Payload>,
    pub(crate) steps: Steps<D>,
    /// Whether the live socket is connected, once that is known.
    pub(crate) link: Option<bool>,
    pub(crate) stopped: bool,
}

impl<D: Dialect> Driver<D> {
    /// Runs until the follower is dropped or a socket fails.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.follow() {
            tracing::error!(%error, "a follower's socket failed: the follower ends");
        }
    }

    fn follow(&mut self) -> Result<(), TransportError> {
        self.dialect.start(self.clock.now(), &mut self.steps);
        self.work()?;
        while !self.is_stopped() {
            let more = self.turn()?;
            self.wait(more)?;
        }
        Ok(())
    }

    /// Priorities: 1 the end, 2 replies, 3 live messages, 4 timers. Replies
    /// and live messages come before timers, since after a long wait for the application they may hold
    /// what a timer would miss.
    fn turn(&mut self) -> Result<bool, TransportError> {
        self.wake.clear();
        let more_replies = self.read_replies()?;
        let more_live = self.read_live()?;
        if !more_live {
            // What came before a loss is read by now, so that it does not look like life after it.
            self.watch_link()?;
        }
        self.run_timers()?;
        Ok(more_replies || more_live)
    }

    fn read_replies(&mut self) -> Result<bool, TransportError> {
        for _ in 0..REPLIES_PER_TURN {
            let now = self.clock.now();
            let Some(Answer { question, envelope }) = self.exchange.receive(now)? else { return Ok(false) };
            match envelope {
                Some(envelope) => self.dialect.answer(question, envelope.message, now, &mut self.steps),
                None => self.fail(question, Failure::Corrupt),
            }
            self.work()?;
        }
        Ok(true)
    }

    fn read_live(&mut self) -> Result<bool, TransportError> {
        for _ in 0..LIVE_PER_TURN {
            if self.stopped {
                return Ok(false);
            }
            let Some(frames) = self.live.try_receive()? else { return Ok(false) };
            self.dialect.hear(&frames, &mut self.steps);
            self.work()?;
        }
        Ok(true)
    }

    fn watch_link(&mut self) -> Result<(), TransportError> {
        let Some(is_up) = self.live.link_change()? else { return Ok(()) };
        self.link = Some(is_up);
        for log in self.logs.numbers() {
            self.steps.push_back(Step::Input { log, input: link_input(is_up) });
        }
        self.work()
    }

    fn run_timers(&mut self) -> Result<(), TransportError> {
        let now = self.clock.now();
        for question in self.exchange.expire(now)? {
            self.fail(question, Failure::NoReply);
        }
        self.work()?;
        while let Some(log) = self.logs.pop_due(now) {
            self.drain(log)?;
            self.work()?;
        }
        if self.dialect.poll_timeout().is_some_and(|due| due <= now) {
            let room = self.out.capacity().unwrap_or(0).saturating_sub(self.out.len());
            self.dialect.handle_timeout(now, &self.logs, room, &mut self.steps);
            self.work()?;
        }
        Ok(())
    }

    fn wait(&mut self, more: bool) -> Result<(), TransportError> {
        if more || self.stopped {
            return Ok(());
        }
        let due = [self.logs.next_due(), self.exchange.next_expiry(), self.dialect.poll_timeout()];
        let timeout = due.into_iter().flatten().min().map(|due| due.since(self.clock.now()));
        let sources = [
            gapless_transport::Source::Subscriber(&self.live),
            gapless_transport::Source::Requester(self.exchange.requester()),
            gapless_transport::Source::Wake(&self.wake),
        ];
        wait_any(sources, timeout).map(drop)
    }

    /// Does all steps, and those that follow from them, in order.
    fn work(&mut self) -> Result<(), TransportError> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                self.step(step)?;
            } else if let Some(question) = self.exchange.next_held() {
                let (log, request) = (question.owner, question.request);
                if !matches!(question.asked, Asked::Own(_)) {
                    self.logs.input(log, Input::Sent { request }, self.clock.now());
                }
                self.send(question)?;
                self.drain(log)?;
            } else {
                return Ok(());
            }
        }
    }

    fn step(&mut self, step: Step<D>) -> Result<(), TransportError> {
        match step {
            Step::Open { log, begin, status } => {
                let now = self.clock.now();
                let coordinator = Coordinator::new(self.settings.clone(), begin, fastrand::u64(..), now);
                self.logs.open(log, coordinator);
                if let Some(is_up) = self.link {
                    self.logs.input(log, link_input(is_up), now);
                }
                if let Some(status) = status {
                    let input = Input::Status { request: RequestId::UNSOLICITED, status };
                    self.logs.input(log, input, now);
                }
                self.drain(log)
            }
            Step::Input { log, input } => {
                self.logs.input(log, input, self.clock.now());
                self.dialect.touched(log);
                self.drain(log)
            }
            Step::Ask(question) => self.ask(question),
            Step::Tell(event) => {
                self.emit(event);
                Ok(())
            }
            Step::Subscribe(topic) => self.live.subscribe(&topic),
        }
    }

    /// One mutation was made: does what the coordinator wants until it wants nothing more.
    fn drain(&mut self, log: u32) -> Result<(), TransportError> {
        while let Some(output) = self.logs.poll_output(log) {
            match output {
                Output::RequestStatus { request } => {
                    self.ask(Question::new(log, request, Asked::Status))?;
                }
                Output::RequestReplay { request, epoch, range } => {
                    self.ask(Question::new(log, request, Asked::Replay { epoch, range }))?;
                }
                Output::Abandon { request } => {
                    for question in self.exchange.abandon(log, request, self.clock.now())? {
                        self.fail(question, Failure::NoReply);
                    }
                }
                Output::Deliver { chunk, wanted, source } => {
                    let event = self.dialect.deliver(log, chunk, wanted, source);
                    self.emit(event);
                }
                Output::Event(event) => {
                    self.dialect.touched(log);
                    if let Some(event) = self.dialect.event(log, event) {
                        self.emit(event);
                    }
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, question: Question<D::Question>) -> Result<(), TransportError> {
        let (log, request) = (question.owner, question.request);
        let of_coordinator = !matches!(question.asked, Asked::Own(_));
        match self.exchange.submit(question) {
            Some(question) => self.send(question),
            None if of_coordinator => {
                self.logs.input(log, Input::Queued { request }, self.clock.now());
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn send(&mut self, mut question: Question<D::Question>) -> Result<(), TransportError> {
        let now = self.clock.now();
        match self.dialect.write(&mut question, now) {
            Ok(message) => {
                if self.exchange.send(question.clone(), &message, now)? == Sent::Full {
                    self.fail(question, Failure::NoReply);
                }
            }
            Err(failure) => {
                self.exchange.cancel(&question);
                self.fail(question, failure);
            }
        }
        Ok(())
    }

    /// A question came to nothing: its owner is told with the next steps.
    fn fail(&mut self, question: Question<D::Question>, failure: Failure) {
        match question.asked {
            Asked::Own(_) => {
                self.dialect.unanswered(question, failure, self.clock.now(), &mut self.steps);
            }
            Asked::Status | Asked::Replay { .. } => {
                let input = Input::Failed { request: question.request, failure };
                self.steps.push_back(Step::Input { log: question.owner, input });
            }
        }
    }

    /// Hands an event over; waits for room, which stops the reading of sockets meanwhile.
    fn emit(&mut self, event: D::Event) {
        let event = match self.out.try_send(event) {
            Ok(()) => return,
            Err(TrySendError::Disconnected(_)) => {
                self.stopped = true;
                return;
            }
            Err(TrySendError::Full(event)) => event,
        };
        if self.stopped {
            return;
        }
        select! {
            send(self.out, event) -> sent => self.stopped = sent.is_err(),
            recv(self.stop) -> _ => self.stopped = true,
        }
    }

    fn is_stopped(&mut self) -> bool {
        use crossbeam_channel::TryRecvError::Disconnected;
        self.stopped = self.stopped || self.stop.try_recv() == Err(Disconnected);
        self.stopped
    }
}

fn link_input<T>(is_up: bool) -> Input<T> {
    if is_up { Input::LinkUp } else { Input::LinkDown }
}
