//! The engine without its sockets: what a simulation of the whole system drives.
//!
//! Records go into an [`Engine`] as the journal's follower hands them over, together with what it says of
//! the journal's end ([`Engine::handle_watermark`], [`Engine::handle_caught_up`]) and of its retired
//! beginning ([`Engine::handle_truncated`]). After a rewind or a reset a new engine replaces the old one.
//! Out come, per record, whether to publish it ([`Folded`]), and derived batches for ingestion, which the
//! caller takes from [`Outbox::poll_send`] and whose answers it brings back.
//!
//! [`Engine::freeze`] gives the whole state after one record, [`Engine::restore`] takes it back: then the records
//! after it give the same engine as all records do.
//!
//! Where to begin is a [`History`]'s to say: it looks for the newest checkpoint that a [`Restart`] allows. States
//! that are being handed out lie on a [`Shelf`], from which [`answer`] answers.
//!
//! Nothing here has a socket, a thread or a clock; time comes in as a value, files through a disk.
//!
//! ```
//! use gapless_live_engine::core::{Engine, Limits};
//! use gapless_model::{Epoch, Position};
//!
//! let mut engine = Engine::new(&Limits { window_rows: 300, max_streams: 1000 }, &[], None);
//! engine.handle_watermark(Epoch(1), Position(1), Position(0));
//! assert!(engine.is_live(), "an empty journal is read at once");
//! ```

pub use crate::answer::answer;
pub use crate::checkpoint::{Frozen, PART_BYTES, RestoreError};
pub use crate::derive::{Deriver, Forming, Rule, RuleError, RuleText};
pub use crate::engine::{Engine, Folded, Limits};
pub use crate::history::{Beginning, History, PassedOver};
pub use crate::outbox::{Outbox, Outcome, PRODUCER_ID, Reply, Send};
pub use crate::restart::Restart;
pub use crate::shelf::Shelf;
pub use crate::state::{Mismatch, State, StreamIndex, StreamState};
