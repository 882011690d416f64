//! The follower without its sockets: frames and time in, frames and events out.
//!
//! A [`Dialect`] says what the frames mean and how a request is written; everything it wants done comes
//! out as [`Step`]s. The machine never decides anything about a log: it moves inputs and outputs between
//! frames, coordinators and the application, and keeps the requests that are under way.

use crate::dialect::{Dialect, Step, Steps};
use crate::exchange::{Answer, Asked, Exchange, Question};
use crate::logs::Logs;
use gapless_model::MonoTime;
use gapless_protocol::{Begin, Coordinator, Failure, Input, Output, RequestId, Settings};
use gapless_transport::{Frame, Reach};
use std::collections::VecDeque;

/// Something for the driver to do, in the order in which it is polled.
#[derive(Debug)]
pub enum Doing<E> {
    /// Subscribe to a topic or a prefix of topics.
    Subscribe(String),
    /// Send a request. When it cannot be sent, say so with `handle_unsent`.
    Send {
        /// Its name for that.
        flight: u64,
        /// The request.
        bytes: Vec<u8>,
    },
    /// Replace the connection for requests: this one gives no answers.
    Renew,
    /// Tell the application.
    Tell(E),
}

/// Follows the logs of one kind; poll its outputs until `None` after each call.
pub(crate) struct Machine<D: Dialect> {
    dialect: D,
    settings: Settings,
    exchange: Exchange<D::Question>,
    logs: Logs<D::Payload>,
    steps: Steps<D>,
    outputs: VecDeque<Doing<D::Event>>,
    /// Whether the live socket is connected, once that is known.
    link: Option<bool>,
    /// Where the jitter of the coordinators comes from.
    seeds: fastrand::Rng,
    now: MonoTime,
}

impl<D: Dialect> Machine<D> {
    /// A machine with at most `requests` of them in flight.
    pub(crate) fn new(dialect: D, settings: Settings, requests: usize, seed: u64) -> Machine<D> {
        Machine {
            dialect,
            exchange: Exchange::new(requests, settings.request_timeout),
            settings,
            logs: Logs::new(),
            steps: Steps::new(),
            outputs: VecDeque::new(),
            link: None,
            seeds: fastrand::Rng::with_seed(seed),
            now: MonoTime(0),
        }
    }

    /// Called once, first.
    pub(crate) fn start(&mut self, now: MonoTime) {
        self.now = now;
        self.dialect.start(now, &mut self.steps);
        self.work();
    }

    /// A reply came.
    pub(crate) fn handle_reply(&mut self, reply: &[u8], now: MonoTime) {
        self.now = now;
        let Some(Answer { question, envelope }) = self.exchange.take(reply, now) else { return };
        match envelope {
            Some(envelope) => self.dialect.answer(question, envelope.message, now, &mut self.steps),
            None => self.fail(question, Failure::Corrupt),
        }
        self.work();
    }

    /// A live message came; it has at least one frame.
    pub(crate) fn handle_live(&mut self, frames: &[Frame], now: MonoTime) {
        self.now = now;
        self.dialect.hear(frames, &mut self.steps);
        self.work();
    }

    /// Whether [`Machine::handle_interruption`] is to be called before the messages that came meanwhile.
    pub(crate) fn is_wary(&self) -> bool {
        self.dialect.is_wary()
    }

    /// The live connection changed; [`Machine::handle_link`] follows when what came before was heard.
    pub(crate) fn handle_interruption(&mut self, now: MonoTime) {
        self.now = now;
        self.dialect.interrupted(now);
    }

    /// The live socket has or has lost its connection.
    pub(crate) fn handle_link(&mut self, is_up: bool, now: MonoTime) {
        self.now = now;
        self.link = Some(is_up);
        self.dialect.interrupted(now);
        for log in self.logs.numbers() {
            self.steps.push_back(Step::Input { log, input: link_input(is_up) });
        }
        self.work();
    }

    /// The connection for requests broke, or is back after it was away.
    pub(crate) fn handle_reach(&mut self, reach: Reach, now: MonoTime) {
        self.now = now;
        match reach {
            Reach::Lost => {
                for question in self.exchange.lose() {
                    self.fail(question, Failure::NoReply);
                }
            }
            Reach::Back => {
                for log in self.logs.numbers() {
                    self.steps.push_back(Step::Input { log, input: Input::ReplayBack });
                }
            }
        }
        self.work();
    }

    /// A request could not be sent: too many wait for the server.
    pub(crate) fn handle_unsent(&mut self, flight: u64, now: MonoTime) {
        self.now = now;
        if let Some(question) = self.exchange.unsent(flight) {
            self.fail(question, Failure::NoReply);
        }
        self.work();
    }

    /// The time of [`Machine::poll_timeout`] has come; harmless when called early. `room` is how many
    /// events the application takes without waiting.
    pub(crate) fn handle_timeout(&mut self, room: usize, now: MonoTime) {
        self.now = now;
        let lost = self.exchange.expire(now);
        self.lose(lost);
        self.work();
        while let Some(log) = self.logs.pop_due(now) {
            self.drain(log);
            self.work();
        }
        if self.dialect.poll_timeout().is_some_and(|due| due <= now) {
            self.dialect.handle_timeout(now, &self.logs, room, &mut self.steps);
            self.work();
        }
    }

    /// When [`Machine::handle_timeout`] wants to be called.
    pub(crate) fn poll_timeout(&self) -> Option<MonoTime> {
        let due = [self.logs.next_due(), self.exchange.next_expiry(), self.dialect.poll_timeout()];
        due.into_iter().flatten().min()
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self) -> Option<Doing<D::Event>> {
        self.outputs.pop_front()
    }

    /// The coordinators, to look at.
    pub(crate) fn logs(&self) -> &Logs<D::Payload> {
        &self.logs
    }

    /// Does all steps, and those that follow from them, in order.
    fn work(&mut self) {
        loop {
            if let Some(step) = self.steps.pop_front() {
                self.step(step);
            } else if let Some(question) = self.exchange.next_held() {
                let (log, request) = (question.owner, question.request);
                if !matches!(question.asked, Asked::Own(_)) {
                    self.logs.input(log, Input::Sent { request }, self.now);
                }
                self.send(question);
                self.drain(log);
            } else {
                return;
            }
        }
    }

    fn step(&mut self, step: Step<D>) {
        match step {
            Step::Open { log, begin, status } => {
                let coordinator = self.coordinator(begin);
                self.logs.open(log, coordinator);
                if let Some(is_up) = self.link {
                    self.logs.input(log, link_input(is_up), self.now);
                }
                if let Some(status) = status {
                    let input = Input::Status { request: RequestId::UNSOLICITED, status };
                    self.logs.input(log, input, self.now);
                }
                self.drain(log);
            }
            Step::Input { log, input } => {
                self.logs.input(log, input, self.now);
                self.dialect.touched(log);
                self.drain(log);
            }
            Step::Ask(question) => self.ask(question),
            Step::Tell(event) => self.outputs.push_back(Doing::Tell(event)),
            Step::Subscribe(topic) => self.outputs.push_back(Doing::Subscribe(topic)),
        }
    }

    fn coordinator(&mut self, begin: Begin) -> Coordinator<D::Payload> {
        let new = Coordinator::new(self.settings.clone(), begin, self.seeds.u64(..), self.now);
        match D::CLAIM {
            Some(claim) => new.comparing(claim),
            None => new,
        }
    }

    /// One mutation was made: does what the coordinator wants until it wants nothing more.
    fn drain(&mut self, log: u32) {
        while let Some(output) = self.logs.poll_output(log) {
            match output {
                Output::RequestStatus { request } => self.ask(Question::new(log, request, Asked::Status)),
                Output::RequestReplay { request, epoch, range } => {
                    self.ask(Question::new(log, request, Asked::Replay { epoch, range }));
                }
                Output::Abandon { request } => {
                    let lost = self.exchange.abandon(log, request, self.now);
                    self.lose(lost);
                }
                Output::Deliver { chunk, wanted, source } => {
                    let event = self.dialect.deliver(log, chunk, wanted, source);
                    self.outputs.push_back(Doing::Tell(event));
                }
                Output::Event(event) => {
                    self.dialect.touched(log);
                    self.outputs.extend(self.dialect.event(log, event).map(Doing::Tell));
                }
            }
        }
    }

    fn ask(&mut self, question: Question<D::Question>) {
        let (log, request) = (question.owner, question.request);
        let of_coordinator = !matches!(question.asked, Asked::Own(_));
        match self.exchange.submit(question) {
            Some(question) => self.send(question),
            None if of_coordinator => self.logs.input(log, Input::Queued { request }, self.now),
            None => {}
        }
    }

    fn send(&mut self, mut question: Question<D::Question>) {
        match self.dialect.write(&mut question, self.now) {
            Ok(message) => {
                let (flight, bytes) = self.exchange.send(question, &message, self.now);
                self.outputs.push_back(Doing::Send { flight, bytes });
            }
            Err(failure) => {
                self.exchange.cancel(&question);
                self.fail(question, failure);
            }
        }
    }

    /// The connection for requests is suspect; everything in flight on it came to nothing.
    fn lose(&mut self, lost: crate::exchange::Lost<D::Question>) {
        if lost.renew {
            self.outputs.push_back(Doing::Renew);
        }
        for question in lost.questions {
            self.fail(question, Failure::NoReply);
        }
    }

    /// A question came to nothing: its owner is told with the next steps.
    fn fail(&mut self, question: Question<D::Question>, failure: Failure) {
        match question.asked {
            Asked::Own(_) => self.dialect.unanswered(question, failure, self.now, &mut self.steps),
            Asked::Status | Asked::Replay { .. } => {
                let input = Input::Failed { request: question.request, failure };
                self.steps.push_back(Step::Input { log: question.owner, input });
            }
        }
    }
}

fn link_input<T>(is_up: bool) -> Input<T> {
    if is_up { Input::LinkUp } else { Input::LinkDown }
}
