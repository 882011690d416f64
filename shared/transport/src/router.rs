//! The answering end of request and reply, on the thread of whoever looks at requests.
//!
//! Replies come from that thread, or through a bounded channel from any other. A reply to a peer that does not read is
//! dropped (`ROUTER_MANDATORY` tells). Handing the socket from thread to thread with a lock was rejected: a thread that
//! waits for the lock holds a reply, and a socket has one owner.

use crate::context::{Limits, bind};
use crate::error::During;
use crate::inbox::Inbox;
use crate::{
    Context, DEFAULT_LINGER, Endpoint, Frame, MAX_MESSAGE_BYTES, Source, TransportError, WakeReceiver, Waker,
    wait_any,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

/// Requests shown per step: of a writer that answers after each, what it writes at once.
const REQUESTS_PER_STEP: usize = 512;
/// The most frames of addressing before a request: its own identity, some proxies and the delimiter.
const MAX_PATH_FRAMES: usize = 5;

/// How a [`Router`] or a [`crate::RouterServer`] is set up.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// Name of a server's thread, for people who look at the process.
    pub name: &'static str,
    /// Replies queued per peer before further ones to it are dropped. Requesters keep few requests in
    /// flight; a producer with a window of acknowledgements needs as many.
    pub send_limit: u32,
    /// Requests queued per peer before it has to wait.
    pub receive_limit: u32,
    /// The largest request taken; a peer that sends more is cut off.
    pub max_message_bytes: usize,
    /// Requests waiting for a server's worker, over all peers; further ones are refused at once.
    pub queue: usize,
    /// Replies of other threads waiting for the socket; those threads wait when it is full.
    pub reply_queue: usize,
    /// Woken for each request that waits for a worker, where that one waits for more than a channel.
    pub waker: Option<Waker>,
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
            waker: None,
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

/// What happened at a socket since it was bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouterCounts {
    /// Requests that came, also those that were refused.
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
pub(crate) struct Counters {
    requests: AtomicU64,
    pub(crate) refused: AtomicU64,
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
        self.lock().push(reply);
        None
    }

    fn drain(&self) -> Vec<(PeerId, Frame)> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(PeerId, Frame)>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replier {
    /// Answers a request. Waits only while the reply queue is full; after the socket's end it does nothing.
    pub fn send(&self, peer: PeerId, body: impl Into<Frame>) {
        let Some(reply) = self.at_once.take((peer, body.into())) else { return };
        if self.replies.send(reply).is_ok() {
            self.waker.wake();
        }
    }
}

/// A ROUTER socket. Requests may come from a REQ or a DEALER, with or without the empty
/// delimiter; replies go back in the same shape.
pub struct Router {
    inbox: Inbox,
    endpoint: Endpoint,
    wake: WakeReceiver,
    from_others: Receiver<(PeerId, Frame)>,
    replier: Replier,
    malformed: fn() -> Option<Vec<u8>>,
    counters: Arc<Counters>,
}

impl Router {
    /// Opens and binds the socket. `wake` ends its wait, also for what has nothing to do with it. `malformed` gives the
    /// reply to a message that is not one frame of request.
    ///
    /// # Errors
    /// [`TransportError::AddressInUse`], [`TransportError::Endpoint`] or [`TransportError::Open`].
    pub fn bind<E>(
        context: &Context,
        endpoint: E,
        settings: &RouterSettings,
        malformed: fn() -> Option<Vec<u8>>,
        wake: (Waker, WakeReceiver),
    ) -> Result<Router, TransportError>
    where
        E: TryInto<Endpoint>,
        TransportError: From<E::Error>,
    {
        let limits = Limits {
            send: settings.send_limit,
            receive: settings.receive_limit,
            max_message_bytes: settings.max_message_bytes,
            linger: DEFAULT_LINGER,
        };
        let socket = context.socket(zmq::ROUTER, limits)?;
        socket.set_router_mandatory(true).during("configure")?;
        let endpoint = bind(&socket, &endpoint.try_into()?)?;
        let (replies, from_others) = bounded(settings.reply_queue);
        let (waker, wake) = wake;
        let replier = Replier { replies, waker, at_once: Arc::default() };
        let counters = Arc::default();
        let inbox = Inbox::new(socket)?;
        Ok(Router { inbox, endpoint, wake, from_others, replier, malformed, counters })
    }

    /// Where it is really bound.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A way to answer.
    pub fn replier(&self) -> Replier {
        self.replier.clone()
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Waits for something to do, `timeout` at most (`None`: as long as it takes): sends the replies of other threads, and
    /// shows `take` requests, some at a time. What is replied on this thread leaves with [`Router::send_replies`].
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses: the socket is of no more use.
    pub fn step(
        &mut self,
        timeout: Option<Duration>,
        mut take: impl FnMut(Request, &Replier),
    ) -> Result<(), TransportError> {
        // There is one such thread.
        let _ = self.replier.at_once.thread.set(std::thread::current().id());
        let [requests, woken] = wait_any([Source::Router(self), Source::Wake(&self.wake)], timeout)?;
        if woken {
            self.wake.clear();
        }
        // They come first, since they free others and peers.
        self.send_replies_of_others();
        if !requests {
            return Ok(());
        }
        for _ in 0..REQUESTS_PER_STEP {
            let Some(frames) = self.inbox.receive()? else { return Ok(()) };
            match parse(frames) {
                Shape::Request(request) => {
                    count(&self.counters.requests);
                    take(request, &self.replier);
                }
                Shape::Malformed(peer) => {
                    count(&self.counters.malformed);
                    if let Some(reply) = (self.malformed)() {
                        self.reply(&peer, reply.into());
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether replies of this thread wait for [`Router::send_replies`].
    pub fn has_replies(&self) -> bool {
        !self.replier.at_once.lock().is_empty()
    }

    /// Sends the replies that are there.
    pub fn send_replies(&mut self) {
        for (peer, body) in self.replier.at_once.drain() {
            self.reply(&peer, body);
        }
        self.send_replies_of_others();
    }

    fn send_replies_of_others(&mut self) {
        while let Ok((peer, body)) = self.from_others.try_recv() {
            self.reply(&peer, body);
        }
    }

    fn reply(&mut self, peer: &PeerId, body: Frame) {
        let path = peer.0.iter().map(|frame| zmq::Message::from(&frame[..]));
        let frames = path.chain(std::iter::once(body.into_message()));
        match self.inbox.socket().send_multipart(frames, zmq::DONTWAIT) {
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

impl Counters {
    pub(crate) fn read(&self) -> RouterCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RouterCounts {
            requests: read(&self.requests),
            refused: read(&self.refused),
            malformed: read(&self.malformed),
            replies: read(&self.replies),
            dropped: read(&self.dropped),
        }
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Router({})", self.endpoint)
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

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
