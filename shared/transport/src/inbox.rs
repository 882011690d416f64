//! A socket that is read, and what is known of what lies in it.
//!
//! libzmq signals by a file descriptor that something happened to a socket, once: whoever uses the socket takes the
//! signal away, and then has to look for himself. To ask it (`zmq_poll`, or its events) costs several calls to the system
//! each time. So it is remembered when the socket was found empty; from then on its descriptor alone tells, until
//! somebody does anything else with it.

use crate::error::During;
use crate::{Frame, TransportError};
use std::cell::Cell;
use std::os::fd::RawFd;

/// A socket that is read.
pub(crate) struct Inbox {
    socket: zmq::Socket,
    fd: RawFd,
    /// It was empty when it was used last, and what comes is signalled.
    is_empty: Cell<bool>,
}

impl Inbox {
    pub(crate) fn new(socket: zmq::Socket) -> Result<Inbox, TransportError> {
        let fd = socket.get_fd().during("watch")?;
        Ok(Inbox { socket, fd, is_empty: Cell::new(false) })
    }

    /// The socket, for anything but reading.
    pub(crate) fn socket(&self) -> &zmq::Socket {
        self.is_empty.set(false);
        &self.socket
    }

    /// What is signalled when something came, once [`Inbox::has_message`] said that nothing is there.
    pub(crate) fn fd(&self) -> RawFd {
        self.fd
    }

    /// Whether a message is there. No call to the system where that is known.
    pub(crate) fn has_message(&self) -> Result<bool, TransportError> {
        if !self.is_empty.get() {
            match self.socket.get_events() {
                Ok(events) => self.is_empty.set(!events.contains(zmq::POLLIN)),
                // A signal to the process came in between: whoever reads finds out.
                Err(zmq::Error::EINTR) => {}
                Err(error) => return Err(error).during("look"),
            }
        }
        Ok(!self.is_empty.get())
    }

    /// All frames of the next message, if one is there. libzmq hands over whole messages only, so once the
    /// first frame is there the others are too.
    pub(crate) fn receive(&self) -> Result<Option<Vec<Frame>>, TransportError> {
        let mut frames = Vec::with_capacity(3);
        loop {
            match self.socket.recv_msg(zmq::DONTWAIT) {
                Ok(message) => {
                    let more = message.get_more();
                    frames.push(Frame::from_message(message));
                    if !more {
                        self.is_empty.set(false);
                        return Ok(Some(frames));
                    }
                }
                Err(zmq::Error::EINTR) if !frames.is_empty() => {}
                Err(error @ (zmq::Error::EAGAIN | zmq::Error::EINTR)) => {
                    self.is_empty.set(error == zmq::Error::EAGAIN);
                    return Ok(None);
                }
                Err(error) => return Err(error).during("receive"),
            }
        }
    }
}
