//! Checkpoints: the engine's state, fetched as of one journal position and kept in a folder.
//!
//! A thread of its own, so that a large state holds up no artifact. When one is due is a [`Schedule`]'s to say, what
//! becomes of it a [`Keeper`]'s.

mod keeper;
mod schedule;

pub use keeper::{Keeper, Kept};
pub use schedule::Schedule;

use crate::config::{CheckpointConfig, Config};
use crate::error::Error;
use crate::intake;
use crate::meters::{Meters, SERVICE};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use gapless::{Client, Position};
use gapless_checkpoint::CheckpointFolder;
use gapless_disk::{Disk, RealDisk};
use gapless_model::MonoTime;
use gapless_service_kit::health::{Condition, condition};
use gapless_service_kit::{Action, Ask, Shutdown, action};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the engine or the journal may take for one answer; an orderly stop waits at most that long.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the journal hears of the follower, so that its lease never runs out, and how often it is seen
/// whether there is anything new: far below any sensible lease, and nothing to serve.
const HEARD_EVERY: Duration = Duration::from_secs(5);
/// How often the counters that ask for a checkpoint are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long an orderly stop waits for a checkpoint under way, while the artifacts are written. What is cut
/// short leaves nothing behind that counts.
const STOP: Duration = Duration::from_millis(3500);

/// What the artifacts tell the checkpoints.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    rows: Arc<AtomicU64>,
    ends: Arc<AtomicU64>,
}

impl Told {
    pub(crate) fn rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.ends.fetch_add(1, Ordering::Relaxed);
    }
}

/// The running thread. Dropping it ends it.
pub(crate) struct Checkpoints {
    stop: Option<Sender<()>>,
    /// Until when an end is waited for.
    until: Option<Instant>,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts it.
    pub(crate) fn start(
        config: &Config,
        told: Told,
        meters: Meters,
        shutdown: &Shutdown,
    ) -> Result<Checkpoints, Error> {
        let CheckpointConfig { dir, every, rows, on_end, keep, follower_id } = config.checkpoint.clone();
        Error::if_no_folder(&dir, "checkpoint.dir")?;
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let folder = CheckpointFolder::open(disk.clone(), &dir)?;
        let desk = Desk {
            disk,
            client: intake::client(config, PATIENCE),
            keeper: Keeper::new(folder, keep),
            begun: Instant::now(),
            schedule: Schedule::new(every.0, rows, on_end, MonoTime(0)),
            follower_id,
            told,
            meters,
            condition: condition(SERVICE, "checkpoints", "starting"),
            asked: action(SERVICE, "checkpoint"),
        };
        let (stop, stopped) = bounded(0);
        let (end, ended) = bounded(0);
        let guard = shutdown.guard("checkpoints");
        let thread = std::thread::Builder::new().name("checkpoints".into()).spawn(move || {
            let _guard = guard;
            desk.run(&stopped);
            drop(end);
        });
        let failed = |e: std::io::Error| Error::Thread { name: "checkpoints", reason: e.to_string() };
        Ok(Checkpoints { stop: Some(stop), until: None, ended, thread: Some(thread.map_err(failed)?) })
    }
}

impl Checkpoints {
    /// Asks it to end, without waiting.
    pub(crate) fn ask_to_stop(&mut self) {
        self.stop = None;
        self.until.get_or_insert_with(|| Instant::now() + STOP);
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ask_to_stop();
        let until = self.until.unwrap_or_else(Instant::now);
        // It ends by letting go of its end of the channel.
        let ended =
            matches!(self.ended.recv_deadline(until), Err(crossbeam_channel::RecvTimeoutError::Disconnected));
        if let (true, Some(thread)) = (ended, self.thread.take()) {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

struct Desk {
    disk: Arc<dyn Disk>,
    client: Client,
    keeper: Keeper,
    begun: Instant,
    schedule: Schedule,
    follower_id: String,
    told: Told,
    meters: Meters,
    condition: Condition,
    asked: Action,
}

impl Desk {
    fn run(mut self, stopped: &Receiver<()>) {
        self.find_newest();
        self.condition.holds();
        let mut next_heard = Instant::now();
        loop {
            let now = Instant::now();
            if now >= next_heard {
                next_heard = now + HEARD_EVERY;
                self.keep_folder();
                self.acknowledge();
            }
            let told = (self.told.rows.load(Ordering::Relaxed), self.told.ends.load(Ordering::Relaxed));
            if let Some(why) = self.schedule.due(told.0, told.1, self.now()) {
                // Counted before it is taken: what comes meanwhile may not be in it.
                let taken = self.take(why);
                self.schedule.taken(told.0, told.1, self.now(), taken.is_ok());
                continue;
            }
            let asks = self.asked.asks().clone();
            select! {
                recv(stopped) -> _ => return,
                recv(asks) -> ask => {
                    if let Ok(ask) = ask {
                        self.on_command(ask);
                    }
                }
                default(LOOK_EVERY) => {}
            }
        }
    }

    fn on_command(&mut self, ask: Ask) {
        let told = (self.told.rows.load(Ordering::Relaxed), self.told.ends.load(Ordering::Relaxed));
        let taken = self.take("command");
        self.schedule.taken(told.0, told.1, self.now(), taken.is_ok());
        ask.answer(taken);
    }

    fn now(&self) -> MonoTime {
        MonoTime(u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn find_newest(&mut self) {
        match self.keeper.look() {
            Ok(damaged) => {
                for skipped in damaged {
                    tracing::warn!(file = %skipped.path.display(), reason = %skipped.damage, "a checkpoint is damaged");
                }
            }
            Err(error) => tracing::warn!(%error, "earlier checkpoints cannot be looked at"),
        }
    }

    /// Makes the folder again when it was removed. That it cannot be made is said when a checkpoint is written.
    fn keep_folder(&mut self) {
        match self.keeper.make_again(&self.disk) {
            Ok(true) => {
                tracing::warn!("the folder of the checkpoints was removed: it is made again, and is empty")
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "the folder of the checkpoints was removed"),
        }
    }

    /// Fetches, writes, reads back and tells the journal; what came of it.
    fn take(&mut self, why: &'static str) -> Result<Value, String> {
        let begun = Instant::now();
        let taken = self.fetch_and_write(why, begun);
        match &taken {
            Ok(_) => {
                self.meters.checkpoints.increment(1);
                self.meters.checkpoint_seconds.record(begun.elapsed().as_secs_f64());
                self.condition.holds();
            }
            Err(error) => {
                self.meters.checkpoint_failures.increment(1);
                self.condition.fails(error.as_str());
                tracing::warn!(why, error, "no checkpoint was written: it is tried again");
            }
        }
        taken
    }

    fn fetch_and_write(&mut self, why: &'static str, begun: Instant) -> Result<Value, String> {
        let fetched = self.client.checkpoint().map_err(|error| error.to_string())?;
        self.keep_folder();
        let Kept { path, header, bytes, parts, removed } = self.keeper.store(fetched)?;
        let acknowledged = self.acknowledge();
        self.meters.checkpoint_position.set(header.position.0 as f64);
        self.meters.checkpoint_size.set(bytes as f64);
        tracing::info!(why, position = %header.position, streams = header.streams, bytes, "checkpoint written");
        Ok(json!({
            "file": path.display().to_string(), "epoch": header.epoch.0, "position": header.position.0,
            "streams": header.streams, "bytes": bytes, "parts": parts, "removed": removed,
            "acknowledged": acknowledged.map(|position| position.0), "seconds": begun.elapsed().as_secs_f64(),
        }))
    }

    /// Tells the journal up to where it need not keep anything for a restart of the engine.
    fn acknowledge(&mut self) -> Option<Position> {
        let told = self.client.journal().and_then(|mut journal| {
            let status = journal.status(false)?;
            let position = self.keeper.acknowledged(&status);
            let status = journal.acknowledge(&self.follower_id, status.epoch, position)?;
            Ok((position, status.latest))
        });
        match told {
            Ok((position, latest)) => {
                let have = self.keeper.newest().map_or(Position::NONE, |header| header.position);
                self.schedule.heard(latest != have);
                Some(position)
            }
            Err(error) => {
                tracing::debug!(%error, "the journal does not hear of the checkpoints: told again later");
                None
            }
        }
    }
}
