//! The release of `zeromq` that is current.

use ::zeromq;

#[path = "sockets.rs"]
mod sockets;

pub(crate) use sockets::{Client, Server};
