//! A market that nobody trades on: candles from a seed, flagged as simulated.
//!
//! At its own pace (`1x`) each symbol gives one candle per interval, when the interval is over. At a
//! fixed rate or at full speed it is a load test: times then run ahead of the clock, as the data would.

use crate::Intake;
use crate::sources::outbox::{Outbox, Trouble};
use crate::sources::pace::{Pace, Pacer};
use crate::sources::progress::{Progress, ProgressLog};
use crate::sources::{SourceError, unix_nanos};
use gapless_market::Market;
use gapless_model::{Flags, Interval, Kind, MAX_ROWS_PER_BATCH, Rows, StreamKey, UnixMillis};
use gapless_service_kit::Shutdown;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most symbols: each is a stream.
const MAX_SYMBOLS: usize = 10_000;
/// When rows are due one by one, at least this long is gathered into a batch.
const GATHER: Duration = Duration::from_millis(10);
/// The longest wait before answers are looked at again.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// How long a stopping source waits for the answers to its last rows.
const FINISH: Duration = Duration::from_millis(500);

/// A simulated market.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimSettings {
    /// The source in the topics.
    pub source_id: String,
    /// What is traded: one stream each.
    pub symbols: Vec<String>,
    /// The interval of the candles.
    pub interval: String,
    /// The same seed gives the same candle for the same symbol and time, always.
    pub seed: u64,
    /// How fast: `1x` the candles' own pace, `1000/s` rows of each symbol, or `full`.
    pub pace: Pace,
    /// The most rows of a batch, 1 to 10,000.
    pub batch_rows: usize,
    /// Unix milliseconds of the first candle; 0: now.
    pub start_ms: i64,
    /// Rows of each symbol after which it ends; 0: never.
    pub rows: u64,
}

impl Default for SimSettings {
    fn default() -> SimSettings {
        SimSettings {
            source_id: "sim".into(),
            symbols: ["BTC-USD", "ETH-USD", "SOL-USD"].map(String::from).to_vec(),
            interval: "1s".into(),
            seed: 1,
            pace: Pace::Data(1.0),
            batch_rows: 100,
            start_ms: 0,
            rows: 0,
        }
    }
}

impl SimSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`SourceError`] names the setting.
    pub fn check(&self) -> Result<(), SourceError> {
        if self.symbols.is_empty() || self.symbols.len() > MAX_SYMBOLS {
            return Err(SourceError::settings(
                "symbols",
                format!("{} are not 1 to {MAX_SYMBOLS}", self.symbols.len()),
            ));
        }
        if !(1..=MAX_ROWS_PER_BATCH).contains(&self.batch_rows) {
            return Err(SourceError::settings(
                "batch_rows",
                format!("{} is not 1 to {MAX_ROWS_PER_BATCH}", self.batch_rows),
            ));
        }
        self.symbols.iter().try_for_each(|symbol| self.key(symbol).map(drop))
    }

    fn key(&self, symbol: &str) -> Result<StreamKey, SourceError> {
        Ok(StreamKey::new(Kind::Candles, &self.source_id, symbol, &self.interval)?)
    }
}

/// The source that simulates.
pub(crate) struct Sim {
    settings: SimSettings,
    interval: Interval,
    shutdown: Shutdown,
    progress: Arc<Progress>,
    traded: Vec<Traded>,
    started: Instant,
}

/// One symbol.
struct Traded {
    market: Market,
    outbox: Outbox,
    pacer: Pacer,
    /// The time of its next candle.
    next: UnixMillis,
    /// Candles still to come; `None`: no end.
    left: Option<u64>,
}

impl Sim {
    pub(crate) fn new(
        settings: &SimSettings,
        intake: Intake,
        shutdown: Shutdown,
        progress: Arc<Progress>,
    ) -> Result<Sim, SourceError> {
        settings.check()?;
        let interval: Interval = settings.interval.parse()?;
        let now_ms = unix_nanos().to_millis().0;
        let start_ms = if settings.start_ms == 0 { now_ms } else { settings.start_ms };
        let start = UnixMillis(start_ms.div_euclid(interval.millis()) * interval.millis());
        let producer_id = format!("sim:{now_ms}");
        let traded = |symbol: &String| {
            let key = settings.key(symbol)?;
            let outbox =
                Outbox::new(intake.clone(), shutdown.clone(), progress.clone(), key, producer_id.clone(), 0);
            Ok(Traded {
                market: Market::new(settings.seed, symbol, interval),
                outbox: outbox.with_flags(Flags::SIMULATED),
                pacer: Pacer::new(settings.pace),
                next: start,
                left: Some(settings.rows).filter(|rows| *rows > 0),
            })
        };
        let traded = settings.symbols.iter().map(traded).collect::<Result<Vec<_>, SourceError>>()?;
        Ok(Sim { settings: settings.clone(), interval, shutdown, progress, traded, started: Instant::now() })
    }

    /// Simulates until the stop, or until every symbol has all its rows in the journal.
    pub(crate) fn run(mut self) -> Result<(), SourceError> {
        let SimSettings { source_id, symbols, seed, pace, .. } = &self.settings;
        tracing::info!(source_id, symbols = symbols.len(), seed, %pace, "simulated market begins");
        self.wait_for_first();
        self.started = Instant::now();
        let mut log = ProgressLog::new(self.started);
        while !self.shutdown.is_requested() && self.traded.iter().any(|traded| !traded.is_done()) {
            log.tick(&self.progress, Instant::now());
            match self.round() {
                Ok(Some(wait)) => drop(self.shutdown.wait(wait)),
                Ok(None) => {}
                Err(Trouble::Closing) => break,
                Err(Trouble::Rejected { rows, reason }) => {
                    return Err(SourceError::Rejected { rows, reason });
                }
                // Each symbol mends that by itself.
                Err(Trouble::Elsewhere { .. }) => {}
            }
        }
        for traded in &mut self.traded {
            traded.outbox.finish(FINISH);
        }
        tracing::info!(outcome = %self.progress, "simulated market ends");
        Ok(())
    }

    /// A candle is known when its interval is over: a market that begins now waits for that.
    fn wait_for_first(&self) {
        if let (Pace::Data(factor), 0) = (self.settings.pace, self.settings.start_ms) {
            let over = self.traded.first().map_or(0, |traded| traded.next.0 + self.interval.millis());
            let left = u64::try_from(over - unix_nanos().to_millis().0).unwrap_or(0);
            self.shutdown.wait(Duration::from_millis(left).div_f64(factor));
        }
    }

    /// Every symbol once; how long nothing will be due, if nothing is.
    fn round(&mut self) -> Result<Option<Duration>, Trouble> {
        let elapsed = self.started.elapsed();
        let mut next: Option<Duration> = None;
        let mut made = 0;
        for traded in &mut self.traded {
            traded.pump()?;
            let (rows, due) = traded.due(self.interval, self.settings.batch_rows, elapsed);
            if rows > 0 {
                traded.make(rows);
                traded.pump()?;
                self.progress.add_read(rows as u64);
                made += rows;
            }
            next = [next, due].into_iter().flatten().min();
        }
        if self.settings.pace == Pace::Full && made > 0 {
            return Ok(None);
        }
        let wait = next.map_or(GATHER, |next| next.saturating_sub(elapsed));
        Ok(Some(wait.clamp(GATHER, MAX_WAIT)))
    }
}

impl Traded {
    fn is_done(&self) -> bool {
        self.left == Some(0) && self.outbox.is_empty()
    }

    /// A producer that the journal has forgotten goes on under another name: the rows that wait were not
    /// taken, or they would not be refused.
    fn pump(&mut self) -> Result<(), Trouble> {
        match self.outbox.pump(Instant::now()) {
            Err(Trouble::Elsewhere { .. }) => {
                self.outbox.begin_anew(format!("sim:{}", unix_nanos().to_millis().0));
                Ok(())
            }
            pumped => pumped,
        }
    }

    /// How many candles are due, and when the one after those is.
    fn due(&mut self, interval: Interval, batch_rows: usize, elapsed: Duration) -> (usize, Option<Duration>) {
        if self.outbox.is_full() || self.left == Some(0) {
            return (0, None);
        }
        let most =
            self.left.map_or(batch_rows, |left| batch_rows.min(usize::try_from(left).unwrap_or(batch_rows)));
        let times = (0i64..).take(most).map(|n| self.next.0 + n * interval.millis());
        self.pacer.due(times, elapsed)
    }

    fn make(&mut self, rows: usize) {
        let candles = self.market.candles(self.next, rows);
        self.next = UnixMillis(self.next.0 + rows as i64 * self.market.interval().millis());
        self.left = self.left.map(|left| left - rows as u64);
        self.pacer.advance(rows);
        self.outbox.push(Rows::Candles(candles));
    }
}

#[cfg(test)]
mod tests;
