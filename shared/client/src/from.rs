//! Where a subscription begins.

use gapless_model::{Seq, UnixNanos};

/// Where a subscription begins on each of its streams.
///
/// A stream for which the store has a cursor always goes on after that cursor; this is for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    /// At the oldest row that is still served.
    Start,
    /// At the next row; nothing of the past.
    Latest,
    /// At this row.
    Sequence(Seq),
    /// At the first row that is not older than this.
    Time(UnixNanos),
    /// At the stored cursor; at the start when there is none.
    #[default]
    Cursor,
}
