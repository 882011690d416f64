//! The release of `zeromq` that old clients pin.

use ::zeromq_0_4 as zeromq;

use gapless_compatibility::pinned as client;

#[path = "sockets.rs"]
mod sockets;

pub(crate) use sockets::{Client, Server};
