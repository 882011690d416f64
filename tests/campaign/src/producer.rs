//! Producers that send until they are told to end, and then until everything is acknowledged.

mod http;
mod numbered;

pub(crate) use http::HttpProducer;
pub(crate) use numbered::NumberedProducer;

use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How fast a producer sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// A batch for each of its lanes, this often.
    pub(crate) every: Duration,
    /// Rows of a batch: from 1 up to this.
    pub(crate) most_rows: u64,
}

/// What happened to a producer.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Tally {
    /// Batches acknowledged.
    pub acknowledged: u64,
    /// Of those, how many had been there already: an answer had been lost.
    pub duplicates: u64,
    /// Batches sent again.
    pub resent: u64,
    /// Of the tries, how many were answered with a refusal that passes (429, 503, 507).
    pub refused: u64,
    /// Of those, because the disk was full (507).
    pub no_space: u64,
    /// Tries without an answer.
    pub unanswered: u64,
    /// Batches that it would have made while too many waited.
    pub held_back: u64,
}

/// A [`Tally`] that several threads see.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tallied(Arc<Mutex<Tally>>);

impl Tallied {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
