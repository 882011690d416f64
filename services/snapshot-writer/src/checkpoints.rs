//! Checkpoints: the engine's state, fetched as of one journal position and kept in a folder.
//!
//! A thread of its own, so that a large state holds up no artifact. The journal keeps what comes after the
//! newest checkpoint that was read back whole, and nothing before it for the engine's sake.

mod schedule;

use crate::config::{CheckpointConfig, Config};
use crate::error::Error;
use crate::intake;
use crate::meters::{Meters, SERVICE};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use gapless::{Client, JournalStatusResponse, Position};
use gapless_checkpoint::{Checkpoint, CheckpointFolder, Header};
use gapless_disk::RealDisk;
use gapless_service_kit::health::{Condition, condition};
use gapless_service_kit::{Action, Ask, Shutdown, action};
use schedule::Schedule;
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
        let folder = CheckpointFolder::open(Arc::new(RealDisk), &config.checkpoint.dir)?;
        let desk = Desk {
            client: intake::client(config, PATIENCE),
            folder,
            schedule: Schedule::new(&config.checkpoint, Instant::now()),
            config: config.checkpoint.clone(),
            told,
            meters,
            condition: condition(SERVICE, "checkpoints", "starting"),
            asked: action(SERVICE, "checkpoint"),
            newest: None,
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
    client: Client,
    folder: CheckpointFolder,
    schedule: Schedule,
    config: CheckpointConfig,
    told: Told,
    meters: Meters,
    condition: Condition,
    asked: Action,
    /// The newest checkpoint that was read back whole.
    newest: Option<Header>,
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
                self.acknowledge();
            }
            let told = (self.told.rows.load(Ordering::Relaxed), self.told.ends.load(Ordering::Relaxed));
            if let Some(why) = self.schedule.due(told.0, told.1, now) {
                // Counted before it is taken: what comes meanwhile may not be in it.
                let taken = self.take(why);
                self.schedule.taken(told.0, told.1, Instant::now(), taken.is_ok());
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
        self.schedule.taken(told.0, told.1, Instant::now(), taken.is_ok());
        ask.answer(taken);
    }

    fn find_newest(&mut self) {
        match self.folder.newest_valid() {
            Ok(found) => {
                for skipped in &found.skipped {
                    tracing::warn!(file = %skipped.path.display(), reason = %skipped.damage, "a checkpoint is damaged");
                }
                self.newest = found.checkpoint.map(|checkpoint| *checkpoint.header());
            }
            Err(error) => tracing::warn!(%error, "earlier checkpoints cannot be looked at"),
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
        let header = Header {
            partition: fetched.partition,
            epoch: fetched.epoch,
            position: fetched.position,
            streams: fetched.streams,
        };
        if header.position == Position::NONE {
            return Err("the engine has not read anything yet: send rows, or wait until it is ready".into());
        }
        let parts = fetched.parts.len();
        let checkpoint = Checkpoint::new(header, fetched.parts).map_err(|error| error.to_string())?;
        let bytes = checkpoint.bytes().len();
        let path = self.folder.write(&checkpoint).map_err(|error| error.to_string())?;
        drop(checkpoint);
        let pruned = self.folder.prune(self.config.keep).map_err(|error| error.to_string())?;
        if let Some(damaged) = pruned.damaged {
            return Err(format!(
                "{} was damaged on its way to the disk: {}",
                damaged.path.display(),
                damaged.damage
            ));
        }
        self.newest = pruned.verified;
        let acknowledged = self.acknowledge();
        self.meters.checkpoint_position.set(header.position.0 as f64);
        self.meters.checkpoint_size.set(bytes as f64);
        tracing::info!(why, position = %header.position, streams = header.streams, bytes, "checkpoint written");
        Ok(json!({
            "file": path.display().to_string(), "epoch": header.epoch.0, "position": header.position.0,
            "streams": header.streams, "bytes": bytes, "parts": parts, "removed": pruned.removed,
            "acknowledged": acknowledged.map(|position| position.0), "seconds": begun.elapsed().as_secs_f64(),
        }))
    }

    /// Tells the journal up to where it need not keep anything for a restart of the engine.
    fn acknowledge(&mut self) -> Option<Position> {
        let told = self.client.journal().and_then(|mut journal| {
            let status = journal.status(false)?;
            let position = acknowledged(self.newest.as_ref(), &status);
            let status = journal.acknowledge(&self.config.follower_id, status.epoch, position)?;
            Ok((position, status.latest))
        });
        match told {
            Ok((position, latest)) => {
                let have = self.newest.map_or(Position::NONE, |header| header.position);
                self.schedule.heard(latest != have);
                Some(position)
            }
            Err(error) => {
                tracing::debug!(%error, "the journal does not hear of the newest checkpoint: told again later");
                None
            }
        }
    }
}

/// What the newest checkpoint lets go of: nothing when it is of a history that the journal has not.
fn acknowledged(newest: Option<&Header>, status: &JournalStatusResponse) -> Position {
    let Some(header) = newest else { return Position::NONE };
    let holds = if header.epoch == status.epoch {
        header.position <= status.latest
    } else {
        let known = status.epochs.iter().position(|start| start.epoch == header.epoch);
        let next = known.and_then(|at| status.epochs.get(at + 1));
        next.is_some_and(|next| header.position.0 < next.first_sequence.0)
    };
    if holds { header.position } else { Position::NONE }
}

#[cfg(test)]
mod tests;
