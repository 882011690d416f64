//! What the producers remember: everything that was acknowledged, lane by lane.

use crate::load::Lane;
use gapless::StreamKey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An acknowledged batch whose place was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// Its first row in its lane, from 0.
    pub(crate) first: u64,
    /// Its rows.
    pub(crate) count: u64,
    /// The sequence that its first row got.
    pub(crate) sequence: u64,
}

/// One lane.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) lane: Lane,
    /// Rows made so far.
    pub(crate) made: u64,
    /// Rows acknowledged, from the first on without a hole.
    pub(crate) acknowledged: u64,
    /// Batches acknowledged.
    pub(crate) batches: u64,
    pub(crate) receipts: Vec<Receipt>,
    /// What went wrong for good.
    pub(crate) problems: Vec<String>,
    last: Instant,
    /// The longest time between two acknowledgements.
    pub(crate) longest_wait: Duration,
}

/// All lanes. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    pages: Arc<Mutex<BTreeMap<u32, Page>>>,
    forgetful: bool,
}

impl Book {
    /// One that keeps no receipts, so that it does not grow.
    pub(crate) fn forgetful() -> Book {
        Book { forgetful: true, ..Book::default() }
    }

    /// A lane begins.
    pub(crate) fn open(&self, lane: &Lane) {
        let page = Page {
            lane: lane.clone(),
            made: 0,
            acknowledged: 0,
            batches: 0,
            receipts: Vec::new(),
            problems: Vec::new(),
            last: Instant::now(),
            longest_wait: Duration::ZERO,
        };
        self.lock().insert(lane.number, page);
    }

    /// The next `count` rows are about to be sent; the first of them.
    pub(crate) fn make(&self, lane: &Lane, count: u64) -> u64 {
        self.with(lane, |page| {
            page.made += count;
            page.made - count
        })
    }

    /// A batch is acknowledged; `sequence` is 0 when its place was not told.
    pub(crate) fn acknowledge(&self, lane: &Lane, first: u64, count: u64, sequence: u64) {
        self.with(lane, |page| {
            if first != page.acknowledged {
                let due = page.acknowledged;
                page.problems.push(format!("row {first} is acknowledged where {due} was due"));
            }
            page.acknowledged = first + count;
            page.batches += 1;
            if sequence != 0 && !self.forgetful {
                page.receipts.push(Receipt { first, count, sequence });
            }
            let now = Instant::now();
            page.longest_wait = page.longest_wait.max(now - page.last);
            page.last = now;
        });
    }

    /// A batch was refused for good, which none should be.
    pub(crate) fn problem(&self, lane: &Lane, what: String) {
        self.with(lane, |page| page.problems.push(what));
    }

    /// Rows acknowledged so far, stream by stream: no follower may call itself gapless with fewer.
    pub(crate) fn watermarks(&self) -> BTreeMap<StreamKey, u64> {
        let mut found = BTreeMap::new();
        for page in self.lock().values() {
            *found.entry(page.lane.key.clone()).or_default() += page.acknowledged;
        }
        found
    }

    /// Everything.
    pub(crate) fn pages(&self) -> Vec<Page> {
        self.lock().values().cloned().collect()
    }

    fn with<T>(&self, lane: &Lane, change: impl FnOnce(&mut Page) -> T) -> T {
        let mut pages = self.lock();
        change(pages.get_mut(&lane.number).expect("a lane is opened before it is used"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
