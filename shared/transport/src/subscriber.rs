//! The receiving end of a live feed.

use crate::context::{Limits, connect};
use crate::error::During;
use crate::inbox::Inbox;
use crate::link::LinkMonitor;
use crate::poller::left;
use crate::{Context, Endpoint, Frame, MAX_MESSAGE_BYTES, Source, TransportError, wait_any};
use std::time::{Duration, Instant};

/// Looks at each incoming message and says whether it may pass; for tests that need loss on purpose.
pub type Fault = Box<dyn FnMut(&[Frame]) -> bool + Send>;

/// Below this receive limit the kernel's buffer is limited too: by itself it grows to megabytes, which hold
/// more small messages than any such limit.
const SMALL_RECEIVE_LIMIT: u32 = 1000;
/// Bytes of kernel buffer per message of a small receive limit: a batch of a few rows.
const BUFFER_BYTES_PER_MESSAGE: u32 = 512;

/// How a [`Subscriber`] is set up.
pub struct SubscriberSettings {
    /// Messages queued here before the publisher's side fills up and it drops. Small values lose on
    /// purpose; the default covers a pause of a second in a fast replay.
    pub receive_limit: u32,
    /// The largest message taken; a publisher that sends more is cut off.
    pub max_message_bytes: usize,
    /// Drops messages on purpose; `None` in real use.
    pub fault: Option<Fault>,
}

impl Default for SubscriberSettings {
    fn default() -> Self {
        SubscriberSettings { receive_limit: 100_000, max_message_bytes: MAX_MESSAGE_BYTES, fault: None }
    }
}

/// A SUB socket. It reconnects by itself and re-sends its subscriptions, and it says nothing about what
/// it missed in between: sequences do that.
pub struct Subscriber {
    inbox: Inbox,
    link: LinkMonitor,
    endpoint: Endpoint,
    fault: Option<Fault>,
}

impl Subscriber {
    /// Opens the socket and begins to connect; it does not wait for the publisher to be there.
    ///
    /// # Errors
    /// [`TransportError::Endpoint`] or [`TransportError::Open`].
    pub fn connect<E>(
        context: &Context,
        endpoint: E,
        settings: SubscriberSettings,
    ) -> Result<Subscriber, TransportError>
    where
        E: TryInto<Endpoint>,
        TransportError: From<E::Error>,
    {
        // No send limit: beyond it a SUB loses subscriptions without a word when it reconnects.
        let limits = Limits {
            send: 0,
            receive: settings.receive_limit,
            max_message_bytes: settings.max_message_bytes,
            linger: Duration::ZERO,
        };
        let socket = context.socket(zmq::SUB, limits)?;
        if (1..SMALL_RECEIVE_LIMIT).contains(&settings.receive_limit) {
            let bytes = settings.receive_limit * BUFFER_BYTES_PER_MESSAGE;
            socket.set_rcvbuf(i32::try_from(bytes).unwrap_or(i32::MAX)).during("configure")?;
        }
        let endpoint = endpoint.try_into()?;
        let link = LinkMonitor::attach(context, &socket)?;
        connect(&socket, &endpoint)?;
        Ok(Subscriber { inbox: Inbox::new(socket)?, link, endpoint, fault: settings.fault })
    }

    /// Where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it is connected, if that changed since it was asked last. It must be asked from time to
    /// time; an `inproc` address never tells. Messages that came before a loss may still be unread.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn link_change(&mut self) -> Result<Option<bool>, TransportError> {
        self.link.change()
    }

    /// Asks for all topics that begin with `prefix`; compare the whole topic of what arrives.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn subscribe(&mut self, prefix: &str) -> Result<(), TransportError> {
        self.inbox.socket().set_subscribe(prefix.as_bytes()).during("subscribe")
    }

    /// Takes one [`Subscriber::subscribe`] back.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when there was none.
    pub fn unsubscribe(&mut self, prefix: &str) -> Result<(), TransportError> {
        self.inbox.socket().set_unsubscribe(prefix.as_bytes()).during("unsubscribe")
    }

    /// The next message if one is there: the topic, then its frames. It has at least one frame.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn try_receive(&mut self) -> Result<Option<Vec<Frame>>, TransportError> {
        while let Some(frames) = self.inbox.receive()? {
            let passes = self.fault.as_mut().is_none_or(|passes| passes(&frames));
            if passes {
                return Ok(Some(frames));
            }
        }
        Ok(None)
    }

    /// The next message, waiting for it at most `timeout`.
    ///
    /// # Errors
    /// [`TransportError::Socket`] when libzmq refuses.
    pub fn receive(&mut self, timeout: Duration) -> Result<Option<Vec<Frame>>, TransportError> {
        let until = Instant::now().checked_add(timeout);
        loop {
            if let Some(frames) = self.try_receive()? {
                return Ok(Some(frames));
            }
            let Some(left) = left(until) else { return Ok(None) };
            wait_any([Source::Subscriber(self)], left)?;
        }
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }
}

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subscriber({})", self.endpoint)
    }
}
