//! The release of `zeromq` that old clients pin.

use ::zeromq_0_4 as zeromq;

#[path = "sockets.rs"]
mod sockets;

pub(crate) use sockets::{Client, Server};
