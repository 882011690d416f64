//! A subscription's books and the fetching of a checkpoint without threads and sockets: for tests that drive
//! a whole system in one thread. Applications use [`crate::Subscription`] and [`crate::Client`].

pub use crate::checkpoint::Fetch;
pub use crate::ledger::Ledger;
