//! The answering end of request and reply.
//!
//! One thread owns the ROUTER socket. Requests go out of it through a bounded channel to whoever works
//! on them, or are looked at on that thread where a look is all it takes; replies come back through another channel from
//! any thread. The complication is that nothing may make
//! that thread wait: a full request channel is answered by the `refuse` hook at once, and a reply to a
//! peer that does not read is dropped (`ROUTER_MANDATORY` tells). Handing the socket to the workers with
//! a lock was rejected: a worker that waits for the lock holds a reply, and a socket has one owner.

use crate::context::{Limits, bind};
use crate::error::During;
use crate::poller::poll;
use crate::subscriber::receive_all;
use crate::{
    Context, DEFAULT_LINGER, Endpoint, Frame, MAX_MESSAGE_BYTES, TransportError, WakeReceiver, Waker,
    wake_pair,
};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{JoinHandle, ThreadId};

/// Requests taken per turn before replies are looked at again.
const REQUESTS_PER_TURN: usize = 64;
/// The most frames of addressing before a request: its own identity, some proxies and the delimiter.
const MAX_PATH_FRAMES: usize = 5;

/// How a [`RouterServer`] is set up.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// Name of the thread, for people who look at the process.
    pub name: &'static str,
    /// Replies queued per peer before further ones to it are dropped. Requesters keep few requests in
    /// flight; a producer with a window of acknowledgements needs as many.
    pub send_limit: u32,
    /// Requests queued per peer before it has to wait.
    pub receive_limit: u32,
    /// The largest request taken; a peer that sends more is cut off.
    pub max_message_bytes: usize,
    /// Requests waiting for a worker, over all peers; further ones are refused at once.
    pub queue: usize,
    /// Replies waiting for the socket; workers wait when it is full, which the socket's thread ends soon.
    pub reply_queue: usize,
}

impl Default for RouterSettings {
    fn default() -> Self {
        RouterSettings {
            name: "router",
            send_limit: 1000,
            receive_limit: 1000,
            max_message_bytes: MAX_MESSAGE_BYTES,
            queue: 1024,
            reply_queue: 256,
        }
    }
}

/// What is answered without a worker. Both run on the socket's thread and must be quick.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Given the request's bytes, the reply when the queue is full; `None`: none.
    pub refuse: fn(&[u8]) -> Option<Vec<u8>>,
    /// The reply to a message that is not one frame of request; `None`: none.
    pub malformed: fn() -> Option<Vec<u8>>,
}

/// Who asked; opaque, only good for answering.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerId(Arc<[Box<[u8]>]>);

/// One request.
#[derive(Debug)]
pub struct Request {
    /// Who asked.
    pub peer: PeerId,
    /// What, one frame.
    pub body: Frame,
}

/// What happened at a [`RouterServer`] since it was bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouterCounts {
    /// Requests handed to workers or to the handler.
    pub requests: u64,
    /// Requests refused because the queue was full.
    pub refused: u64,
    /// Messages of a wrong shape.
    pub malformed: u64,
    /// Replies sent.
    pub replies: u64,
    /// Replies dropped because the peer was gone or did not read.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    refused: AtomicU64,
    malformed: AtomicU64,
    replies: AtomicU64,
    dropped: AtomicU64,
}

/// Sends replies, from any thread. Clone it freely.
#[derive(Debug, Clone)]
pub struct Replier {
    replies: Sender<(PeerId, Frame)>,
    waker: Waker,
    at_once: Arc<AtOnce>,
}

/// What the socket's own thread replies while it looks at a request: it must not wait for itself.
#[derive(Debug, Default)]
struct AtOnce {
    thread: OnceLock<ThreadId>,
    replies: Mutex<Vec<(PeerId, Frame)>>,
}

impl AtOnce {
    /// Takes a reply when this is the socket's own thread; gives it back when not.
    fn take(&self, reply: (PeerId, Frame)) -> Option<(PeerId, Frame)> {
        if self.thread.get() != Some(&std::thread::current().id()) {
            return Some(reply);
        }
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
        None
    }

    fn drain(&self) -> Vec<(PeerId, Frame)> {
        std::mem::take(&mut *self.replies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Replier {
    /// Answers a request. Waits only while the reply queue is full; after the server's end it does nothing.
    pub fn send(&self, peer: PeerId, body: impl Into<Frame>) {
        let Some(reply) = self.at_once.take((peer, body.into())) else { return };
        if self.replies.send(reply).is_ok() {
            self.waker.wake();
        }
    }
}

/// A ROUTER socket with its thread. Requests may come from a REQ or a DEALER, with or without the empty
/// delimiter; replies go back in the same shape. Dropping it stops the thread and closes the socket.
#[derive(Debug)]
pub struct RouterServer {
    endpoint: Endpoint,
    requests: Receiver<Request>,
    replier: Replier,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Looks at a request on the socket's thread, which waits meanwhile: it must be quick and never block.
pub type Handler = Box<dyn FnMut(Request, &Replier) + Send>;

impl RouterServer {
    /// Opens and binds the socket and starts its thread.
    ///
    /// # Errors
    /// [`TransportError::AddressInUse`], [`TransportError::Endpoint`], [`TransportError::Open`] or
    /// [`TransportError::Thread`].
    pub fn bind<E>(
        context: &Context,
        endpoint: E,
        settings: RouterSettings,
        hooks: Hooks,
    ) -> Result<RouterServer, TransportError>
    where
        E: TryInto<Endpoint>,
        TransportError: From<E::Error>,
    {
        let (to_workers, requests) = bounded(settings.queue);
        RouterServer::start(
            context,
            endpoint.try_into()?,
            &settings,
            hooks,
            Takes::Workers(to_workers),
            requests,
        )
    }

    /// The same, with requests handed to `handler` instead of a queue: for what takes less time than waking a worker.
    ///
    /// # Errors
    /// As [`RouterServer::bind`].
    pub fn bind_with<E>(
        context: &Context,
        endpoint: E,
        settings: RouterSettings,
        hooks: Hooks,
        handler: Handler,
    ) -> Result<RouterServer, TransportError>
    where
        E: TryInto<Endpoint>,
        TransportError: From<E::Error>,
    {
        RouterServer::start(
            context,
            endpoint.try_into()?,
            &settings,
            hooks,
            Takes::Handler(handler),
            bounded(0).1,
        )
    }

    fn start(
        context: &Context,
        endpoint: Endpoint,
        settings: &RouterSettings,
        hooks: Hooks,
        takes: Takes,
        requests: Receiver<Request>,
    ) -> Result<RouterServer, TransportError> {
        let limits = Limits {
            send: settings.send_limit,
            receive: settings.receive_limit,
            max_message_bytes: settings.max_message_bytes,
            linger: DEFAULT_LINGER,
        };
        let socket = context.socket(zmq::ROUTER, limits)?;
        socket.set_router_mandatory(true).during("configure")?;
        let endpoint = bind(&socket, &endpoint)?;
        let (replies, from_workers) = bounded(settings.reply_queue);
        let (waker, wake) = wake_pair()?;
        let counters = Arc::new(Counters::default());
        let stop = Arc::new(AtomicBool::new(false));
        let replier = Replier { replies, waker, at_once: Arc::default() };
        let shell = Shell {
            socket,
            wake,
            takes,
            replier: replier.clone(),
            from_workers,
            hooks,
            counters: counters.clone(),
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(settings.name.into())
            .spawn(move || shell.run())
            .map_err(|error| TransportError::Thread { name: settings.name, reason: error.to_string() })?;
        Ok(RouterServer { endpoint, requests, replier, counters, stop, thread: Some(thread) })
    }

    /// Where it is really bound.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Requests, for any number of workers. Disconnected once the server is dropped. None ever come where a handler
    /// takes them.
    pub fn requests(&self) -> &Receiver<Request> {
        &self.requests
    }

    /// A way to answer.
    pub fn replier(&self) -> Replier {
        self.replier.clone()
    }

    /// What happened so far.
    pub fn counts(&self) -> RouterCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RouterCounts {
            requests: read(&self.counters.requests),
            refused: read(&self.counters.refused),
            malformed: read(&self.counters.malformed),
            replies: read(&self.counters.replies),
            dropped: read(&self.counters.dropped),
        }
    }

    /// Sends the replies that are queued, then closes the socket. The same as dropping it.
    pub fn stop(self) {}
}

impl Drop for RouterServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.replier.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported by its own thread.
            let _ = thread.join();
        }
    }
}

/// Who takes requests.
enum Takes {
    Workers(Sender<Request>),
    Handler(Handler),
}

/// The thread's side.
struct Shell {
    socket: zmq::Socket,
    wake: WakeReceiver,
    takes: Takes,
    replier: Replier,
    from_workers: Receiver<(PeerId, Frame)>,
    hooks: Hooks,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
}

impl Shell {
    fn run(mut self) {
        // There is one such thread.
        let _ = self.replier.at_once.thread.set(std::thread::current().id());
        loop {
            if let Err(error) = self.turn() {
                tracing::error!(%error, "a request socket failed and is closed");
                return;
            }
            if self.stop.load(Ordering::SeqCst) {
                self.send_replies();
                return;
            }
        }
    }

    /// Priorities: 1 replies, since they free workers and peers; 2 requests, some at a time.
    fn turn(&mut self) -> Result<(), TransportError> {
        let mut items =
            [self.socket.as_poll_item(zmq::POLLIN), zmq::PollItem::from_fd(self.wake.fd(), zmq::POLLIN)];
        poll(&mut items, None)?;
        let woken = items.last().is_some_and(zmq::PollItem::is_readable);
        if woken {
            self.wake.clear();
        }
        self.send_replies();
        for _ in 0..REQUESTS_PER_TURN {
            match receive_all(&self.socket)? {
                Some(frames) => {
                    self.take(frames);
                    // A handler may take milliseconds, and whoever waits for a reply did nothing to earn that.
                    self.send_replies();
                }
                None => break,
            }
        }
        Ok(())
    }

    fn send_replies(&mut self) {
        while let Ok((peer, body)) = self.from_workers.try_recv() {
            self.reply(&peer, body);
        }
    }

    fn take(&mut self, frames: Vec<Frame>) {
        match parse(frames) {
            Shape::Request(request) => self.take_request(request),
            Shape::Malformed(peer) => {
                count(&self.counters.malformed);
                if let Some(reply) = (self.hooks.malformed)() {
                    self.reply(&peer, reply.into());
                }
            }
        }
    }

    fn take_request(&mut self, request: Request) {
        match &mut self.takes {
            Takes::Handler(handler) => {
                count(&self.counters.requests);
                handler(request, &self.replier);
                for (peer, body) in self.replier.at_once.drain() {
                    self.reply(&peer, body);
                }
            }
            Takes::Workers(workers) => match workers.try_send(request) {
                Ok(()) => count(&self.counters.requests),
                Err(TrySendError::Full(request)) => {
                    count(&self.counters.refused);
                    if let Some(reply) = (self.hooks.refuse)(&request.body) {
                        self.reply(&request.peer, reply.into());
                    }
                }
                Err(TrySendError::Disconnected(_)) => {}
            },
        }
    }

    fn reply(&mut self, peer: &PeerId, body: Frame) {
        let path = peer.0.iter().map(|frame| zmq::Message::from(&frame[..]));
        let frames = path.chain(std::iter::once(body.into_message()));
        match self.socket.send_multipart(frames, zmq::DONTWAIT) {
            Ok(()) => count(&self.counters.replies),
            Err(error) => {
                count(&self.counters.dropped);
                tracing::debug!(
                    reason = error.message(),
                    "dropped a reply: the peer is gone or does not read"
                );
            }
        }
    }
}

enum Shape {
    Request(Request),
    Malformed(PeerId),
}

/// Splits a message into who asked and what: everything up to the empty delimiter, then one frame. A
/// DEALER that sends no delimiter is taken as well, when its message is one frame.
fn parse(mut frames: Vec<Frame>) -> Shape {
    let searched = frames.iter().take(MAX_PATH_FRAMES).skip(1);
    let delimiter = searched.enumerate().find(|(_, frame)| frame.is_empty()).map(|(index, _)| index + 1);
    let path = delimiter.map_or(1, |at| at + 1);
    let well_formed = frames.len() == path + 1;
    let body = if well_formed { frames.pop() } else { None };
    frames.truncate(path);
    let peer = PeerId(frames.iter().map(|frame| Box::from(&frame[..])).collect());
    match body {
        Some(body) => Shape::Request(Request { peer, body }),
        None => Shape::Malformed(peer),
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
