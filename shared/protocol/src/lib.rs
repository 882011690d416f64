//! The pure heart: how rows get their numbers, and how a follower gets every one of them once, in order.
//!
//! All of it is state machines. Something happens, it is told (`handle_input`, `handle_timeout`), the
//! outputs are drained (`poll_output`), and the driver waits until `poll_timeout` says. Time is a value,
//! jitter comes from a seed, requests are outputs.
//!
//! | machine | its question |
//! |---|---|
//! | [`Sequencer`] | which number does this row get, and did it come before? |
//! | [`Coordinator`] | which rows come next, and what must be asked for? |
//! | [`RequestBudget`] | which of many coordinators may ask now? |
//! | [`Continuity`] | does a server without epochs still tell the same history? |
//! | [`HeartbeatSchedule`] | which of many logs must prove its end now? |
//!
//! It is not a codec (`gapless-wire`), not a journal (`gapless-journal`), not a driver of sockets
//! (`gapless-follow`) and not the state that the live-engine folds. There is no socket, file, thread, clock,
//! environment or randomness here: the crate builds for wasm32 without imports, and `clippy.toml` names
//! what must not be used.
//!
//! # Invariants
//! - A (stream, epoch, sequence) names one row: only [`Sequencer`] gives numbers out, contiguously from 1,
//!   and what was not written to the journal is taken back.
//! - What a [`Coordinator`] hands over is contiguous, or an event covers the difference: `Truncated`,
//!   `Rewind` or `Reset`. Nothing newer passes an open gap.
//! - `applied` goes back only with `Rewind` or `Reset`.
//! - Every buffer, window and list has a limit; at most one status and one replay request are out.
//! - Nothing is retried without a pause that grows, and nothing that a server denies is retried for ever.
//!
//! Following a log, in the smallest form:
//!
//! ```
//! use gapless_model::{Epoch, MonoTime, Seq, SeqRange};
//! use gapless_protocol::{Begin, Chunk, Coordinator, Input, LogStatus, Output, Settings};
//! let now = MonoTime(0);
//! let mut follower = Coordinator::new(Settings::default(), Begin::Earliest, 1, now);
//! let Some(Output::RequestStatus { request }) = follower.poll_output() else { panic!() };
//! // ... ask the replay side; it answers that there are two rows:
//! let status = LogStatus { epoch: Epoch(7), earliest: Seq(1), latest: Seq(2), epochs: vec![] };
//! follower.handle_input(Input::Status { request, status }, now);
//! let asked = std::iter::from_fn(|| follower.poll_output())
//!     .find_map(|output| if let Output::RequestReplay { range, .. } = output { Some(range) } else { None });
//! assert_eq!(asked, Some(SeqRange::of_len(Seq(1), 2)));
//! # let row = Chunk { epoch: Epoch(7), range: SeqRange::of_len(Seq(3), 1), bytes: 1, payload: "row 3" };
//! # follower.handle_input(Input::Live(row), now);
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod backoff;
mod continuity;
mod coordinator;
mod dedup;
mod epochs;
mod gap;
mod gap_tracker;
mod heartbeat;
mod input;
mod liveness;
mod log;
mod open_gaps;
mod output;
mod replay_scheduler;
mod request_budget;
mod request_slot;
mod sequencer;
mod settings;

pub use continuity::{Admission, Continuity, Verdict};
pub use coordinator::Coordinator;
pub use gap::{Counts, Gap, GapCause, Health};
pub use heartbeat::{HeartbeatSchedule, HeartbeatSettings, HeartbeatSlot};
pub use input::{Failure, Input};
pub use log::{Begin, Chunk, Claim, LogStatus, RequestId};
pub use output::{Event, Output, Source, TruncateReason};
pub use request_budget::RequestBudget;
pub use sequencer::{
    Conflict, MAX_EPOCHS, Outcome, ProducerRef, RecordHeader, Refusal, Sequenced, Sequencer, SequencerError,
    SequencerLimits, StreamView, Submission,
};
pub use settings::Settings;
