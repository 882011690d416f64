//! Ingestion without its sockets: what a simulation of the whole system drives, and what the service runs.
//!
//! A submission is checked ([`Checked::new`]), a group of them is decided on and appended
//! ([`Recorder::record`]), the records are published, and each submission is answered as its [`Decision`]
//! says ([`Decision::answer`]). Followers are answered by [`answer`], producers on the wire by
//! [`submission`] and [`acknowledgement`]. After a death [`Ledger::restore`] gives back who was how far.
//!
//! Nothing here has a socket, a thread or a clock: time comes in as a value. Files are the journal's, which
//! lie on whatever disk it was opened over.
//!
//! # What the caller does, in this order
//! 1. `gapless_journal::open`, [`Ledger::restore`], [`Recorder::new`].
//! 2. Now and then [`Recorder::roll_if_due`]; then [`Recorder::record`] with what waits. A group that could
//!    not be written is refused whole ([`Refusal::unwritten`]); after [`JournalError::Broken`] the process
//!    has to end.
//! 3. Publish [`Recorded::records`], and only then give the answers: at once, or when
//!    [`Journal::synced`](gapless_journal::Journal::synced) has reached the position that
//!    [`Answer::WhenSynced`] names.
//! 4. [`Journal::retire`](gapless_journal::Journal::retire) once a second; a heartbeat
//!    ([`journal_status`]) 250 ms after a record and then each second.
//!
//! ```
//! use gapless_ingestion::core::{Answer, Checked, Ledger, Recorder};
//! use gapless_ingestion::{AckWhen, Submission};
//! use gapless_journal::{Opened, Options, open};
//! use gapless_model::{Candle, Flags, Kind, Rows, StreamKey, UnixMillis};
//! use std::sync::Arc;
//!
//! let dir = tempfile::tempdir()?;
//! let opened = open(Options::new(dir.path(), "boot-1"), UnixMillis(1))?;
//! let ledger = Arc::new(Ledger::restore(&opened, Default::default())?);
//! let Opened { appender, journal, .. } = opened;
//! let mut recorder = Recorder::new(ledger, appender);
//!
//! let row = Candle { ts: UnixMillis(0), open: 1.0, high: 2.0, low: 0.5, close: 1.5, volume: 3.0 };
//! let submission = Submission {
//!     key: StreamKey::new(Kind::Candles, "kraken", "BTC-USD", "1m")?,
//!     flags: Flags::NONE,
//!     rows: Rows::Candles(vec![row]),
//!     producer: None,
//!     ack: AckWhen::Written,
//! };
//! let recorded = recorder.record([Checked::new(submission)?], 1_000_000)?;
//! assert_eq!(recorded.records.len(), 1);
//! for decision in recorded.decisions {
//!     let answer = decision.answer(AckWhen::Written, recorded.appended, journal.synced());
//!     assert!(matches!(answer, Answer::Now(Ok(_))));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`JournalError::Broken`]: gapless_journal::JournalError::Broken
//! [`Refusal::unwritten`]: crate::Refusal::unwritten

mod answer;
mod decide;
mod followers;
mod ledger;
mod producers;
mod recorder;
mod restate;

pub use crate::intake::Checked;
pub use answer::Answer;
pub use decide::Decision;
pub use followers::{answer, journal_status};
pub(crate) use followers::{healthy, not_served};
pub use ledger::Ledger;
pub use producers::{acknowledgement, producer_status, submission};
pub use recorder::{Recorded, Recorder};

/// There is one partition.
pub const PARTITION: u32 = 0;
