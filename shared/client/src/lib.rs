//! Follow live streams without a gap: subscribe, resume, heal, know how it is. And send into them.
//!
//! A subscription hands over every row of the streams that it asks for: each exactly once, in order, from
//! where the application left off, whatever is lost or restarted in between. What cannot be healed is an
//! [`Event`], never a silence.
//!
//! ```no_run
//! use gapless::{Event, From, Subscription};
//!
//! let subscription = Subscription::builder().prefix("candles.").from(From::Start).start()?;
//! for event in subscription {
//!     match event? {
//!         Event::Rows(batch) => println!("{} {} rows {}", batch.key, batch.rows.len(), batch.range()),
//!         other => println!("{}: {other:?}", other.key()),
//!     }
//! }
//! # Ok::<(), gapless::Error>(())
//! ```
//!
//! - [`Subscription`] is a blocking iterator, [`EventStream`] the same for async code on any runtime.
//! - [`CursorStore`] keeps where the application is. [`DuckStore`] keeps rows, cursors and the gap ledger in
//!   one DuckDB file, in one transaction: [`SubscriptionBuilder::into_duckdb`] is the whole application.
//! - [`Producer`] sends rows; numbers make its retries harmless.
//! - [`Client`] asks the services: streams, status, state, ranges.
//!
//! It is not where gaps are reasoned about (`gapless-protocol`) nor where sockets live
//! (`gapless-transport`); it puts them together for applications.
//!
//! # Invariants
//! - Rows of a stream are handed over in sequence; every hole is announced before the rows after it.
//! - A cursor moves only past rows that the application has acknowledged, with its epoch, in one write.
//! - Every queue is bounded; a slow application makes the network drop, which is healed.
//!
//! # Features
//! `duckdb` (default): [`DuckStore`]. Without it nothing links DuckDB.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod ask;
mod backoff;
mod builder;
mod checkpoint;
mod client;
#[doc(hidden)]
pub mod core;
mod endpoints;
mod error;
mod event;
mod event_stream;
mod feed;
mod from;
#[cfg(feature = "duckdb")]
mod into_duckdb;
mod ledger;
mod producer;
mod rate;
mod reader;
mod report;
mod state_desk;
mod store;
mod subscription;

pub use builder::{DEFAULT_RECEIVE_LIMIT, SubscriptionBuilder};
pub use checkpoint::EngineCheckpoint;
pub use client::{Client, DEFAULT_PATIENCE};
pub use endpoints::Endpoints;
pub use error::{BoxError, Error, Service};
pub use event::{Event, Gap, GapCause, Health, State, TruncateReason};
pub use event_stream::EventStream;
pub use feed::Stopper;
pub use from::From;
#[cfg(feature = "duckdb")]
pub use into_duckdb::Filled;
pub use ledger::Acknowledge;
pub use producer::{
    DEFAULT_BACKOFF_MAX, DEFAULT_BACKOFF_MIN, DEFAULT_GROUP_AFTER, DEFAULT_IN_FLIGHT_PER_STREAM,
    DEFAULT_MAX_BATCHES, DEFAULT_MAX_BYTES, DEFAULT_REPLY_TIMEOUT, Numbering, OnForgotten, Producer,
    ProducerCounts, ProducerSettings, Receipt, Refused, Ticket,
};
pub use reader::{JournalReader, Page, Reader};
pub use report::{GapCounts, StreamReport};
pub use store::{Cursor, CursorStore, MemoryStore};
#[cfg(feature = "duckdb")]
pub use store::{DEFAULT_COMMIT_EVERY, DEFAULT_COMMIT_ROWS, DuckSettings, DuckStore, DuckTotals};
pub use subscription::{Acks, Subscription};

// The nouns that an application meets, so that it needs no other crate.
pub use gapless_model::{
    Batch, Candle, Digest, Epoch, EpochStart, Flags, Interval, KeyError, Kind, MetricRows, Position,
    RowError, Rows, Seq, SeqRange, Severity, StreamKey, StreamStatus, UnixMillis, UnixNanos, Warning,
    Watermark,
};
pub use gapless_wire::{
    BackfillRequest, Durability, ErrorCode, ErrorResponse, JournalReadRequest, JournalReadResponse,
    JournalStatusResponse, ProducerStatusResponse,
};
