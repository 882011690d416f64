//! The asking end of request and reply.

use crate::context::{Limits, connect};
use crate::error::During;
use crate::inbox::Inbox;
use crate::link::LinkMonitor;
use crate::poller::left;
use crate::{Context, Endpoint, Frame, MAX_MESSAGE_BYTES, Source, TransportError, wait_any};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// Without a connection for this long, nobody was at its other end: on a network one comes up in tenths. A
/// server that closes it at each request, which then is there again at once, does not count as one that was away.
const AWAY: Duration = Duration::from_secs(1);

/// How a [`Requester`] is set up.
#[derive(Debug, Clone)]
pub struct RequesterSettings {
    /// Requests queued while the server is away or slow; more are refused at once. Callers bound their
    /// requests in flight far below that.
    pub send_limit: u32,
    /// Replies queued here before the server drops further ones.
    pub receive_limit: u32,
    /// The largest reply taken; a server that sends more is cut off.
    pub max_message_bytes: usize,
    /// How long unsent requests may live on after it is dropped. Zero for questions; a producer that
    /// wants its last batch out sets more.
    pub linger: Duration,
    /// Whether [`Requester::reach_change`] will be asked: libzmq keeps its news until somebody takes them.
    pub watch: bool,
}

impl Default for RequesterSettings {
    fn default() -> Self {
        RequesterSettings {
            send_limit: 1000,
            receive_limit: 1000,
            max_message_bytes: MAX_MESSAGE_BYTES,
            linger: Duration::ZERO,
            watch: false,
        }
    }
}

/// Whether a request is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// It is queued, and goes out when the server is there.
    Queued,
    /// The queue is full: the server is away or does not read. Try later.
    Full,
}

/// Where to wait for replies of a [`Requester`] that other threads use meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct ReplySignal(pub(crate) RawFd);

/// What became of the connection to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It broke: requests that were on their way get no reply.
    Lost,
    /// It is there again after there was none for a second or longer.
    Back,
}

/// A DEALER that speaks as a REQ does: an empty frame, then the request. Many requests may be in flight;
/// the caller matches replies by their correlation id and gives each request a deadline.
///
/// It reconnects by itself, but a request that was on its way when the connection broke gets no reply.
/// After a time-out call [`Requester::renew`]: a fresh connection, and nothing stale in it.
pub struct Requester {
    context: Context,
    endpoint: Endpoint,
    settings: RequesterSettings,
    inbox: Inbox,
    link: Option<LinkMonitor>,
    /// Since when there is no connection; `None` while there is one.
    away_since: Option<Instant>,
}

impl Requester {
    /// Opens the socket and begins to connect; it does not wait for the server to be there.
    ///
    /// # Errors
    /// [`TransportError::Endpoint`] or [`TransportError::Open`].
    pub fn connect<E>(
        context: &Context,
        endpoint: E,
        settings: RequesterSettings,
    ) -> Result<Requester, TransportError>
    where
        E: TryInto<Endpoint>,
        TransportError: From<E::Error>,
    {
        let endpoint = endpoint.try_into()?;
        let (inbox, link) = open(context, &endpoint, &settings)?;
        Ok(Requester {
            context: context.clone(),
            endpoint,
            settings,
            inbox,
            link,
            away_since: Some(Instant::now()),
        })
    }

    /// Where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends one request. Never waits.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses for another reason than a full queue.
    pub fn send(&mut self, request: impl Into<Frame>) -> Result<Sent, TransportError> {
        let frames = [zmq::Message::new(), request.into().into_message()];
        match self.inbox.socket().send_multipart(frames, zmq::DONTWAIT) {
            Ok(()) => Ok(Sent::Queued),
            Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => Ok(Sent::Full),
            Err(error) => Err(error).during("send a request"),
        }
    }

    /// The next reply if one is there. Replies of another shape than an empty frame and a body are
    /// dropped: they answer nothing that was asked.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn try_receive(&mut self) -> Result<Option<Frame>, TransportError> {
        while let Some(mut frames) = self.inbox.receive()? {
            match (frames.pop(), frames.pop(), frames.pop()) {
                (Some(body), Some(delimiter), None) if delimiter.is_empty() => return Ok(Some(body)),
                _ => tracing::debug!(endpoint = %self.endpoint, "dropped a reply of a wrong shape"),
            }
        }
        Ok(None)
    }

    /// Whether there is a reply of which [`Requester::reply_signal`] does not tell: sending takes its sign away. To be asked after
    /// the requester was used and before anybody waits there.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn hides_reply(&self) -> Result<bool, TransportError> {
        self.inbox.has_message()
    }

    /// Where to wait for a reply without holding the requester; of no more use once it is [renewed](Requester::renew) or
    /// dropped.
    pub fn reply_signal(&self) -> ReplySignal {
        ReplySignal(self.inbox.fd())
    }

    /// The next reply, waiting for it at most `timeout`.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn receive(&mut self, timeout: Duration) -> Result<Option<Frame>, TransportError> {
        let until = Instant::now().checked_add(timeout);
        loop {
            if let Some(reply) = self.try_receive()? {
                return Ok(Some(reply));
            }
            let Some(left) = left(until) else { return Ok(None) };
            wait_any([Source::Requester(self)], left)?;
        }
    }

    /// Replaces the socket by a fresh one. Replies to earlier requests never arrive.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when no socket can be opened.
    pub fn renew(&mut self) -> Result<(), TransportError> {
        (self.inbox, self.link) = open(&self.context, &self.endpoint, &self.settings)?;
        self.away_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// What became of the connection since it was asked last, one thing at a time; it must be asked from time
    /// to time, and [`RequesterSettings::watch`] set. Replies that came before a loss may still be unread; an
    /// `inproc` address never tells.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn reach_change(&mut self) -> Result<Option<Reach>, TransportError> {
        let Some(link) = &self.link else { return Ok(None) };
        while let Some(is_up) = link.next()? {
            match (is_up, self.away_since.take()) {
                (true, Some(since)) if since.elapsed() >= AWAY => return Ok(Some(Reach::Back)),
                (false, None) => {
                    self.away_since = Some(Instant::now());
                    return Ok(Some(Reach::Lost));
                }
                (true, Some(_) | None) => {}
                (false, since @ Some(_)) => self.away_since = since,
            }
        }
        Ok(None)
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

impl std::fmt::Debug for Requester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Requester({})", self.endpoint)
    }
}

fn open(
    context: &Context,
    endpoint: &Endpoint,
    settings: &RequesterSettings,
) -> Result<(Inbox, Option<LinkMonitor>), TransportError> {
    let limits = Limits {
        send: settings.send_limit,
        receive: settings.receive_limit,
        max_message_bytes: settings.max_message_bytes,
        linger: settings.linger,
    };
    let socket = context.socket(zmq::DEALER, limits)?;
    let link = settings.watch.then(|| LinkMonitor::attach(context, &socket)).transpose()?;
    connect(&socket, endpoint)?;
    Ok((Inbox::new(socket)?, link))
}
