//! Clients of the campaigns.

mod chart;
pub(crate) mod follow;
mod library;
mod watch;

pub(crate) use chart::ChartClient;
pub(crate) use library::{Choice, LibraryClient};
pub(crate) use watch::{Followed, Seen, Watch};
