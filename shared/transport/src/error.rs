//! What can go wrong at a socket.

use crate::Endpoint;

/// Why a socket could not be opened or used; variants by what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The address cannot be used as written: fix the configuration.
    #[error("endpoint {endpoint:?} is not usable: {reason}")]
    Endpoint {
        /// What was given, cut to 200 characters.
        endpoint: String,
        /// What is wrong with it and what a right one looks like.
        reason: String,
    },
    /// Somebody else holds the address: stop that one or choose another address.
    #[error("address in use: {endpoint}{}: is another Gapless running? stop it or choose another address", holder.as_ref().map(|h| format!(" (held by {h})")).unwrap_or_default())]
    AddressInUse {
        /// Which address.
        endpoint: Endpoint,
        /// Process that holds it, if this system tells.
        holder: Option<String>,
    },
    /// This process may not open the address.
    #[error("{endpoint} cannot be opened: {reason}")]
    Open {
        /// Which address.
        endpoint: Endpoint,
        /// What the system says.
        reason: String,
    },
    /// libzmq refused an operation on an open socket. A defect or an exhausted machine.
    #[error("ZeroMQ {operation} failed: {reason}")]
    Socket {
        /// What was tried.
        operation: &'static str,
        /// What libzmq says.
        reason: String,
    },
    /// A thread could not be started: the machine is out of resources.
    #[error("cannot start the thread {name}: {reason}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system says.
        reason: String,
    },
}

impl TransportError {
    pub(crate) fn socket(operation: &'static str, error: zmq::Error) -> TransportError {
        TransportError::Socket { operation, reason: error.message().into() }
    }
}

/// An [`Endpoint`] given where text might have been cannot fail.
impl From<std::convert::Infallible> for TransportError {
    fn from(never: std::convert::Infallible) -> TransportError {
        match never {}
    }
}

/// Names an operation in the error of a libzmq call.
pub(crate) trait During<T> {
    fn during(self, operation: &'static str) -> Result<T, TransportError>;
}

impl<T> During<T> for Result<T, zmq::Error> {
    fn during(self, operation: &'static str) -> Result<T, TransportError> {
        self.map_err(|error| TransportError::socket(operation, error))
    }
}
