//! The thread that writes: the journal's follower on one side, the archive on the other, and the
//! [`Intake`] between them, which decides everything.

use crate::config::Config;
use crate::error::Error;
use crate::intake::{Input, Intake, Output, Write};
use crate::library::SharedHot;
use crate::meters::{Meters, SERVICE};
use crossbeam_channel::Sender;
use gapless_follow::{Clock, JournalEvent, JournalFollower, JournalSettings, Progress};
use gapless_model::{Position, UnixMillis};
use gapless_protocol::Begin;
use gapless_service_kit::Shutdown;
use gapless_service_kit::health::{Condition, condition};
use gapless_store::{Archive, StoreError};
use gapless_transport::{Context, WakeReceiver, wake_pair};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Events handled per turn before timers are looked at.
const EVENTS_PER_TURN: usize = 256;
/// How long records may wait for more: far less than a gap takes to be healed, and a tenth of the looks at the socket
/// at ten thousand rows a second.
const LINGER: Duration = Duration::from_millis(1);
/// How often counters are looked at.
const MEASURE_EVERY: Duration = Duration::from_millis(500);
/// How often old rows are looked for, and how soon again while rows are being sorted.
const RETAIN_EVERY: Duration = Duration::from_secs(60);
const RETAIN_AGAIN: Duration = Duration::from_secs(1);

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
    parts: Parts,
    intake: Intake,
    follower: JournalFollower,
    /// Ends the follower's wait when the stop is asked for.
    wake: WakeReceiver,
    clock: Clock,
    retain_at: Instant,
    measure_at: Instant,
    caught_up: Condition,
    writable: Condition,
    progress: Option<Progress>,
}

impl Writer {
    /// Begins to follow the journal from where the archive is.
    pub(crate) fn start(config: Config, context: Context, parts: Parts) -> Result<Writer, Error> {
        let (position, epoch) = (parts.archive.position(), parts.archive.epoch());
        let intake = Intake::new(config.commit_every.0, parts.hot.clone(), position, epoch);
        let (waker, wake) = wake_pair()?;
        parts.shutdown.on_request(move || waker.wake());
        let follower = follow(&config, &context, &wake, intake.begin())?;
        let writable = condition(SERVICE, "archive-writable", "");
        writable.holds();
        let now = Instant::now();
        Ok(Writer {
            config,
            context,
            parts,
            intake,
            follower,
            wake,
            clock: Clock::start(),
            retain_at: now,
            measure_at: now,
            caught_up: condition(SERVICE, "journal-read", "reading the journal"),
            writable,
            progress: None,
        })
    }

    /// Writes until the stop is asked for; then commits what is in memory.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        while !self.parts.shutdown.is_requested() {
            if !self.read_journal()? {
                self.wait()?;
            }
            self.handle_timeouts()?;
        }
        self.handle(Input::Flush)?;
        let rows = self.intake.pending_rows();
        if rows > 0 {
            tracing::warn!(rows, "rows stay uncommitted: the journal still has them");
        }
        tracing::info!(position = self.parts.archive.position().0, "archive closed");
        Ok(())
    }

    /// Takes what the journal's follower has read; whether there may be more of it.
    fn read_journal(&mut self) -> Result<bool, Error> {
        for _ in 0..EVENTS_PER_TURN {
            if !self.intake.takes_events() {
                return Ok(false);
            }
            let Some(event) = self.follower.try_next() else { return Ok(false) };
            self.handle_event(event)?;
        }
        Ok(true)
    }

    /// Reads the journal's sockets, once there is something on them, or returns when a timer is due.
    fn wait(&mut self) -> Result<(), Error> {
        let intake = self.intake.poll_timeout().map(|(due, _)| self.clock.instant(due));
        let due = [intake, Some(self.retain_at), Some(self.measure_at)].into_iter().flatten().min();
        let timeout = due.map_or(MEASURE_EVERY, |due| due.saturating_duration_since(Instant::now()));
        Ok(self.follower.wait(timeout)?)
    }

    fn handle_timeouts(&mut self) -> Result<(), Error> {
        self.intake.handle_timeout(self.clock.now());
        self.drain()?;
        let now = Instant::now();
        if now >= self.retain_at {
            self.retain_at = now + self.retain();
        }
        if now >= self.measure_at {
            self.measure_at = now + MEASURE_EVERY;
            self.measure();
        }
        Ok(())
    }

    fn handle_event(&mut self, event: JournalEvent) -> Result<(), Error> {
        if let JournalEvent::Record { source, .. } = &event {
            self.parts.meters.applied(*source);
        }
        self.handle(Input::Journal(event))
    }

    fn handle(&mut self, input: Input) -> Result<(), Error> {
        self.intake.handle_input(input, self.clock.now());
        self.drain()
    }

    /// Does what the intake wants until it wants nothing more.
    fn drain(&mut self) -> Result<(), Error> {
        while let Some(output) = self.intake.poll_output() {
            match output {
                Output::Write(write) => {
                    let done = self.write(write)?;
                    self.intake.handle_input(done, self.clock.now());
                }
                Output::Acknowledge { epoch, position } => self.follower.acknowledge(epoch, position),
                Output::TakeBack { epoch, position } => self.follower.take_back(epoch, position),
                Output::RequestStreams => self.follower.request_streams(),
                Output::FollowAnew(begin) => {
                    self.progress = None;
                    self.follower = follow(&self.config, &self.context, &self.wake, begin)?;
                }
                Output::Ready => {
                    self.parts.is_ready.store(true, Ordering::SeqCst);
                    self.caught_up.holds();
                }
                Output::Behind { reason } => self.caught_up.fails(reason),
                Output::Writable => self.writable.holds(),
                Output::Unwritable { reason } => self.writable.fails(reason),
                Output::GiveUp { reason } => return Err(Error::Unwritable { reason }),
            }
        }
        Ok(())
    }

    /// Writes, and says what came of it. A failure that may pass is for the intake to decide about.
    fn write(&mut self, write: Write) -> Result<Input, Error> {
        match self.try_write(&write) {
            Ok(()) => {
                let archive = &self.parts.archive;
                Ok(Input::Written { position: archive.position(), epoch: archive.epoch() })
            }
            Err(error @ (StoreError::Database { .. } | StoreError::File { .. })) => {
                Ok(Input::Failed { write, reason: error.to_string() })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn try_write(&mut self, write: &Write) -> Result<(), StoreError> {
        let Parts { archive, meters, sealing, .. } = &mut self.parts;
        match write {
            Write::Commit(records) => {
                let began = Instant::now();
                let done = archive.append(records)?;
                meters.commit_seconds.record(began.elapsed().as_secs_f64());
                meters.archive_rows.increment(done.rows);
                if done.broken > 0 {
                    tracing::error!(streams = done.broken, "streams go on above rows that the journal lost");
                }
                if done.sealable {
                    // Full means that it was told already.
                    let _ = sealing.try_send(());
                }
                Ok(())
            }
            Write::Rewind { keep, from, to, streams } => {
                let rows = archive.rewind(*keep, *from, *to, streams)?;
                tracing::warn!(%from, %to, rows, "rows that the journal lost are taken back");
                meters.rewinds.increment(1);
                Ok(())
            }
            Write::Reset { to } => {
                let known = archive.epoch();
                let retired = self.config.archive.with_extension(format!("retired-{known}.duckdb"));
                let is_worth_keeping = archive.position() != Position::NONE;
                tracing::warn!(file = %retired.display(), is_worth_keeping, "beginning a new archive");
                archive.reset(*to, is_worth_keeping.then_some(retired.as_path()))
            }
            Write::SkipTo { position, epoch } => archive.skip_to(*position, *epoch),
            Write::TakeView { streams } => {
                let missing = archive.take_view(streams)?;
                if missing.rows > 0 {
                    tracing::warn!(
                        rows = missing.rows,
                        streams = missing.streams,
                        "rows were retired by the journal before they were archived: they are missing for good"
                    );
                }
                Ok(())
            }
        }
    }

    /// Removes old rows; when to look again.
    fn retain(&mut self) -> Duration {
        let config = &self.config;
        if !config.removes_rows() {
            return RETAIN_EVERY;
        }
        match self.parts.archive.retain(now(), &|key| config.retention_of(key)) {
            Ok(None) => return RETAIN_AGAIN,
            Ok(Some(done)) => {
                self.parts.meters.retention_rows.increment(done.rows);
                if done.rows > 0 {
                    tracing::info!(rows = done.rows, streams = done.streams, "removed old rows");
                }
            }
            Err(error) => tracing::error!(%error, "old rows could not be removed: trying again later"),
        }
        RETAIN_EVERY
    }

    fn measure(&mut self) {
        let meters = &self.parts.meters;
        meters.hot_rows.set(self.parts.hot.read(|hot| hot.rows()) as f64);
        meters.archive_size.set(archive_bytes(&self.config.archive) as f64);
        let Some(progress) = self.follower.progress() else { return };
        meters.follow(&progress, self.progress.as_ref());
        self.progress = Some(progress);
    }
}

/// Follows the journal.
fn follow(
    config: &Config,
    context: &Context,
    wake: &WakeReceiver,
    begin: Begin,
) -> Result<JournalFollower, Error> {
    let settings = JournalSettings {
        wake: Some(wake.clone()),
        follower_id: config.follower_id.clone(),
        context: Some(context.clone()),
        linger: LINGER,
        ..JournalSettings::new(&config.journal_live, &config.journal_replay, begin)
    };
    Ok(JournalFollower::start(settings)?)
}

/// Bytes of the archive's file and of what is written ahead of it. Looking at a size opens nothing, so
/// DuckDB keeps its lock.
fn archive_bytes(archive: &Path) -> u64 {
    let mut ahead = archive.as_os_str().to_owned();
    ahead.push(".wal");
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    size(archive) + size(Path::new(&ahead))
}

/// This machine's clock.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
