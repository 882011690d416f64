//! Waiting for several sockets of one thread at once.

use crate::error::During;
use crate::{Requester, Subscriber, TransportError, WakeReceiver};
use std::time::Duration;

/// Something that a thread waits for.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Until a message is there.
    Subscriber(&'a Subscriber),
    /// Until a reply is there.
    Requester(&'a Requester),
    /// Until its [`crate::Waker`] wakes.
    Wake(&'a WakeReceiver),
}

/// Waits until at least one source is ready or `timeout` is over (`None`: for ever), and says which are.
/// A signal to the process also ends the wait, with none ready.
///
/// # Errors
/// [`TransportError::Socket`] when libzmq cannot wait.
pub fn wait_any<const N: usize>(
    sources: [Source<'_>; N],
    timeout: Option<Duration>,
) -> Result<[bool; N], TransportError> {
    let mut items = sources.map(|source| match source {
        Source::Subscriber(subscriber) => subscriber.raw().as_poll_item(zmq::POLLIN),
        Source::Requester(requester) => requester.raw().as_poll_item(zmq::POLLIN),
        Source::Wake(receiver) => zmq::PollItem::from_fd(receiver.fd(), zmq::POLLIN),
    });
    poll(&mut items, timeout)?;
    Ok(items.map(|item| item.is_readable() || item.is_error()))
}

/// `zmq_poll` that rounds up, so that a wait of less than a millisecond does not spin.
pub(crate) fn poll(items: &mut [zmq::PollItem<'_>], timeout: Option<Duration>) -> Result<(), TransportError> {
    let millis = match timeout {
        None => -1,
        Some(timeout) => i64::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX),
    };
    match zmq::poll(items, millis) {
        Ok(_) | Err(zmq::Error::EINTR) => Ok(()),
        Err(error) => Err(error).during("wait"),
    }
}
