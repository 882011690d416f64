//! What the container files say is true, also where no container engine is at hand: every program, flag, setting,
//! port, path and volume that they name exists, and the stack that they describe runs, in any order, and stops in time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod compose;
mod files;
mod local;
mod running;
mod said;
