//! House rules that run as tests: layout, dependency directions, and the text of the sources.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dependencies;
mod docs;
mod layout;
mod sources;
