//! Whether a socket has its connection, as libzmq's monitor tells.

use crate::error::During;
use crate::{Context, TransportError};
use std::sync::atomic::{AtomicU64, Ordering};

/// Monitor endpoints need a name each.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The receiving end of a socket's monitor.
pub(crate) struct LinkMonitor {
    events: zmq::Socket,
}

impl LinkMonitor {
    /// Begins to watch `socket`, which must not be connected yet.
    pub(crate) fn attach(context: &Context, socket: &zmq::Socket) -> Result<LinkMonitor, TransportError> {
        let name = format!("inproc://link-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let wanted = zmq::SocketEvent::HANDSHAKE_SUCCEEDED.to_raw() | zmq::SocketEvent::DISCONNECTED.to_raw();
        socket.monitor(&name, i32::from(wanted)).during("watch the connection")?;
        let events = context.monitor_end()?;
        events.connect(&name).during("watch the connection")?;
        Ok(LinkMonitor { events })
    }

    /// Whether the connection is up, if that changed since it was asked last.
    pub(crate) fn change(&self) -> Result<Option<bool>, TransportError> {
        let mut latest = None;
        while let Some(is_up) = self.next()? {
            latest = Some(is_up);
        }
        Ok(latest)
    }

    /// The next change, if there was one: whether it came up or broke.
    pub(crate) fn next(&self) -> Result<Option<bool>, TransportError> {
        loop {
            match self.events.recv_multipart(zmq::DONTWAIT) {
                // The first frame begins with the event's number in the machine's own byte order.
                Ok(frames) => {
                    if let Some(is_up) = frames.first().and_then(|frame| event(frame)) {
                        return Ok(Some(is_up));
                    }
                }
                Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return Ok(None),
                Err(error) => return Err(error).during("watch the connection"),
            }
        }
    }
}

fn event(frame: &[u8]) -> Option<bool> {
    let number = u16::from_ne_bytes(frame.get(..2)?.try_into().ok()?);
    Some(number == zmq::SocketEvent::HANDSHAKE_SUCCEEDED.to_raw())
}
