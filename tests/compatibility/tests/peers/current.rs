//! The release of `zeromq` that is current.

use ::zeromq;

use gapless_compatibility::current as client;

#[path = "sockets.rs"]
mod sockets;

pub(crate) use sockets::{Client, Server};
