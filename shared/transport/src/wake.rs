//! Waking a thread that waits at its sockets.
//!
//! A socket pair of the operating system, since `zmq_poll` can wait for any file descriptor. A ZeroMQ
//! `inproc` pair was rejected: its sending end has one owner, so it cannot be shared by many threads.

use crate::TransportError;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Wakes the one thread that holds the [`WakeReceiver`]. Clone it freely.
#[derive(Debug, Clone)]
pub struct Waker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pending: AtomicBool,
    sender: UnixStream,
    receiver: UnixStream,
}

/// The end that waits, in [`crate::wait_any`]. Clones are the same end: one thread waits at a time.
#[derive(Debug, Clone)]
pub struct WakeReceiver(Arc<Shared>);

/// A waker and its receiver.
///
/// # Errors
/// [`TransportError::Socket`] when the process has no file descriptors left.
pub fn wake_pair() -> Result<(Waker, WakeReceiver), TransportError> {
    let failed = |error: std::io::Error| TransportError::Socket {
        operation: "open a wake-up pair",
        reason: error.to_string(),
    };
    let (sender, receiver) = UnixStream::pair().map_err(failed)?;
    sender.set_nonblocking(true).map_err(failed)?;
    receiver.set_nonblocking(true).map_err(failed)?;
    let shared = Arc::new(Shared { pending: AtomicBool::new(false), sender, receiver });
    Ok((Waker(shared.clone()), WakeReceiver(shared)))
}

impl Waker {
    /// Makes the receiver's wait return, now or the next time it waits. Put the work where the receiver
    /// looks for it first, then wake. Many wakes before it looks are one.
    pub fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::SeqCst) {
            // A full pipe or a receiver that is gone: either way there is nobody left to wake.
            let _ = (&self.0.sender).write(&[1]);
        }
    }
}

impl WakeReceiver {
    /// Takes the wake-up back; look for work after this, not before.
    ///
    /// The byte goes first and the flag second: the other way round, a wake between the two would leave
    /// the flag set without a byte, and no later wake would write one.
    pub fn clear(&self) {
        let mut bytes = [0u8; 16];
        loop {
            match (&self.0.receiver).read(&mut bytes) {
                // Fewer than there was room for: that was all.
                Ok(read) if read < bytes.len() => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.0.pending.store(false, Ordering::SeqCst);
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.0.receiver.as_raw_fd()
    }
}
