//! Checkpoints without sockets and threads: what a simulation of the whole system drives.
//!
//! A [`Schedule`] says when one is due, a [`Keeper`] writes what was fetched from the engine, reads it back, removes
//! old ones, and says up to where the journal need not keep anything. Time comes in as a value, files through a disk.

pub use crate::checkpoints::{Keeper, Kept, Schedule};
