//! A file of candles or ticks, replayed into its stream exactly once.
//!
//! The number of a row in its file is its number as a producer. At start the journal is asked how far
//! this file got, and reading goes on after that row; so a replay that is stopped, killed or repeated
//! adds every row once. Remembering the place in a file of our own was rejected: it could disagree with
//! the journal after a crash, and then one of them lies.

use crate::sources::SourceError;
use crate::sources::outbox::{Outbox, Trouble};
use crate::sources::pace::{Pace, Pacer};
use crate::sources::progress::{Progress, ProgressLog};
use crate::{Intake, ProducerStatus};
use gapless_formats::{CandleFile, FileName, Price, ReadOptions, topic_part};
use gapless_model::{Candle, Digest, Interval, Kind, MAX_ROWS_PER_BATCH, Rows, Seq, StreamKey};
use gapless_service_kit::Shutdown;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows of a batch unless told otherwise: an update that a subscriber sees within a frame.
const DEFAULT_BATCH_ROWS: usize = 100;
/// When rows are due one by one, at least this long is gathered into a batch.
const GATHER: Duration = Duration::from_millis(10);
/// The longest wait before answers are looked at again.
const MAX_WAIT: Duration = Duration::from_millis(100);
/// How often in a row a replay may be sent back to the same row before it gives up.
const MAX_DETOURS: u32 = 8;
/// Rows passed over before the stop request is looked at again: some tens of milliseconds.
const SKIP_SLICE_ROWS: u64 = 50_000;

/// A file to replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaySettings {
    /// The file: CSV, or Parquet when it ends so.
    pub path: PathBuf,
    /// The source in the topic.
    #[serde(default = "replay")]
    pub source_id: String,
    /// The symbol in the topic; from the file's name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The interval of the candles; from the file's name or rows unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Rows of a batch, 1 to 10,000.
    #[serde(default = "default_batch_rows")]
    pub batch_rows: usize,
    /// How fast: `full`, `1000/s`, or `60x` the data's own pace.
    #[serde(default)]
    pub pace: Pace,
    /// Of quotes, the price that candles are made of: `mid`, `bid` or `ask`.
    #[serde(default = "mid")]
    pub price: String,
    /// Stop at the first bad row instead of skipping it.
    #[serde(default)]
    pub strict: bool,
}

fn replay() -> String {
    "replay".into()
}
fn default_batch_rows() -> usize {
    DEFAULT_BATCH_ROWS
}
fn mid() -> String {
    Price::Mid.to_string()
}

impl ReplaySettings {
    /// The whole file at full speed, with everything told from its name and content.
    pub fn of(path: impl Into<PathBuf>) -> ReplaySettings {
        ReplaySettings {
            path: path.into(),
            source_id: replay(),
            symbol: None,
            interval: None,
            batch_rows: DEFAULT_BATCH_ROWS,
            pace: Pace::Full,
            price: mid(),
            strict: false,
        }
    }

    /// Checks what can be checked without the file.
    ///
    /// # Errors
    /// [`SourceError::Settings`] names the setting.
    pub fn check(&self) -> Result<(), SourceError> {
        if !(1..=MAX_ROWS_PER_BATCH).contains(&self.batch_rows) {
            return Err(SourceError::settings(
                "batch_rows",
                format!("{} is not 1 to {MAX_ROWS_PER_BATCH}", self.batch_rows),
            ));
        }
        self.options().map(drop)
    }

    fn options(&self) -> Result<ReadOptions, SourceError> {
        let interval = match &self.interval {
            Some(text) => Some(text.parse::<Interval>().map_err(|e| SourceError::settings("interval", e))?),
            None => None,
        };
        let price = self.price.parse().map_err(|e: String| SourceError::settings("price", e))?;
        Ok(ReadOptions { interval, price, strict: self.strict, batch_rows: self.batch_rows })
    }

    fn key(&self, file: &CandleFile) -> Result<StreamKey, SourceError> {
        let symbol = self.symbol.clone().unwrap_or_else(|| FileName::of(&self.path).symbol);
        // As it was written, if it was: `60s` and `1m` are two streams.
        let interval = self.interval.clone().unwrap_or_else(|| file.interval().to_string());
        Ok(StreamKey::new(Kind::Candles, &self.source_id, &symbol, &interval)?)
    }
}

/// A replay that is ready to run.
pub(crate) struct Replay {
    settings: ReplaySettings,
    options: ReadOptions,
    shutdown: Shutdown,
    progress: Arc<Progress>,
    file: CandleFile,
    /// Rows at the beginning of the file that the journal has.
    to_skip: u64,
    outbox: Outbox,
    pacer: Pacer,
    started: Instant,
    /// Rows that were read and are not due yet.
    ahead: VecDeque<Candle>,
    ended: bool,
    failure: Option<SourceError>,
    detours: u32,
}

impl Replay {
    /// Opens the file and finds the place where to go on.
    pub(crate) fn open(
        settings: &ReplaySettings,
        intake: Intake,
        shutdown: Shutdown,
        progress: Arc<Progress>,
    ) -> Result<Replay, SourceError> {
        settings.check()?;
        let options = settings.options()?;
        let file = CandleFile::open(&settings.path, &options)?;
        let key = settings.key(&file)?;
        let producer_id = producer_id(settings, &options)?;
        let ProducerStatus { last_sequence: taken, .. } = intake.producer_status(&producer_id, &key);
        if let Some(spacing) = file.spacing().filter(|spacing| *spacing != file.interval()) {
            let interval = file.interval();
            tracing::warn!(stream = %key, %interval, %spacing, "the rows are spaced otherwise than the interval says");
        }
        tracing::info!(stream = %key, path = %settings.path.display(), pace = %settings.pace, taken, "replay begins");
        progress.set_bytes(0, file.total_bytes());
        let outbox = Outbox::new(intake, shutdown.clone(), progress.clone(), key, producer_id, taken);
        Ok(Replay {
            settings: settings.clone(),
            options,
            shutdown,
            progress,
            file,
            to_skip: taken,
            outbox,
            pacer: Pacer::new(settings.pace),
            started: Instant::now(),
            ahead: VecDeque::new(),
            ended: false,
            failure: None,
            detours: 0,
        })
    }

    /// Its stream.
    pub(crate) fn key(&self) -> &StreamKey {
        self.outbox.key()
    }

    /// Replays until the file has ended and everything is acknowledged, or until the stop.
    pub(crate) fn run(mut self) -> Result<(), SourceError> {
        let mut log = ProgressLog::new(Instant::now());
        let skipped = self.pass_over()?;
        self.progress.add_duplicate(skipped);
        self.started = Instant::now();
        while !self.shutdown.is_requested() {
            log.tick(&self.progress, Instant::now());
            match self.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(Trouble::Closing) => break,
                Err(Trouble::Elsewhere { taken }) => self.go_on_after(taken)?,
                Err(Trouble::Rejected { rows, reason }) => {
                    return Err(SourceError::Rejected { rows, reason });
                }
            }
        }
        tracing::info!(stream = %self.key(), outcome = %self.progress, ended = self.ended, "replay ends");
        self.failure.map_or(Ok(()), Err)
    }

    /// One round: answers, then rows that are due, then a wait. False when nothing is left to do.
    fn step(&mut self) -> Result<bool, Trouble> {
        self.outbox.pump(Instant::now())?;
        self.read_ahead();
        if self.ahead.is_empty() && self.ended {
            let done = self.outbox.is_empty();
            if !done {
                self.outbox.wait(MAX_WAIT)?;
            }
            return Ok(!done);
        }
        if self.outbox.is_full() {
            self.outbox.wait(MAX_WAIT)?;
            return Ok(true);
        }
        let elapsed = self.started.elapsed();
        let (due, next) = self.pacer.due(self.ahead.iter().map(|candle| candle.ts.0), elapsed);
        if due > 0 {
            self.outbox.push(Rows::Candles(self.ahead.drain(..due).collect()));
            self.pacer.advance(due);
            self.outbox.pump(Instant::now())?;
        }
        if let Some(next) = next {
            self.shutdown.wait(next.saturating_sub(elapsed).clamp(GATHER, MAX_WAIT));
        }
        Ok(true)
    }

    /// Reads the next batch when the one before is used up; a failure of the file ends the reading, and
    /// is told after what was read before it.
    fn read_ahead(&mut self) {
        while self.ahead.is_empty() && !self.ended && !self.shutdown.is_requested() {
            match self.file.next_batch() {
                Ok(Some(batch)) => {
                    for bad in &batch.bad {
                        self.progress.skip_bad(&format_args!("{}:{}", bad.file, bad.line), &bad.reason);
                    }
                    self.progress.add_read(batch.candles.len() as u64);
                    self.ahead.extend(batch.candles);
                }
                Ok(None) => self.ended = true,
                Err(failure) => {
                    self.failure = Some(failure.into());
                    self.ended = true;
                }
            }
            self.progress.set_bytes(self.file.bytes_read(), self.file.total_bytes());
        }
    }

    /// Passes over the rows that the journal has; how many there were. Ends early at the stop.
    fn pass_over(&mut self) -> Result<u64, SourceError> {
        let mut skipped = 0;
        while self.to_skip > 0 && !self.shutdown.is_requested() {
            let slice = self.to_skip.min(SKIP_SLICE_ROWS);
            let passed = self.file.skip_rows(slice)?;
            skipped += passed;
            // A file that is shorter than what the journal has of it gives nothing more.
            self.to_skip = if passed < slice { 0 } else { self.to_skip - passed };
            self.progress.set_bytes(self.file.bytes_read(), self.file.total_bytes());
        }
        Ok(skipped)
    }

    /// The journal has the rows up to `taken`: reads the file from its beginning up to there.
    fn go_on_after(&mut self, taken: u64) -> Result<(), SourceError> {
        let delivered = self.outbox.delivered();
        self.detours = if taken > delivered { 0 } else { self.detours + 1 };
        if taken < delivered {
            return Err(SourceError::Forgotten { stream: self.key().to_string(), delivered, taken });
        }
        if self.detours > MAX_DETOURS {
            return Err(SourceError::Contested { stream: self.key().to_string() });
        }
        tracing::warn!(stream = %self.key(), taken, "the journal is at another row of the file: going on after it");
        self.progress.add_duplicate(taken - delivered);
        self.file = CandleFile::open(&self.settings.path, &self.options)?;
        self.to_skip = taken;
        self.pass_over()?;
        self.ahead.clear();
        self.ended = false;
        self.failure = None;
        self.outbox.resume(taken);
        Ok(())
    }
}

/// Who this replay is: the file by its name and first row, and how its rows are made. The folder is
/// left out, so that a file that was moved goes on where it was; the first row is in, so that two files
/// of one name are two.
fn producer_id(settings: &ReplaySettings, options: &ReadOptions) -> Result<String, SourceError> {
    let mut probe = CandleFile::open(&settings.path, &ReadOptions { batch_rows: 1, ..options.clone() })?;
    let mut first = Rows::empty(Kind::Candles);
    while let Some(batch) = probe.next_batch().ok().flatten() {
        if !batch.candles.is_empty() {
            first = Rows::Candles(batch.candles);
            break;
        }
    }
    let name = settings.path.file_name().unwrap_or(settings.path.as_os_str()).to_string_lossy();
    let making =
        if probe.is_ticks() { format!("{}:{}", options.price, probe.interval()) } else { String::new() };
    let making = Digest::of(Seq::FIRST, &first).0 ^ xxhash_rust::xxh3::xxh3_64(making.as_bytes());
    Ok(format!("replay:{}:{making:016x}", topic_part(&name)))
}

#[cfg(test)]
mod tests;
