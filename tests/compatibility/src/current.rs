//! An old client on the release of `zeromq` that is current.

use ::zeromq;

#[path = "client.rs"]
mod client;

pub use client::Client;
