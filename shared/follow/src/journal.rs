//! Following one journal partition.

pub(crate) mod dialect;
mod reply;

use crate::driver::{Driver, Wiring};
use crate::{FollowError, Progress};
use dialect::{JournalDialect, Shared};
use gapless_model::{Batch, Epoch, Position};
use gapless_protocol::{Begin, Event, Settings, Source};
use gapless_transport::{Context, Fault, WakeReceiver};
use gapless_wire::{JournalRecord, JournalStatusResponse};
use std::sync::Arc;
use std::time::Duration;

/// Events that wait for the application. A record is one batch: enough to keep a writer busy through one
/// commit, small enough to bound memory (a batch of a thousand candles has 56 KB).
const DEFAULT_QUEUE: usize = 256;
/// Messages queued at the socket: of one record each when they come one by one, of 64 KiB each when records come faster
/// than they are published. So a follower that is too slow holds a quarter of a gigabyte, more where single records are larger, and reads the rest
/// again.
const DEFAULT_RECEIVE_LIMIT: u32 = 4_000;
/// Requests in flight. There is one log, which has one of each kind at a time; the rest are the
/// follower's own.
pub(crate) const REQUESTS: usize = 4;

/// How to follow a journal partition.
pub struct JournalSettings {
    /// Address of the journal's live feed (5552 by default).
    pub live: String,
    /// Address of its replay side (5553 by default).
    pub replay: String,
    /// Which partition.
    pub partition: u32,
    /// The name under which the journal keeps what is not acknowledged yet, 1 to 128 printable ASCII
    /// characters; empty: it keeps nothing for this follower.
    pub follower_id: String,
    /// Where to begin; sequences are positions here.
    pub begin: Begin,
    /// Events that wait for the reader before no more messages are read; one message may go beyond it.
    pub queue: usize,
    /// Messages queued at the live socket before the publisher drops.
    pub receive_limit: u32,
    /// Limits of the coordinator.
    pub coordinator: Settings,
    /// Sockets' context; `None`: an own one. `inproc` addresses need a shared one.
    pub context: Option<Context>,
    /// Drops live messages on purpose; for tests.
    pub fault: Option<Fault>,
    /// How long live records may wait for more, so that one look finds many; zero for whoever is on a row's way to
    /// a screen.
    pub linger: Duration,
    /// Ends a wait when it is woken; `None`: nothing does but its timeout. It outlives the follower: another one may be
    /// started with it.
    pub wake: Option<WakeReceiver>,
}

impl JournalSettings {
    /// Partition 0, unregistered, with default limits.
    pub fn new(live: impl Into<String>, replay: impl Into<String>, begin: Begin) -> JournalSettings {
        JournalSettings {
            live: live.into(),
            replay: replay.into(),
            partition: 0,
            follower_id: String::new(),
            begin,
            queue: DEFAULT_QUEUE,
            receive_limit: DEFAULT_RECEIVE_LIMIT,
            coordinator: Settings::default(),
            context: None,
            fault: None,
            linger: Duration::ZERO,
            wake: None,
        }
    }
}

/// What a journal follower tells, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalEvent {
    /// A record, each position once and in order.
    Record {
        /// The record; its `batch` holds the bytes as they are published live.
        record: JournalRecord,
        /// The same batch, decoded.
        batch: Batch,
        /// The epoch to store with the position as a cursor; never older than the record's own.
        epoch: Epoch,
        /// Which way it came.
        source: Source,
    },
    /// Something that the reader must act on or may show. In [`Event::Rewind`] and the others,
    /// sequences are positions.
    Event(Event),
    /// The journal said how far it is, and it differs from what it said last. Comes before the first
    /// record whenever the replay side is there; in a new epoch only once that one is followed, after the
    /// [`Event::Rewind`] or [`Event::Reset`] that it may bring.
    Watermark {
        /// The current epoch.
        epoch: Epoch,
        /// The oldest record that is still there.
        earliest: Position,
        /// The newest record; [`Position::NONE`] before the first.
        latest: Position,
    },
    /// The answer to [`JournalFollower::request_streams`].
    Streams(JournalStatusResponse),
}

/// Follows one journal partition, on the thread of whoever reads it: sockets are read and timers run in
/// [`JournalFollower::wait`] alone, which is to be called again and again.
pub struct JournalFollower {
    driver: Driver<JournalDialect>,
    shared: Arc<Shared>,
}

impl JournalFollower {
    /// Begins to follow. It does not wait for the journal to be there.
    ///
    /// # Errors
    /// [`FollowError`] when an address or the follower's name cannot be used.
    pub fn start(settings: JournalSettings) -> Result<JournalFollower, FollowError> {
        check_id(&settings.follower_id)?;
        let shared = Arc::new(Shared::default());
        let dialect =
            JournalDialect::new(settings.partition, settings.follower_id, settings.begin, shared.clone());
        let wiring = Wiring {
            context: settings.context,
            live: settings.live,
            replay: settings.replay,
            receive_limit: settings.receive_limit,
            queue: settings.queue,
            requests: REQUESTS,
            settings: settings.coordinator,
            fault: settings.fault,
            linger: settings.linger,
            wake: settings.wake,
        };
        Ok(JournalFollower { driver: Driver::start(dialect, wiring)?, shared })
    }

    /// What happened next, if it is known already. Never waits.
    pub fn try_next(&mut self) -> Option<JournalEvent> {
        self.driver.try_next()
    }

    /// Waits until something may have happened, `timeout` at most, or until it is [woken](JournalSettings::wake).
    /// While more events wait to be taken than [`JournalSettings::queue`], nothing is read.
    ///
    /// # Errors
    /// [`FollowError::Transport`] when a socket failed: nothing comes any more.
    pub fn wait(&mut self, timeout: Duration) -> Result<(), FollowError> {
        Ok(self.driver.step(Some(timeout))?)
    }

    /// What happens next; `None` when nothing did until the timeout.
    ///
    /// # Errors
    /// As [`JournalFollower::wait`].
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<JournalEvent>, FollowError> {
        Ok(self.driver.next_timeout(timeout)?)
    }

    /// Everything up to `position` is safe here: the journal may retire it. `epoch` is the one of the last
    /// [`JournalEvent`] that was dealt with and states one: a journal in another epoch takes no notice, since
    /// its records at these positions may be others. Told to the journal within about a second
    /// of [waiting](JournalFollower::wait). Without a
    /// `follower_id` it has no effect.
    pub fn acknowledge(&self, epoch: Epoch, position: Position) {
        self.shared.acknowledge(epoch, position);
    }

    /// Nothing after `position` is safe here any more. Needed after [`Event::Rewind`] and [`Event::Reset`],
    /// once what came before them was dealt with: positions are given out anew in the new `epoch`.
    pub fn take_back(&self, epoch: Epoch, position: Position) {
        self.shared.take_back(epoch, position);
    }

    /// Asks for the sequencer's view of every stream; the answer is [`JournalEvent::Streams`]. Retried
    /// until it comes. Needed after [`Event::Rewind`], to know which rows are gone.
    pub fn request_streams(&self) {
        self.shared.want_streams();
    }

    /// How far it is, as of at most a quarter of a second of waiting ago; `None` before the first look.
    pub fn progress(&self) -> Option<Progress> {
        self.shared.progress()
    }
}

impl std::fmt::Debug for JournalFollower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalFollower").finish_non_exhaustive()
    }
}

fn check_id(id: &str) -> Result<(), FollowError> {
    if id.len() > gapless_wire::MAX_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(FollowError::Settings(format!(
            "follower_id {id:?} is not usable: at most {} printable ASCII characters",
            gapless_wire::MAX_ID_BYTES
        )));
    }
    Ok(())
}
