//! An old client on the release of `zeromq` that old clients pin.

use ::zeromq_0_4 as zeromq;

#[path = "client.rs"]
mod client;

pub use client::Client;
