//! What clients together may cost, each number with its reason.

use crate::http::MAX_BODY_BYTES;
use std::time::Duration;

/// What clients together may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HttpLimits {
    /// Connections at a time; further ones wait in the system's queue.
    pub(crate) connections: usize,
    /// Bytes of bodies, as sent and as inflated, that all requests together hold.
    pub(crate) memory_bytes: usize,
    /// Requests that are inflated and parsed at a time; others wait for their turn.
    pub(crate) working: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub(crate) head_timeout: Duration,
    /// How long a body may take.
    pub(crate) body_timeout: Duration,
    /// How long a request waits for its turn before it is told to come back.
    pub(crate) turn_timeout: Duration,
    /// How long the journal's answer may take, synced or not.
    pub(crate) answer_timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            // Some 10 MB of buffers, and far below the usual limit of 1,024 open files.
            connections: 512,
            // Eight of the largest bodies, or a thousand of the usual ones.
            memory_bytes: 8 * MAX_BODY_BYTES,
            // Parsing needs the processor, not patience: some more than there are cores.
            working: 16,
            // A browser needs milliseconds, a person with telnet a little longer.
            head_timeout: Duration::from_secs(10),
            // The largest body at 5 Mbit/s.
            body_timeout: Duration::from_secs(30),
            // Longer than any batch takes to parse.
            turn_timeout: Duration::from_secs(2),
            // A disk that needs longer is broken.
            answer_timeout: Duration::from_secs(10),
        }
    }
}
