//! The libzmq context, and what every socket gets before it is bound or connected.

use crate::error::During;
use crate::{Endpoint, TransportError, holder};
use std::time::Duration;

/// The largest message that a socket takes unless told otherwise: above any batch within the limits.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// How long a closing socket may go on sending: an answer on loopback leaves in far less, and a process
/// must never hang at its end because a peer is gone.
pub const DEFAULT_LINGER: Duration = Duration::from_millis(500);
/// First wait before a lost connection is tried again: a restarted service is back within tenths.
const RECONNECT_FIRST_MS: i32 = 50;
/// Longest wait before a lost connection is tried again: backs off, and still feels immediate to a person.
const RECONNECT_MAX_MS: i32 = 1000;
/// Connections waiting to be accepted: a thousand clients that all come back after a restart.
const BACKLOG: i32 = 1024;
/// Seconds of silence before TCP asks whether the peer is still there.
const KEEPALIVE_IDLE_S: i32 = 30;

/// Owns libzmq's I/O thread. Cheap to clone. The last clone or socket to go ends it, within the linger.
#[derive(Clone, Default)]
pub struct Context(zmq::Context);

impl Context {
    /// A context with one I/O thread, enough for about a gigabyte a second.
    pub fn new() -> Context {
        Context(zmq::Context::new())
    }

    pub(crate) fn socket(
        &self,
        kind: zmq::SocketType,
        limits: Limits,
    ) -> Result<zmq::Socket, TransportError> {
        let socket = self.0.socket(kind).during("open")?;
        configure(&socket, limits).during("configure")?;
        Ok(socket)
    }

    /// The receiving end of a monitor.
    pub(crate) fn monitor_end(&self) -> Result<zmq::Socket, TransportError> {
        let socket = self.0.socket(zmq::PAIR).during("open")?;
        socket.set_linger(0).during("configure")?;
        // libzmq waits for room here with the thread that serves all sockets, and whoever listens may be busy for long.
        socket.set_rcvhwm(0).during("configure")?;
        Ok(socket)
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Context")
    }
}

/// Limits of one socket. Queues count messages, per peer; 0 is no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) send: u32,
    pub(crate) receive: u32,
    pub(crate) max_message_bytes: usize,
    pub(crate) linger: Duration,
}

fn configure(socket: &zmq::Socket, limits: Limits) -> Result<(), zmq::Error> {
    socket.set_sndhwm(to_i32(limits.send))?;
    socket.set_rcvhwm(to_i32(limits.receive))?;
    socket.set_maxmsgsize(i64::try_from(limits.max_message_bytes).unwrap_or(i64::MAX))?;
    socket.set_linger(i32::try_from(limits.linger.as_millis()).unwrap_or(i32::MAX))?;
    socket.set_reconnect_ivl(RECONNECT_FIRST_MS)?;
    socket.set_reconnect_ivl_max(RECONNECT_MAX_MS)?;
    socket.set_backlog(BACKLOG)?;
    socket.set_tcp_keepalive(1)?;
    socket.set_tcp_keepalive_idle(KEEPALIVE_IDLE_S)
}

fn to_i32(limit: u32) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

/// Binds and reads back where to, since the port may have been left to the system.
pub(crate) fn bind(socket: &zmq::Socket, endpoint: &Endpoint) -> Result<Endpoint, TransportError> {
    let address = endpoint.to_bind()?;
    let open = |error: zmq::Error| TransportError::Open {
        endpoint: endpoint.clone(),
        reason: error.message().into(),
    };
    if endpoint.is_taken_path() {
        return Err(TransportError::AddressInUse { endpoint: endpoint.clone(), holder: None });
    }
    socket.set_ipv6(endpoint.is_ipv6()).map_err(open)?;
    socket.bind(&address).map_err(|error| match error {
        zmq::Error::EADDRINUSE => TransportError::AddressInUse {
            endpoint: endpoint.clone(),
            holder: endpoint.port().and_then(holder::of_tcp_port),
        },
        other => open(other),
    })?;
    let bound = socket.get_last_endpoint().map_err(open)?;
    bound.unwrap_or_default().trim_end_matches('\0').parse()
}

pub(crate) fn connect(socket: &zmq::Socket, endpoint: &Endpoint) -> Result<(), TransportError> {
    let address = endpoint.to_connect()?;
    socket.set_ipv6(endpoint.is_ipv6()).during("configure")?;
    socket
        .connect(&address)
        .map_err(|error| TransportError::Open { endpoint: endpoint.clone(), reason: error.message().into() })
}
