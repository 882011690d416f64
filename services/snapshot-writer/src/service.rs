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
/// [`Error`] when a folder or an address cannot be used. A folder that is not to be written, or a disk that is full for a
/// while, is no error: it is tried again, nothing more is read when memory is used up, and `/readyz` says so.
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
}

impl Writer {
    fn open(config: &Config, told: Told, meters: Meters) -> Result<Writer, Error> {
        let condition = condition(SERVICE, "artifacts", "starting");
        let shelf = Shelf::open(settings(config))?;
        let client = intake::client(config, PATIENCE);
        let intake = Intake::start(config, &client, &shelf.cursors())?;
        condition.holds();
        let asked = action(SERVICE, "flush");
        Ok(Writer { shelf, intake, told, meters, condition, asked })
    }

    fn run(&mut self, shutdown: &Shutdown) -> Result<(), Error> {
        let stopped = shutdown.receiver();
        while !shutdown.is_requested() {
            let now = Instant::now();
            self.work(now);
            let events = match self.intake.events().filter(|_| !self.shelf.is_full()) {
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
        self.shelf.next_due(now).saturating_duration_since(now).min(IDLE)
    }

    /// Takes an event and what has come besides, a turn's worth.
    fn take(
        &mut self,
        first: Result<Event, gapless::Error>,
        events: &Receiver<Result<Event, gapless::Error>>,
    ) -> Result<(), Error> {
        self.handle(first?);
        for _ in 1..EVENTS_PER_TURN {
            if self.shelf.is_full() {
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
        if let Event::Rows(batch) = &event {
            self.told.rows(batch.rows.len() as u64);
            if ends(batch) {
                self.told.end();
            }
        }
        self.shelf.handle(event, Instant::now());
    }

    /// Does what is due. The disk's trouble is not the end: what waits still waits.
    fn work(&mut self, now: Instant) {
        let begun = Instant::now();
        if let Some(done) = self.shelf.work(now) {
            self.meters.done(&done);
            if done.written.parts > 0 {
                self.meters.write_seconds.record(begun.elapsed().as_secs_f64());
            }
        }
        self.say_how_it_is();
    }

    fn say_how_it_is(&self) {
        match self.shelf.trouble() {
            Some(words) => self.condition.fails(words),
            None => self.condition.holds(),
        }
        self.meters.state(self.shelf.waiting().0, self.shelf.counts());
    }

    /// Writes everything that came until now, because somebody asked. What could not be written is an error: an answer
    /// means that nothing waits, and that all is well.
    fn flush(&mut self) -> Result<Value, String> {
        let done = self.write_what_came(Instant::now() + STOP);
        self.say_how_it_is();
        let (rows, waiting) = (done.written.rows, self.shelf.waiting().0);
        if let Some(trouble) = self.shelf.trouble() {
            return Err(format!(
                "{rows} rows were written, {waiting} still wait and are tried again: {trouble}"
            ));
        }
        if waiting > 0 {
            return Err(format!(
                "{rows} rows were written, {waiting} still wait after {STOP:?}: nothing is lost, ask again"
            ));
        }
        let (live, complete) = self.shelf.counts();
        Ok(json!({
            "rows": rows, "parts": done.written.parts, "bytes": done.written.bytes,
            "completed": done.completed, "live": live, "complete": complete,
        }))
    }

    /// An orderly stop: everything that was handed over is written.
    fn stop(mut self) -> Result<(), Error> {
        self.write_what_came(Instant::now() + STOP);
        let rows = self.shelf.waiting().0;
        match self.shelf.trouble() {
            Some(reason) if rows > 0 => Err(Error::Unwritten { rows, reason }),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes the events that the client has handed over by now, and writes all of them. `end` bounds it: what is not
    /// written by then still waits, and comes again at the next start.
    fn write_what_came(&mut self, end: Instant) -> Done {
        let mut total = Done::default();
        let events = self.intake.events().cloned();
        let mut left = events.as_ref().map_or(0, Receiver::len);
        loop {
            while left > 0 && !self.shelf.is_full() {
                left -= 1;
                match events.as_ref().map(Receiver::try_recv) {
                    Some(Ok(Ok(event))) => self.handle(event),
                    Some(Ok(Err(_)) | Err(_)) | None => left = 0,
                }
            }
            let done = self.shelf.write_all(end);
            self.meters.done(&done);
            total += done;
            if left == 0 || self.shelf.is_full() || Instant::now() >= end {
                return total;
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
