//! Clients of the campaigns.

pub(crate) mod follow;
mod library;
mod watch;

pub(crate) use library::{Choice, LibraryClient};
pub(crate) use watch::{Followed, Seen, Watch};
