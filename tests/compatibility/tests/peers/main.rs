//! Peers of version 1 on three implementations (the pure-Rust `zeromq` crate in its current release and in the one that
//! old clients pin, and Python with pyzmq): our services serve the old client, and our client follows the old server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
// Two releases of one crate are spoken to in the same words.
#![allow(clippy::duplicate_mod)]

mod current;
mod followed;
mod peer;
mod pinned;
mod python;

mod served;
mod trouble;
