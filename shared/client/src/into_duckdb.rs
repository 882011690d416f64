//! Following streams into a DuckDB file, as a whole application.

use crate::{Acknowledge, DuckStore, DuckTotals, Error, StreamReport, Subscription, SubscriptionBuilder};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often progress is told while nothing comes.
const TICK: Duration = Duration::from_millis(100);

/// How far the filling of a file is.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    /// Rows that were committed.
    pub rows: u64,
    /// Rows that came although they were there; they were left out.
    pub duplicates: u64,
    /// Rows that were taken back because history was lost upstream.
    pub removed: u64,
    /// Transactions.
    pub commits: u64,
    /// How every stream is.
    pub streams: Vec<StreamReport>,
}

impl SubscriptionBuilder {
    /// Follows into the DuckDB file at `path`: rows, cursor and gap ledger of every stream change together
    /// in transactions of at most 250 ms of data, so that the file is right after any crash. Streams that
    /// the file has go on where they stand.
    ///
    /// `progress` is called some times a second and ends it by returning `Break`; it ends by itself with
    /// [`SubscriptionBuilder::until_caught_up`]. Everything received is committed before it returns.
    ///
    /// # Errors
    /// As [`SubscriptionBuilder::start`], and [`Error::Store`] when the file cannot be opened or written.
    pub fn into_duckdb(
        self,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(&Filled) -> ControlFlow<()>,
    ) -> Result<Filled, Error> {
        let store = DuckStore::open(path).map_err(|error| Error::Store(error.into()))?;
        let totals = store.totals();
        let mut subscription = self.acknowledge(Acknowledge::Explicit).store(store).start()?;
        let mut told = Instant::now();
        while !subscription.has_ended() {
            if let Some(event) = subscription.next_timeout(TICK)? {
                subscription.ack(event)?;
            }
            if told.elapsed() >= TICK {
                told = Instant::now();
                if progress(&filled(&subscription, &totals)).is_break() {
                    break;
                }
            }
        }
        subscription.commit()?;
        Ok(filled(&subscription, &totals))
    }
}

fn filled(subscription: &Subscription, totals: &DuckTotals) -> Filled {
    let done = totals.committed();
    Filled {
        rows: done.rows,
        duplicates: done.duplicates,
        removed: done.removed,
        commits: totals.commits(),
        streams: subscription.status(),
    }
}
