//! Backfill without its sockets, threads and DuckDB: what a simulation of the whole system drives.
//!
//! Two halves share a [`SharedHot`] window. [`Intake`] takes in what the journal's follower tells and says
//! what is to be written to the archive; [`answer`] answers requests from the window and from a [`Shelf`],
//! which is the archive as readers see it. Nothing here has a socket, a thread, a file or a clock; the window
//! is behind a lock because the service answers on other threads than it writes on.
//!
//! Driving an [`Intake`]: start the journal's follower at [`Intake::begin`]; feed its events as
//! [`Input::Journal`], but only while [`Intake::takes_events`]; call [`Intake::handle_timeout`] at
//! [`Intake::poll_timeout`]; after each call poll [`Intake::poll_output`] until `None`. A [`Write`] is done to
//! the archive as one transaction that leaves rows, position and epoch changed together or not at all; what
//! came of it is the next [`Input::Written`] (with the archive's position and epoch as they are then) or
//! [`Input::Failed`] (with the same write). After a crash the archive's position and epoch are all that a new
//! `Intake` needs.
//!
//! What an archive has to do for each write is written at [`Write`], and done by `gapless_store::Archive`:
//!
//! | write | archive |
//! |---|---|
//! | [`Write::Commit`] | `append`: records at or below the position are left out; a stream that goes on above its end has a hole |
//! | [`Write::Rewind`] | `rewind`: of each stream stays what lies before its first epoch after `from`, and not above its latest in the view; unknown streams go; position = min(position, keep), epoch = `to` |
//! | [`Write::Reset`] | `reset`: everything goes, position 0, epoch = `to` |
//! | [`Write::SkipTo`] | `skip_to`: the position moves up, nothing else |
//! | [`Write::TakeView`] | `take_view`: epoch histories are replaced; where the view's latest is above the archive's, the rows between are a hole, also of a stream that the archive did not know |
//!
//! ```
//! use gapless_backfill::core::{Hot, HotLimits, Intake, SharedHot};
//! use gapless_model::{Epoch, Position};
//! use gapless_protocol::Begin;
//! use std::time::Duration;
//!
//! let limits = HotLimits { stream_rows: 10_000, stream_bytes: 8 << 20, total_bytes: 256 << 20 };
//! let hot = SharedHot::new(Hot::new(limits));
//! let intake = Intake::new(Duration::from_millis(200), hot, Position::NONE, Epoch::UNSTATED);
//! assert_eq!(intake.begin(), Begin::Earliest, "an empty archive wants everything");
//! ```

pub use crate::answer::answer;
pub use crate::hot::{Hot, HotLimits};
pub use crate::intake::{Input, Intake, Output, Write};
pub use crate::library::{Library, LookError, MAX_STREAMS, SharedHot};
pub use crate::plan::Question;
pub use crate::served::{Body, Part, Served};
pub use crate::shelf::{Shelf, Shelved};
