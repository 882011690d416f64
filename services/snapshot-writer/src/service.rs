//! The loop: events in, artifacts out, commands answered.

use crate::artifact::PartSettings;
use crate::checkpoints::{Checkpoints, Told};
use crate::config::Config;
use crate::error::Error;
use crate::intake::{self, Intake};
use crate::meters::{Meters, SERVICE};
use crate::record::ends;
use crate::shelf::{Done, Shelf, ShelfSettings};
use crossbeam_channel::{Receiver, never, select};
use gapless::Event;
use gapless_service_kit::health::{Condition, condition};
use gapless_service_kit::{Action, Invalid, Shutdown, Validate, action};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Events taken before what is due is looked at again: some milliseconds.
const EVENTS_PER_TURN: usize = 256;
/// How long a disk that did not take something is let be.
const RETRY: Duration = Duration::from_secs(1);
/// The longest wait without looking around.
const IDLE: Duration = Duration::from_millis(500);
/// How long an orderly stop may write; the kit allows 5 s for everything. What is not written by then comes
/// again at the next start.
const STOP: Duration = Duration::from_millis(3500);
/// How long a question to a service may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Writes artifacts and checkpoints until `shutdown` is requested. `ready` is called once its folders are
/// open; it has no sockets of its own.
///
/// # Errors
/// [`Error`] when a folder or an address cannot be used. A disk that is full for a while is no error: it
/// waits, reads nothing more when its memory is used up, and says so in `/readyz`.
pub fn run(config: Config, shutdown: Shutdown, ready: impl FnOnce()) -> Result<(), Error> {
    let refused = |invalid: Invalid| Error::Config(format!("{}: {}", invalid.key, invalid.message));
    config.validate().map_err(refused)?;
    let _guard = shutdown.guard(SERVICE);
    let (meters, told) = (Meters::new(), Told::default());
    let writer = match config.artifact_dir.as_os_str().is_empty() {
        true => None,
        false => Some(Writer::open(&config, told.clone(), meters.clone())?),
    };
    let mut checkpoints = match config.checkpoint.dir.as_os_str().is_empty() {
        true => None,
        false => Some(Checkpoints::start(&config, told, meters, &shutdown)?),
    };
    ready();
    let result = match writer {
        Some(mut writer) => {
            let result = writer.run(&shutdown);
            // Both take their time, at the same time.
            checkpoints.iter_mut().for_each(Checkpoints::ask_to_stop);
            result.and(writer.stop())
        }
        None => {
            // Until the stop; the channel yields nothing else.
            let _ = shutdown.receiver().recv();
            Ok(())
        }
    };
    drop(checkpoints);
    result
}

/// Writes the artifacts.
struct Writer {
    shelf: Shelf,
    intake: Intake,
    told: Told,
    meters: Meters,
    condition: Condition,
    asked: Action,
    /// An event that the disk did not let in yet.
    held: Option<Event>,
    /// The disk is let be until then.
    rest: Option<Instant>,
}

impl Writer {
    fn open(config: &Config, told: Told, meters: Meters) -> Result<Writer, Error> {
        let condition = condition(SERVICE, "artifacts", "starting");
        let shelf = Shelf::open(settings(config))?;
        let client = intake::client(config, PATIENCE);
        let intake = Intake::start(config, &client, &shelf.cursors())?;
        condition.holds();
        let asked = action(SERVICE, "flush");
        Ok(Writer { shelf, intake, told, meters, condition, asked, held: None, rest: None })
    }

    fn run(&mut self, shutdown: &Shutdown) -> Result<(), Error> {
        let stopped = shutdown.receiver();
        while !shutdown.is_requested() {
            let now = Instant::now();
            self.work(now);
            let is_open = self.rest.is_none_or(|rest| rest <= now) || !self.shelf.is_full();
            let events = match self.intake.events().filter(|_| is_open && self.held.is_none()) {
                Some(events) => events.clone(),
                None => never(),
            };
            let asks = self.asked.asks().clone();
            select! {
                recv(stopped) -> _ => {}
                recv(asks) -> ask => {
                    if let Ok(ask) = ask {
                        ask.answer(self.flush());
                    }
                }
                recv(events) -> event => self.take(event.map_err(|_| Error::FollowerEnded)?, &events)?,
                default(self.patience(now)) => {}
            }
        }
        Ok(())
    }

    /// How long nothing needs to be done.
    fn patience(&self, now: Instant) -> Duration {
        let due = match self.rest {
            Some(rest) => rest,
            None => self.shelf.next_due(now),
        };
        due.saturating_duration_since(now).min(IDLE)
    }

    /// Takes an event and what has come besides, a turn's worth.
    fn take(
        &mut self,
        first: Result<Event, gapless::Error>,
        events: &Receiver<Result<Event, gapless::Error>>,
    ) -> Result<(), Error> {
        self.handle(first?);
        for _ in 1..EVENTS_PER_TURN {
            if self.held.is_some() || self.shelf.is_full() {
                break;
            }
            match events.try_recv() {
                Ok(event) => self.handle(event?),
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        let now = Instant::now();
        match self.shelf.handle(&event, now) {
            Ok(()) => {
                if let Event::Rows(batch) = &event {
                    self.told.rows(batch.rows.len() as u64);
                    if ends(batch) {
                        self.told.end();
                    }
                }
            }
            Err(error) => {
                self.held = Some(event);
                self.trouble(&error, now);
            }
        }
    }

    /// Does what is due. The disk's trouble is not the end: what waits still waits.
    fn work(&mut self, now: Instant) {
        if self.rest.is_some_and(|rest| now < rest) {
            return;
        }
        self.rest = None;
        if let Some(event) = self.held.take() {
            self.handle(event);
        }
        if self.rest.is_none() {
            let begun = Instant::now();
            match self.shelf.work(now) {
                Ok(Some(done)) => {
                    self.condition.holds();
                    self.meters.done(&done);
                    if done.written.parts > 0 {
                        self.meters.write_seconds.record(begun.elapsed().as_secs_f64());
                    }
                }
                Ok(None) => {}
                Err(error) => self.trouble(&error, now),
            }
        }
        self.meters.state(self.shelf.waiting().0, self.shelf.counts());
    }

    fn trouble(&mut self, error: &Error, now: Instant) {
        self.meters.failures.increment(1);
        self.condition.fails(error.to_string());
        tracing::error!(%error, retry = ?RETRY, "not written: what waits stays in memory and is tried again");
        self.rest = Some(now + RETRY);
    }

    /// Writes everything that came until now, because somebody asked. What could not be written in time is an error:
    /// an answer means that nothing waits.
    fn flush(&mut self) -> Result<Value, String> {
        let (done, result) = self.write_what_came(Instant::now() + STOP);
        result.map_err(|error| error.to_string())?;
        let waiting = self.shelf.waiting().0;
        if waiting > 0 || self.held.is_some() {
            return Err(format!(
                "{} rows were written, {waiting} still wait after {STOP:?}: nothing is lost, ask again",
                done.written.rows
            ));
        }
        let (live, complete) = self.shelf.counts();
        Ok(json!({
            "rows": done.written.rows, "parts": done.written.parts, "bytes": done.written.bytes,
            "completed": done.completed, "live": live, "complete": complete,
        }))
    }

    /// An orderly stop: everything that was handed over is written.
    fn stop(mut self) -> Result<(), Error> {
        self.write_what_came(Instant::now() + STOP).1
    }

    /// Takes the events that the client has handed over by now, and writes all of them. `end` bounds it: what is not
    /// written by then is still held, and comes again at the next start.
    fn write_what_came(&mut self, end: Instant) -> (Done, Result<(), Error>) {
        let mut total = Done::default();
        let events = self.intake.events().cloned();
        let mut left = events.as_ref().map_or(0, Receiver::len);
        loop {
            if let Some(event) = self.held.take() {
                self.handle(event);
            }
            while left > 0 && self.held.is_none() && !self.shelf.is_full() {
                left -= 1;
                match events.as_ref().map(Receiver::try_recv) {
                    Some(Ok(Ok(event))) => self.handle(event),
                    Some(Ok(Err(_)) | Err(_)) | None => left = 0,
                }
            }
            let (done, result) = self.shelf.write_all(end);
            self.meters.done(&done);
            total += done;
            if left == 0 || self.held.is_some() || result.is_err() || Instant::now() >= end {
                return (total, result);
            }
        }
    }
}

fn settings(config: &Config) -> ShelfSettings {
    ShelfSettings {
        folder: config.artifact_dir.clone(),
        group: config.group,
        parts: PartSettings {
            forms: config.formats.iter().map(|format| (*format).into()).collect(),
            write_rows: config.write_rows,
            write_every: config.write_every.0,
            part_rows: config.part_rows,
        },
        max_rows: config.buffer_rows,
        max_bytes: config.buffer_bytes.0,
        latest_every: config.latest_every.0,
        limits: config.limits(),
        live: config.live.clone(),
    }
}
