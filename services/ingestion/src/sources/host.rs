//! This machine's own telemetry: real data that is there on every machine.
//!
//! One stream per subject, a row a second: `cpu` (percent, in total and per core), `memory` (bytes),
//! `load` (1, 5 and 15 minutes), `disk` (bytes per second, space left per mount) and `net` (bytes per
//! second, in total and per interface). Measuring never waits for the journal: what it does not take
//! is kept for ten minutes, then the newest rows are dropped and that is said.

mod machine;

use crate::Intake;
use crate::sources::outbox::{Outbox, Trouble};
use crate::sources::progress::Progress;
use crate::sources::{SourceError, unix_nanos};
use gapless_model::{Interval, Kind, MetricRows, Rows, StreamKey, UnixNanos};
use gapless_service_kit::Shutdown;
use machine::{Machine, Reading};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows per stream that wait for the journal: ten minutes at one a second, some 100 kB in all.
const BACKLOG_ROWS: usize = 600;
/// How often answers are looked at between two measurements.
const PUMP_EVERY: Duration = Duration::from_millis(100);
/// How long a stopping source waits for the answers to its last rows.
const FINISH: Duration = Duration::from_millis(500);

/// Measures this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSettings {
    /// The source in the topics.
    pub source_id: String,
    /// How often, at whole multiples of this: `1s`.
    pub interval: String,
}

impl Default for HostSettings {
    fn default() -> HostSettings {
        HostSettings { source_id: "host".into(), interval: "1s".into() }
    }
}

impl HostSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`SourceError`] names the setting.
    pub fn check(&self) -> Result<(), SourceError> {
        self.key("cpu").map(drop)
    }

    fn key(&self, symbol: &str) -> Result<StreamKey, SourceError> {
        Ok(StreamKey::new(Kind::Metrics, &self.source_id, symbol, &self.interval)?)
    }
}

/// The source that measures this machine.
pub(crate) struct Host {
    settings: HostSettings,
    every: Interval,
    intake: Intake,
    shutdown: Shutdown,
    progress: Arc<Progress>,
    /// Unique to this run: a row that was measured is never measured again.
    producer_id: String,
    outboxes: BTreeMap<&'static str, Outbox>,
    machine: Machine,
    dropping: bool,
}

impl Host {
    pub(crate) fn new(
        settings: &HostSettings,
        intake: Intake,
        shutdown: Shutdown,
        progress: Arc<Progress>,
    ) -> Result<Host, SourceError> {
        settings.check()?;
        let every = settings.interval.parse()?;
        let machine = Machine::new()
            .map_err(|reason| SourceError::Unavailable { what: "this machine's telemetry", reason })?;
        Ok(Host {
            settings: settings.clone(),
            every,
            intake,
            shutdown,
            progress,
            producer_id: format!("host:{}", unix_nanos().0 / 1_000_000),
            outboxes: BTreeMap::new(),
            machine,
            dropping: false,
        })
    }

    /// Measures until the stop.
    pub(crate) fn run(mut self) -> Result<(), SourceError> {
        tracing::info!(source_id = %self.settings.source_id, interval = %self.every, "host telemetry begins");
        let every = i64::from(self.every.seconds()) * 1_000_000_000;
        let mut last = unix_nanos();
        while let Some(tick) = self.wait_for_tick(next_tick(unix_nanos(), last, every))? {
            last = tick;
            for reading in self.machine.measure() {
                self.hand_over(tick, reading)?;
            }
            self.pump()?;
        }
        for outbox in self.outboxes.values_mut() {
            outbox.finish(FINISH);
        }
        tracing::info!(outcome = %self.progress, "host telemetry ends");
        Ok(())
    }

    /// Waits for `tick`, seeing to the answers meanwhile; `None` when the stop came first.
    fn wait_for_tick(&mut self, tick: UnixNanos) -> Result<Option<UnixNanos>, SourceError> {
        loop {
            let left = u64::try_from(tick.0 - unix_nanos().0).unwrap_or(0);
            if self.shutdown.wait(Duration::from_nanos(left).min(PUMP_EVERY)) {
                return Ok(None);
            }
            if left == 0 {
                return Ok(Some(tick));
            }
            self.pump()?;
        }
    }

    fn hand_over(&mut self, ts: UnixNanos, reading: Reading) -> Result<(), SourceError> {
        if !self.outboxes.contains_key(reading.symbol) {
            let key = self.settings.key(reading.symbol)?;
            let (intake, shutdown) = (self.intake.clone(), self.shutdown.clone());
            let outbox =
                Outbox::new(intake, shutdown, self.progress.clone(), key, self.producer_id.clone(), 0);
            self.outboxes.insert(reading.symbol, outbox.with_limit(BACKLOG_ROWS));
        }
        let Some(outbox) = self.outboxes.get_mut(reading.symbol) else { return Ok(()) };
        self.progress.add_read(1);
        if outbox.is_full() {
            self.progress.add_bad(1);
            if !std::mem::replace(&mut self.dropping, true) {
                tracing::warn!(stream = %outbox.key(), "the journal takes nothing: measurements are dropped");
            }
            return Ok(());
        }
        self.dropping = false;
        let (columns, values): (Vec<String>, Vec<f64>) = reading.values.into_iter().unzip();
        outbox.push(Rows::Metrics(MetricRows { columns: columns.into(), ts: vec![ts], values }));
        Ok(())
    }

    fn pump(&mut self) -> Result<(), SourceError> {
        let anew = format!("host:{}", unix_nanos().0 / 1_000_000);
        for outbox in self.outboxes.values_mut() {
            match outbox.pump(Instant::now()) {
                Ok(()) | Err(Trouble::Closing) => {}
                Err(Trouble::Elsewhere { .. }) => outbox.begin_anew(anew.clone()),
                Err(Trouble::Rejected { rows, reason }) => {
                    tracing::warn!(stream = %outbox.key(), rows, reason, "measurement refused");
                }
            }
        }
        Ok(())
    }
}

/// The next whole multiple of `every` that is after `now` and after `last`, so that ticks neither drift
/// nor come twice when the clock is set back a little.
fn next_tick(now: UnixNanos, last: UnixNanos, every: i64) -> UnixNanos {
    // A clock that was set back by more than some ticks is believed: better twice than silent for hours.
    let from = if last.0 - now.0 > 5 * every { now } else { now.max(last) };
    UnixNanos((from.0.div_euclid(every) + 1) * every)
}

#[cfg(test)]
mod tests;
