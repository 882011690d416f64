//! The loop that moves messages between the sockets and the pure [`Upstream`], and keeps time.

use crate::error::Error;
use crate::order::{Command, Order, OrderError};
use crate::recorder::Recorder;
use crate::scenario::Scenario;
use crate::source::Recording;
use crate::upstream::{Output, Upstream};
use crate::view::View;
use crossbeam_channel::{Receiver, Sender, never, select};
use gapless_model::{MonoTime, StreamKey, UnixMillis};
use gapless_transport::{
    Context, Endpoint, Hooks, PeerId, Publisher, PublisherSettings, Request, RouterServer, RouterSettings,
    TransportError,
};
use gapless_wire::{
    ErrorCode, ErrorResponse, MAX_REQUEST_BYTES, Message, encode_message, peek_correlation_id,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest sleep, so that a stop is noticed soon.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// How often an address that was just closed is tried again until it is free: ten seconds in all.
const BIND_TRIES: u32 = 200;
/// Between two tries.
const BIND_WAIT: Duration = Duration::from_millis(50);

/// What the loop is asked by the handle.
pub(crate) enum Ask {
    /// Carry out an order.
    Order(Box<Order>, Sender<Result<(), OrderError>>),
    /// Show yourself.
    View(Sender<View>),
    /// Hand over what was recorded so far.
    Recorder(Sender<Recorder>),
    /// Begin another scenario.
    Load(Box<Scenario>, Sender<Result<(), OrderError>>),
    /// The scenario as it stands.
    Scenario(Sender<Scenario>),
}

/// The sockets while they are open.
pub(crate) struct Sockets {
    publisher: Publisher,
    router: RouterServer,
}

impl Sockets {
    pub(crate) fn bind(
        context: &Context,
        live: &Endpoint,
        requests: &Endpoint,
    ) -> Result<Sockets, TransportError> {
        let settings = RouterSettings {
            name: "dev-requests",
            max_message_bytes: MAX_REQUEST_BYTES,
            ..RouterSettings::default()
        };
        let hooks = Hooks { refuse: |request| Some(busy(request)), malformed: || Some(malformed()) };
        let publisher = Publisher::bind(context, live.clone(), PublisherSettings::default())?;
        let router = RouterServer::bind(context, requests.clone(), settings, hooks)?;
        Ok(Sockets { publisher, router })
    }

    pub(crate) fn live(&self) -> &Endpoint {
        self.publisher.endpoint()
    }

    pub(crate) fn requests(&self) -> &Endpoint {
        self.router.endpoint()
    }
}

/// The loop.
pub(crate) struct Shell {
    pub(crate) context: Context,
    /// Addresses really bound, to be bound again.
    pub(crate) addresses: (Endpoint, Endpoint),
    pub(crate) sockets: Option<Sockets>,
    pub(crate) upstream: Upstream<PeerId>,
    pub(crate) asks: Receiver<Ask>,
    pub(crate) started: Instant,
    /// As configured, for a scenario that is loaded later.
    pub(crate) recordings: BTreeMap<StreamKey, Recording>,
    pub(crate) record: bool,
}

impl Shell {
    /// Until the handle is gone.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        loop {
            self.upstream.handle_timeout(mono(self.started), wall());
            self.carry_out()?;
            let requests = match &self.sockets {
                Some(sockets) => sockets.router.requests().clone(),
                None => never(),
            };
            select! {
                recv(requests) -> request => match request {
                    Ok(request) => self.take(request),
                    // The socket's thread ended by itself, and its log says why.
                    Err(_) => return Err(Error::Ended),
                },
                recv(self.asks) -> ask => match ask {
                    Ok(ask) => self.reply(ask),
                    Err(_) => return Ok(()),
                },
                default(self.wait()) => {}
            }
        }
    }

    fn wait(&self) -> Duration {
        let now = mono(self.started);
        self.upstream.poll_timeout().map_or(MAX_WAIT, |(at, _)| at.since(now).min(MAX_WAIT))
    }

    fn take(&mut self, request: Request) {
        self.upstream.handle_request(request.peer, &request.body, mono(self.started), wall());
    }

    fn reply(&mut self, ask: Ask) {
        let now = mono(self.started);
        // Whoever asked may have given up; then nobody wants the answer.
        match ask {
            Ask::Order(order, to) => drop(to.send(self.upstream.handle_order(&order, now, wall()))),
            Ask::View(to) => drop(to.send(self.upstream.view(now))),
            Ask::Recorder(to) => drop(to.send(self.upstream.recorder().cloned().unwrap_or_default())),
            Ask::Load(scenario, to) => drop(to.send(self.load(*scenario))),
            Ask::Scenario(to) => drop(to.send(self.upstream.as_scenario())),
        }
    }

    /// The sockets are closed and opened once, so that nobody waits for an answer of before.
    fn load(&mut self, scenario: Scenario) -> Result<(), OrderError> {
        let now = mono(self.started);
        self.upstream = Upstream::new(scenario, self.recordings.clone(), self.record, now, wall())?;
        self.upstream.handle_order(&Order { stream: None, command: Command::Disconnect }, now, wall())
    }

    fn carry_out(&mut self) -> Result<(), Error> {
        while let Some(output) = self.upstream.poll_output() {
            match output {
                Output::Publish { topic, envelope } => {
                    if let Some(sockets) = &mut self.sockets {
                        sockets.publisher.send(&topic, [envelope])?;
                    }
                }
                Output::Reply { to, envelope } => {
                    if let Some(sockets) = &self.sockets {
                        sockets.router.replier().send(to, envelope);
                    }
                }
                Output::Close => self.sockets = None,
                Output::Open => self.sockets = Some(self.bind_again()?),
            }
        }
        Ok(())
    }

    /// The system frees an address a moment after it was closed.
    fn bind_again(&self) -> Result<Sockets, TransportError> {
        let (live, requests) = &self.addresses;
        for _ in 0..BIND_TRIES {
            match Sockets::bind(&self.context, live, requests) {
                Err(TransportError::AddressInUse { .. }) => std::thread::park_timeout(BIND_WAIT),
                bound => return bound,
            }
        }
        Sockets::bind(&self.context, live, requests)
    }
}

pub(crate) fn mono(started: Instant) -> MonoTime {
    MonoTime(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

pub(crate) fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn busy(request: &[u8]) -> Vec<u8> {
    let busy = ErrorResponse::retry(ErrorCode::BUSY, "too many requests wait: ask again later", 200);
    encode_message(&Message::Error(busy), peek_correlation_id(request))
}

fn malformed() -> Vec<u8> {
    let error = ErrorResponse::new(ErrorCode::MALFORMED, "send one frame with one envelope");
    encode_message(&Message::Error(error), "")
}
