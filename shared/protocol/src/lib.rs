//! The pure machines: sequencer, gap tracker, coordinator, replay scheduler, heartbeat, dedup.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod backoff;
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

pub use coordinator::Coordinator;
pub use gap::{Counts, Gap, GapCause, Health};
pub use heartbeat::{HeartbeatSchedule, HeartbeatSettings, HeartbeatSlot};
pub use input::{Failure, Input};
pub use log::{Begin, Chunk, LogStatus, RequestId};
pub use output::{Event, Output, Source, TruncateReason};
pub use request_budget::RequestBudget;
pub use sequencer::{
    Conflict, MAX_EPOCHS, Outcome, ProducerRef, RecordHeader, Refusal, Sequenced, Sequencer, SequencerError,
    SequencerLimits, StreamView, Submission,
};
pub use settings::Settings;
