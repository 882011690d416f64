//! Memory that all requests together may hold.
//!
//! A limit per request times the number of requests would either be far too much memory or far too few
//! requests; so bytes are counted where they are held, and who finds none left is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Bytes that can be reserved.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    left: Arc<AtomicUsize>,
}

/// Bytes that are held; they go back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    left: Arc<AtomicUsize>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Budget {
        Budget { left: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// Nothing yet, to be grown.
    pub(crate) fn reservation(&self) -> Reservation {
        Reservation { left: self.left.clone(), bytes: 0 }
    }
}

impl Reservation {
    /// Holds `bytes` more, if so many are left.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let taken = self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(bytes)).is_ok();
        if taken {
            self.bytes += bytes;
        }
        taken
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.left.fetch_add(self.bytes, SeqCst);
    }
}
