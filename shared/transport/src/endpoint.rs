//! Addresses, checked before libzmq sees them: its own complaints do not say what is wrong.

use crate::TransportError;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The longest path of an `ipc` address: one less than the room in `sockaddr_un`.
pub const MAX_IPC_PATH_BYTES: usize = 107;

/// A ZeroMQ address: `tcp://host:port`, `ipc://path` or `inproc://name` (the last only within one
/// [`crate::Context`]). Port 0 and `*` both mean "any free port" and can only be bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Tcp { host: String, port: u16 },
    Ipc { path: String },
    Inproc { name: String },
}

impl Endpoint {
    /// The port of a `tcp` address; 0 while it is still to be chosen.
    pub fn port(&self) -> Option<u16> {
        match &self.0 {
            Kind::Tcp { port, .. } => Some(*port),
            Kind::Ipc { .. } | Kind::Inproc { .. } => None,
        }
    }

    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match &self.0 {
            Kind::Tcp { host, .. } => host.starts_with("127.") || host == "localhost" || host == "[::1]",
            Kind::Ipc { .. } | Kind::Inproc { .. } => true,
        }
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        matches!(&self.0, Kind::Tcp { host, .. } if host.starts_with('['))
    }

    /// As libzmq wants it for a bind.
    pub(crate) fn to_bind(&self) -> Result<String, TransportError> {
        match &self.0 {
            Kind::Tcp { host, port: 0 } => Ok(format!("tcp://{}:*", bindable(host))),
            Kind::Tcp { host, port } => Ok(format!("tcp://{}:{port}", bindable(host))),
            Kind::Ipc { path } => {
                let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
                match folder {
                    Some(folder) if !folder.is_dir() => {
                        Err(bad(&self.to_string(), "its folder does not exist: create it first"))
                    }
                    _ => Ok(self.to_string()),
                }
            }
            Kind::Inproc { .. } => Ok(self.to_string()),
        }
    }

    /// As libzmq wants it for a connect.
    pub(crate) fn to_connect(&self) -> Result<String, TransportError> {
        match &self.0 {
            Kind::Tcp { port: 0, .. } => Err(bad(&self.to_string(), "name the port to connect to")),
            Kind::Tcp { host, .. } if host == "*" => {
                Err(bad(&self.to_string(), "name the host to connect to, such as 127.0.0.1"))
            }
            Kind::Tcp { .. } | Kind::Ipc { .. } | Kind::Inproc { .. } => Ok(self.to_string()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Endpoint, TransportError> {
        match text.split_once("://") {
            Some(("tcp", rest)) => tcp(text, rest),
            Some(("ipc", "")) => Err(bad(text, "the path is missing: ipc:///run/x")),
            Some(("ipc", path)) if path.len() > MAX_IPC_PATH_BYTES => {
                Err(bad(text, &format!("the path has {} bytes: at most {MAX_IPC_PATH_BYTES}", path.len())))
            }
            Some(("ipc", path)) if path.contains('\0') => Err(bad(text, "the path holds a NUL byte")),
            Some(("ipc", path)) => Ok(Endpoint(Kind::Ipc { path: path.into() })),
            Some(("inproc", name)) if name.is_empty() || name.contains('\0') => {
                Err(bad(text, "the name is missing: inproc://name"))
            }
            Some(("inproc", name)) => Ok(Endpoint(Kind::Inproc { name: name.into() })),
            _ => Err(bad(text, "write tcp://host:port, ipc:///path or inproc://name")),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Tcp { host, port: 0 } => write!(f, "tcp://{host}:*"),
            Kind::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Kind::Ipc { path } => write!(f, "ipc://{path}"),
            Kind::Inproc { name } => write!(f, "inproc://{name}"),
        }
    }
}

impl Endpoint {
    /// Whether somebody answers at this `ipc` path. libzmq would take it over without a word, and whoever had
    /// it would be out of reach for good.
    pub(crate) fn is_taken_path(&self) -> bool {
        match &self.0 {
            #[cfg(unix)]
            Kind::Ipc { path } => std::os::unix::net::UnixStream::connect(path).is_ok(),
            _ => false,
        }
    }
}

impl TryFrom<&str> for Endpoint {
    type Error = TransportError;
    fn try_from(text: &str) -> Result<Endpoint, TransportError> {
        text.parse()
    }
}

impl TryFrom<&String> for Endpoint {
    type Error = TransportError;
    fn try_from(text: &String) -> Result<Endpoint, TransportError> {
        text.parse()
    }
}

impl TryFrom<&Endpoint> for Endpoint {
    type Error = TransportError;
    fn try_from(endpoint: &Endpoint) -> Result<Endpoint, TransportError> {
        Ok(endpoint.clone())
    }
}

fn tcp(text: &str, rest: &str) -> Result<Endpoint, TransportError> {
    let (host, port) =
        rest.rsplit_once(':').ok_or_else(|| bad(text, "the port is missing: tcp://host:port"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let usable = match bracketed {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host == "*" || (!host.is_empty() && host.bytes().all(plain)),
    };
    if !usable {
        return Err(bad(text, "the host is not a name, an IPv4 address or an IPv6 address in brackets"));
    }
    let port = match port {
        "*" => 0,
        digits => digits
            .parse()
            .map_err(|_| bad(text, "the port is not a number from 1 to 65535, or * for any free one"))?,
    };
    Ok(Endpoint(Kind::Tcp { host: host.into(), port }))
}

/// libzmq binds to addresses and interfaces, not to names.
fn bindable(host: &str) -> &str {
    if host == "localhost" { "127.0.0.1" } else { host }
}

fn bad(endpoint: &str, reason: &str) -> TransportError {
    TransportError::Endpoint { endpoint: endpoint.chars().take(200).collect(), reason: reason.into() }
}
