//! The one who writes: from the journal into memory at once, and into the archive several times a second.
//!
//! A record is served from memory as soon as it is read, and acknowledged to the journal once it is
//! committed. When the disk does not take rows, they stay pending up to a limit; then the journal is not
//! read any further and keeps them.
//!
//! The complication is a journal that lost history. Which rows of which stream are gone is known to the
//! journal alone, so after a rewind its view of every stream is asked for, and records that come meanwhile
//! are held back.

mod commit;
mod history;

use crate::config::Config;
use crate::error::Error;
use crate::library::SharedHot;
use crate::meters::{Meters, SERVICE};
use crossbeam_channel::{Receiver, Sender, TryRecvError, never, select};
use gapless_follow::{JournalEvent, JournalFollower, JournalSettings, Progress};
use gapless_model::{Batch, Epoch, Position, Seq};
use gapless_protocol::{Begin, Event, Health};
use gapless_service_kit::Shutdown;
use gapless_service_kit::health::{Condition, condition};
use gapless_store::Archive;
use gapless_transport::Context;
use gapless_wire::JournalRecord;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Rows and bytes that wait for the next commit; more are committed at once. About what DuckDB takes in a
/// second, and little beside what it may use itself.
const PENDING_ROWS: u64 = 100_000;
const PENDING_BYTES: usize = 32 << 20;
/// Records held back during a rewind before the journal is followed anew.
const HELD_RECORDS: usize = 65_536;
const HELD_BYTES: usize = 64 << 20;
/// Events handled per turn before timers are looked at.
const EVENTS_PER_TURN: usize = 256;
/// How often counters are looked at.
const MEASURE_EVERY: Duration = Duration::from_millis(500);

/// A record on its way into the archive.
struct Incoming {
    position: Position,
    batch: Batch,
    bytes: Arc<[u8]>,
}

/// What the writer is doing.
enum Phase {
    /// Records go into memory and the archive.
    Following,
    /// The journal lost history; its view of the streams is awaited.
    Rewinding { from: Epoch, to: Epoch, keep: Position, held: Vec<Incoming>, held_bytes: usize },
}

/// Rows that are not committed yet.
#[derive(Default)]
struct Pending {
    records: Vec<(Position, Batch)>,
    rows: u64,
    bytes: usize,
}

impl Pending {
    fn push(&mut self, position: Position, batch: Batch) {
        self.rows += batch.rows.len() as u64;
        self.bytes += batch.rows.approx_bytes();
        self.records.push((position, batch));
    }

    fn is_full(&self) -> bool {
        self.rows >= PENDING_ROWS || self.bytes >= PENDING_BYTES
    }
}

/// What the writer works with.
pub(crate) struct Parts {
    pub(crate) archive: Archive,
    pub(crate) hot: SharedHot,
    /// Told when a hot table is full.
    pub(crate) sealing: Sender<()>,
    /// Set once the journal was read.
    pub(crate) is_ready: Arc<AtomicBool>,
    pub(crate) meters: Meters,
    pub(crate) shutdown: Shutdown,
}

/// The writer.
pub(crate) struct Writer {
    config: Config,
    context: Context,
    archive: Archive,
    hot: SharedHot,
    follower: JournalFollower,
    meters: Meters,
    shutdown: Shutdown,
    sealing: Sender<()>,
    is_ready: Arc<AtomicBool>,
    phase: Phase,
    pending: Pending,
    commit_at: Option<Instant>,
    failing_since: Option<Instant>,
    retain_at: Instant,
    measure_at: Instant,
    /// The journal's epoch as last told, and the one whose histories the archive has.
    journal_epoch: Epoch,
    histories_of: Epoch,
    is_caught_up: bool,
    caught_up: Condition,
    writable: Condition,
    progress: Option<Progress>,
}

impl Writer {
    /// Begins to follow the journal from where the archive is.
    pub(crate) fn start(config: Config, context: Context, parts: Parts) -> Result<Writer, Error> {
        let Parts { archive, hot, sealing, is_ready, meters, shutdown } = parts;
        let follower = follow(&config, &context, &archive)?;
        let writable = condition(SERVICE, "archive-writable", "");
        writable.holds();
        let now = Instant::now();
        Ok(Writer {
            follower,
            context,
            archive,
            hot,
            meters,
            shutdown,
            sealing,
            is_ready,
            phase: Phase::Following,
            pending: Pending::default(),
            commit_at: None,
            failing_since: None,
            retain_at: now,
            measure_at: now,
            journal_epoch: Epoch::UNSTATED,
            histories_of: Epoch::UNSTATED,
            is_caught_up: false,
            caught_up: condition(SERVICE, "journal-read", "reading the journal"),
            writable,
            progress: None,
            config,
        })
    }

    /// Writes until the stop is asked for; then commits what is in memory.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        let stop = self.shutdown.receiver();
        while !self.shutdown.is_requested() {
            self.wait(&stop)?;
            self.handle_timeouts()?;
        }
        self.commit()?;
        if !self.pending.records.is_empty() {
            tracing::warn!(rows = self.pending.rows, "rows stay uncommitted: the journal still has them");
        }
        tracing::info!(position = self.archive.position().0, "archive closed");
        Ok(())
    }

    /// Waits for an event, handles some, or returns when a timer is due.
    fn wait(&mut self, stop: &Receiver<()>) -> Result<(), Error> {
        let events = if self.is_held_up() { never() } else { self.follower.events().clone() };
        let due = [self.commit_at, Some(self.retain_at), Some(self.measure_at)].into_iter().flatten().min();
        let timeout = due.map_or(MEASURE_EVERY, |due| due.saturating_duration_since(Instant::now()));
        select! {
            recv(events) -> event => match event {
                Ok(event) => self.handle_event(event)?,
                Err(_) => return Err(Error::FollowerEnded),
            },
            recv(stop) -> _ => return Ok(()),
            default(timeout) => return Ok(()),
        }
        for _ in 0..EVENTS_PER_TURN {
            if self.is_held_up() {
                return Ok(());
            }
            match self.follower.events().try_recv() {
                Ok(event) => self.handle_event(event)?,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(Error::FollowerEnded),
            }
        }
        Ok(())
    }

    /// Whether the journal has to keep what comes next.
    fn is_held_up(&self) -> bool {
        self.pending.is_full()
    }

    fn handle_timeouts(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if self.commit_at.is_some_and(|at| now >= at)
            || (self.pending.is_full() && self.failing_since.is_none())
        {
            self.commit()?;
        }
        if now >= self.retain_at {
            self.retain();
        }
        if now >= self.measure_at {
            self.measure_at = now + MEASURE_EVERY;
            self.measure();
        }
        Ok(())
    }

    fn handle_event(&mut self, event: JournalEvent) -> Result<(), Error> {
        match event {
            JournalEvent::Record { record, batch, source, .. } => {
                self.meters.applied(source);
                self.handle_record(record, batch)
            }
            JournalEvent::Watermark { epoch, .. } => {
                self.journal_epoch = epoch;
                self.want_histories();
                Ok(())
            }
            JournalEvent::Streams(status) => self.handle_streams(&status),
            JournalEvent::Event(event) => self.handle_log_event(event),
        }
    }

    fn handle_record(&mut self, record: JournalRecord, batch: Batch) -> Result<(), Error> {
        let incoming = Incoming { position: record.position, batch, bytes: record.batch.into() };
        match &mut self.phase {
            Phase::Following => {
                self.take(incoming);
                Ok(())
            }
            Phase::Rewinding { held, held_bytes, .. } => {
                *held_bytes += incoming.bytes.len();
                held.push(incoming);
                if held.len() >= HELD_RECORDS || *held_bytes >= HELD_BYTES {
                    self.follow_anew()
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Into memory at once, into the archive with the next commit.
    fn take(&mut self, incoming: Incoming) {
        let Incoming { position, batch, bytes } = incoming;
        self.hot.write(|hot| hot.insert(position, &batch, bytes));
        self.pending.push(position, batch);
        if self.commit_at.is_none() {
            self.commit_at = Some(Instant::now() + self.config.commit_every.0);
        }
    }

    fn handle_log_event(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Rewind { from, to, keep } => self.handle_rewind(from, to, Position(keep.0)),
            Event::Reset { from, to } => self.handle_reset(from, to)?,
            Event::Truncated { range, .. } => self.handle_truncated(range)?,
            Event::CaughtUp { at } => self.handle_caught_up(at),
            Event::Health(health) => self.handle_health(health),
            Event::GapOpened(gap) => {
                tracing::debug!(range = %gap.range, cause = gap.cause.name(), "journal gap opened");
            }
            Event::GapHealed(gap) => tracing::debug!(range = %gap.range, "journal gap healed"),
        }
        Ok(())
    }

    fn handle_caught_up(&mut self, at: Seq) {
        if !self.is_ready.swap(true, Ordering::SeqCst) {
            tracing::info!(position = at.0, "the journal is read");
        }
        self.is_caught_up = true;
        self.caught_up.holds();
        self.want_histories();
    }

    fn handle_health(&mut self, health: Health) {
        tracing::info!(health = health.name(), "journal");
        match health {
            Health::Disconnected | Health::Connecting | Health::Stalled => {
                self.caught_up.fails(format!("the journal is {}", health.name()));
            }
            Health::Subscribed | Health::Receiving | Health::Backfilling => {
                if self.is_caught_up {
                    self.caught_up.holds();
                }
            }
        }
    }
}

/// Follows the journal from where the archive is.
fn follow(config: &Config, context: &Context, archive: &Archive) -> Result<JournalFollower, Error> {
    let (position, epoch) = (archive.position(), archive.epoch());
    let is_new = position == Position::NONE || !epoch.is_stated();
    let begin = if is_new { Begin::Earliest } else { Begin::Cursor { epoch, applied: Seq(position.0) } };
    let settings = JournalSettings {
        follower_id: config.follower_id.clone(),
        context: Some(context.clone()),
        ..JournalSettings::new(&config.journal_live, &config.journal_replay, begin)
    };
    Ok(JournalFollower::start(settings)?)
}
