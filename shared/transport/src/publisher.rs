//! The sending end of a live feed.

use crate::context::{Limits, bind};
use crate::error::During;
use crate::{Context, DEFAULT_LINGER, Endpoint, Frame, TransportError};
use std::time::Duration;

/// The largest message that subscribers may send: a subscription is a topic prefix, and a peer that sends
/// more is cut off before it fills memory. It also covers the handshake of ZMTP.
const MAX_SUBSCRIPTION_BYTES: usize = 4096;

/// Messages of subscribers' own that are passed over in one look for a subscription: as many as may wait.
const MESSAGES_PER_LOOK: usize = 1000;

/// How a [`Publisher`] is set up.
#[derive(Debug, Clone)]
pub struct PublisherSettings {
    /// Messages queued per subscriber before its newest are dropped. libzmq's default of 1000 loses most
    /// of a burst; 100,000 small batches are some tens of megabytes for a subscriber that hangs.
    pub send_limit: u32,
    /// Bytes that the kernel may hold per subscriber besides; 0: as many as it likes, which is megabytes, and
    /// makes the send limit mean little for small messages.
    pub send_buffer_bytes: u32,
    /// Whether to be an XPUB and hear of subscriptions.
    pub report_subscriptions: bool,
    /// How long it may go on sending after it is dropped.
    pub linger: Duration,
}

impl Default for PublisherSettings {
    fn default() -> Self {
        PublisherSettings {
            send_limit: 100_000,
            send_buffer_bytes: 0,
            report_subscriptions: false,
            linger: DEFAULT_LINGER,
        }
    }
}

/// The first subscription to a prefix, or the end of the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Beginning of the topics wanted; empty: all.
    pub prefix: Vec<u8>,
    /// Whether it began or ended.
    pub wanted: bool,
}

/// A PUB or XPUB socket, owned by the thread that publishes: there is no queue in front of it.
///
/// It never blocks. For a subscriber whose queue is full it drops the newest messages, without a word;
/// that subscriber sees the gap and heals it by replay.
pub struct Publisher {
    socket: zmq::Socket,
    endpoint: Endpoint,
}

impl Publisher {
    /// Opens and binds the socket.
    ///
    /// # Errors
    /// [`TransportError::AddressInUse`], [`TransportError::Endpoint`] or [`TransportError::Open`].
    pub fn bind<E>(
        context: &Context,
        endpoint: E,
        settings: PublisherSettings,
    ) -> Result<Publisher, TransportError>
    where
        E: TryInto<Endpoint>,
        TransportError: From<E::Error>,
    {
        let kind = if settings.report_subscriptions { zmq::XPUB } else { zmq::PUB };
        let limits = Limits {
            send: settings.send_limit,
            receive: 1000,
            max_message_bytes: MAX_SUBSCRIPTION_BYTES,
            linger: settings.linger,
        };
        let socket = context.socket(kind, limits)?;
        if settings.send_buffer_bytes > 0 {
            let bytes = i32::try_from(settings.send_buffer_bytes).unwrap_or(i32::MAX);
            socket.set_sndbuf(bytes).during("configure")?;
        }
        let endpoint = bind(&socket, &endpoint.try_into()?)?;
        Ok(Publisher { socket, endpoint })
    }

    /// Where it is really bound.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends one message: the topic, then the frames. Never waits.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses; that is a defect or the end of memory.
    pub fn send<I>(&mut self, topic: &str, frames: I) -> Result<(), TransportError>
    where
        I: IntoIterator,
        I::Item: Into<Frame>,
    {
        let topic = zmq::Message::from(topic.as_bytes());
        let frames = frames.into_iter().map(|frame| frame.into().into_message());
        self.socket.send_multipart(std::iter::once(topic).chain(frames), zmq::DONTWAIT).during("publish")
    }

    /// The next change of subscriptions, if any. An XPUB must be asked regularly, since libzmq keeps
    /// unread changes without a limit; a PUB never has any.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn next_subscription(&mut self) -> Result<Option<Subscription>, TransportError> {
        if self.socket.get_socket_type().during("read")? != zmq::XPUB {
            return Ok(None);
        }
        for _ in 0..MESSAGES_PER_LOOK {
            match self.socket.recv_bytes(zmq::DONTWAIT) {
                Ok(bytes) => match subscription(bytes) {
                    // A peer's own message is nothing, and what comes behind it is something.
                    None => {}
                    change => return Ok(change),
                },
                Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return Ok(None),
                Err(error) => return Err(error).during("read subscriptions"),
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Publisher({})", self.endpoint)
    }
}

/// An XPUB hands over a byte, 1 or 0, and the prefix; anything else is a peer's own message and ignored.
fn subscription(bytes: Vec<u8>) -> Option<Subscription> {
    match bytes.split_first() {
        Some((&mark @ (0 | 1), prefix)) => Some(Subscription { prefix: prefix.to_vec(), wanted: mark == 1 }),
        Some(_) | None => None,
    }
}
