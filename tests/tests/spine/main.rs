//! The main job on real processes, sockets and files: every subscriber gets every row exactly once, in
//! order, from where it left off, whatever is lost, killed or restarted in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod client;
mod embedded;
mod files;
mod hostile;
mod kills;
mod loss;
mod services;
mod snapshots;
