//! Waiting for several sockets of one thread at once.

use crate::error::During;
use crate::inbox::Inbox;
use crate::{ReplySignal, Requester, Router, Subscriber, TransportError, WakeReceiver};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// Something that a thread waits for.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Until a message may be there.
    Subscriber(&'a Subscriber),
    /// Until a reply may be there.
    Requester(&'a Requester),
    /// Until a reply may be there that the requester does not [hide](Requester::hides_reply).
    Replies(ReplySignal),
    /// Until a request may be there.
    Router(&'a Router),
    /// Until its [`crate::Waker`] wakes.
    Wake(&'a WakeReceiver),
}

/// Waits until at least one source may be ready or `timeout` is over (`None`: for ever), and says which are. Whoever
/// is told so of a socket reads it until nothing comes. A signal to the process also ends the wait, with none ready.
///
/// # Errors
/// [`TransportError::Socket`] when libzmq cannot wait.
pub fn wait_any<const N: usize>(
    sources: [Source<'_>; N],
    timeout: Option<Duration>,
) -> Result<[bool; N], TransportError> {
    let mut ready = [false; N];
    for (ready, source) in ready.iter_mut().zip(&sources) {
        *ready = source.has_message()?;
    }
    let timeout = if ready.contains(&true) { Some(Duration::ZERO) } else { timeout };
    let mut items = sources.map(|source| zmq::PollItem::from_fd(source.fd(), zmq::POLLIN));
    let millis = match timeout {
        None => -1,
        // Rounded up, so that a wait of less than a millisecond does not spin.
        Some(timeout) => i64::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX),
    };
    match zmq::poll(&mut items, millis) {
        Ok(_) | Err(zmq::Error::EINTR) => {}
        Err(error) => return Err(error).during("wait"),
    }
    for (ready, item) in ready.iter_mut().zip(&items) {
        *ready |= item.is_readable() || item.is_error();
    }
    Ok(ready)
}

/// How long to wait until then (`None`: for ever); `None` when the time has come.
#[allow(clippy::option_option)] // An end that is never, and no time left.
pub(crate) fn left(until: Option<Instant>) -> Option<Option<Duration>> {
    match until.map(|until| until.saturating_duration_since(Instant::now())) {
        Some(left) if left.is_zero() => None,
        left => Some(left),
    }
}

impl Source<'_> {
    fn inbox(&self) -> Option<&Inbox> {
        match self {
            Source::Subscriber(subscriber) => Some(subscriber.inbox()),
            Source::Requester(requester) => Some(requester.inbox()),
            Source::Router(router) => Some(router.inbox()),
            Source::Replies(_) | Source::Wake(_) => None,
        }
    }

    fn has_message(&self) -> Result<bool, TransportError> {
        self.inbox().map_or(Ok(false), Inbox::has_message)
    }

    fn fd(&self) -> RawFd {
        match self {
            Source::Wake(receiver) => receiver.fd(),
            Source::Replies(ReplySignal(fd)) => *fd,
            source => source.inbox().map_or(-1, Inbox::fd),
        }
    }
}
