//! ZeroMQ sockets with an owner each, bounded queues and endpoints that are checked before use.
//!
//! It is the only crate that knows libzmq: frames in, frames out. It is not a codec, it retries nothing
//! and it decides nothing about gaps; that is `gapless-protocol`, driven by `gapless-follow`.
//!
//! # Invariants
//! - A socket belongs to one thread at a time, its owner or whoever holds its lock: every socket type is `Send`, none
//!   is `Sync`.
//! - Nothing here blocks on a peer: publishing drops for a slow subscriber, answering drops for a slow
//!   requester, sending a request reports that it could not be queued.
//! - Every socket has a finite linger, a largest message and queue limits, set before bind or connect.
//! - There are no ZMTP heartbeats: clients in the field take a PING for a codec error.
//!
//! ```
//! use gapless_transport::{Context, Publisher, PublisherSettings, Subscriber, SubscriberSettings};
//! use std::time::Duration;
//!
//! let context = Context::new();
//! let mut live = Publisher::bind(&context, "tcp://127.0.0.1:*", PublisherSettings::default())?;
//! let mut follower = Subscriber::connect(&context, live.endpoint(), SubscriberSettings::default())?;
//! follower.subscribe("candles.")?;
//! live.send("candles.a.b.1m", [b"an envelope".as_slice()])?;
//! let _frames = follower.receive(Duration::from_millis(1))?; // None: a PUB drops until the peer is there
//! # Ok::<(), gapless_transport::TransportError>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod context;
mod endpoint;
mod error;
mod frame;
mod holder;
mod inbox;
mod link;
mod poller;
mod publisher;
mod requester;
mod router;
mod router_server;
mod subscriber;
mod wake;

pub use context::{Context, DEFAULT_LINGER, MAX_MESSAGE_BYTES};
pub use endpoint::{Endpoint, MAX_IPC_PATH_BYTES};
pub use error::TransportError;
pub use frame::Frame;
pub use poller::{Source, wait_any};
pub use publisher::{Publisher, PublisherSettings, Subscription};
pub use requester::{Reach, ReplySignal, Requester, RequesterSettings, Sent};
pub use router::{Hooks, PeerId, Replier, Request, Router, RouterCounts, RouterSettings};
pub use router_server::RouterServer;
pub use subscriber::{Fault, Subscriber, SubscriberSettings};
pub use wake::{WakeReceiver, Waker, wake_pair};

#[cfg(test)]
mod tests;
