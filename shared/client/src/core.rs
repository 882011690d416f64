//! A subscription's books without its threads: for tests that drive a whole system in one thread.
//! Applications use [`crate::Subscription`], which keeps them.

pub use crate::ledger::Ledger;
