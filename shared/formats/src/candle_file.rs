//! A file of candles or ticks, read in batches.
//!
//! Rows stream through: what is in memory is one batch and the look-ahead from which the interval is
//! told. Row numbers count the candles that the file gives (not its lines), from 1, so a number means
//! the same candle each time the same file is read with the same settings, which is what a replay that
//! resumes needs.

use crate::error::{BadRow, FileError};
use crate::file_name::FileName;
use crate::layout::Reading;
use crate::row_source::{self, Input, Pulled, RowSource};
use crate::spacing::most_common_spacing;
use crate::ticks::{Price, TickFold};
use gapless_model::{Candle, Interval};
use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// From how many rows the spacing of a file is told: enough to outvote the gaps of a weekend.
const LOOK_AHEAD_ROWS: usize = 1_000;
/// The most bad rows that one batch reports before it is handed over, so that a file of nothing but
/// damage needs no memory.
const MAX_BAD_PER_BATCH: usize = 1_000;
/// The interval that ticks are folded into unless another is chosen: one minute.
const DEFAULT_TICK_SECONDS: u32 = 60;
/// How a file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// The interval of the candles; `None`: what the file's name ends with, else the most common
    /// spacing of its rows, else (for ticks) one minute.
    pub interval: Option<Interval>,
    /// Which price of a quote to use.
    pub price: Price,
    /// Stop at the first bad row instead of skipping it.
    pub strict: bool,
    /// How many rows a batch has, at least 1; only the last one has fewer.
    pub batch_rows: usize,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions { interval: None, price: Price::Mid, strict: false, batch_rows: 100 }
    }
}

/// Consecutive candles of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileBatch {
    /// The number of the first candle, counted from 1 over the whole file.
    pub first_row: u64,
    /// The candles; may be empty when there is only something to report.
    pub candles: Vec<Candle>,
    /// Where each candle came from: its line, or that of its first tick; in Parquet the row.
    pub lines: Vec<u64>,
    /// Rows that were skipped on the way, in order.
    pub bad: Vec<BadRow>,
}

impl FileBatch {
    /// The number of the last candle; one before `first_row` when there is none.
    pub fn last_row(&self) -> u64 {
        self.first_row + self.candles.len() as u64 - 1
    }
}

/// An open file of candles or ticks.
pub struct CandleFile {
    file: Arc<str>,
    source: Box<dyn RowSource + Send>,
    ahead: VecDeque<Pulled>,
    fold: Option<TickFold>,
    interval: Interval,
    spacing: Option<Interval>,
    options: ReadOptions,
    total_bytes: u64,
    rows: u64,
    bad_rows: u64,
    /// The source has said that nothing follows.
    ended: bool,
    /// What stopped the reading while a batch was half full; told after that batch.
    failure: Option<FileError>,
}

/// What comes next in a file, after folding.
enum Next {
    /// A candle and the line it came from.
    Candle(u64, Candle),
    /// A row that is skipped.
    Bad(BadRow),
    End,
}

impl CandleFile {
    /// Opens `path`: Parquet when it ends in `.parquet` or `.pq`, else delimited text.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be read, has no columns of candles or ticks, or its interval can
    /// neither be told nor was chosen.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<CandleFile, FileError> {
        let name: Arc<str> = path.to_string_lossy().into();
        let io = |source| FileError::Io { file: name.clone(), source };
        let input = File::open(path).map_err(io)?;
        let total_bytes = input.metadata().map_err(io)?.len();
        let source = row_source::open(Input::File(input), total_bytes, &name, options.price)?;
        CandleFile::start(name, source, total_bytes, options)
    }

    /// Reads `bytes` as if they stood in a file called `name`.
    ///
    /// # Errors
    /// As [`CandleFile::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<CandleFile, FileError> {
        let file: Arc<str> = name.into();
        let total = bytes.len() as u64;
        let source = row_source::open(Input::Bytes(bytes), total, &file, options.price)?;
        CandleFile::start(file, source, total, options)
    }

    fn start(
        file: Arc<str>,
        source: Box<dyn RowSource + Send>,
        total_bytes: u64,
        options: &ReadOptions,
    ) -> Result<CandleFile, FileError> {
        let options = ReadOptions { batch_rows: options.batch_rows.max(1), ..options.clone() };
        let placeholder = Interval::from_seconds(DEFAULT_TICK_SECONDS)
            .map_err(|e| FileError::Unusable { file: file.clone(), reason: e.to_string() })?;
        let mut opened = CandleFile {
            file,
            source,
            ahead: VecDeque::new(),
            fold: None,
            interval: placeholder,
            spacing: None,
            options,
            total_bytes,
            rows: 0,
            bad_rows: 0,
            ended: false,
            failure: None,
        };
        opened.look_ahead()?;
        opened.settle_interval()?;
        Ok(opened)
    }

    /// The interval of its candles: chosen, told by its name, or detected.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// The most common spacing of its first rows; `None` for ticks and single rows. When it differs
    /// from [`CandleFile::interval`], somebody is mistaken.
    pub fn spacing(&self) -> Option<Interval> {
        self.spacing
    }

    /// Whether it holds ticks that are folded.
    pub fn is_ticks(&self) -> bool {
        self.source.is_ticks()
    }

    /// Its size.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// How much of it was consumed; in Parquet, in proportion to the rows.
    pub fn bytes_read(&self) -> u64 {
        self.source.bytes_read().min(self.total_bytes)
    }

    /// How many candles it gave so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many rows were skipped so far because they are bad.
    pub fn bad_rows(&self) -> u64 {
        self.bad_rows
    }

    /// The next candles; `None` at the end. A batch has as many rows as asked for, fewer only at the
    /// end, before an error, or when so many rows were bad that they must be reported first.
    ///
    /// # Errors
    /// [`FileError::Row`] at a bad row when reading strictly; other [`FileError`]s when the file fails.
    pub fn next_batch(&mut self) -> Result<Option<FileBatch>, FileError> {
        let mut batch =
            FileBatch { first_row: self.rows + 1, candles: Vec::new(), lines: Vec::new(), bad: Vec::new() };
        while batch.candles.len() < self.options.batch_rows && batch.bad.len() < MAX_BAD_PER_BATCH {
            let next = match self.failure.take() {
                Some(failure) => Err(failure),
                None => self.next_candle(),
            };
            match next {
                Err(failure) if batch.candles.is_empty() && batch.bad.is_empty() => return Err(failure),
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
                Ok(Next::Candle(line, candle)) => {
                    batch.candles.push(candle);
                    batch.lines.push(line);
                }
                Ok(Next::Bad(bad)) => batch.bad.push(bad),
                Ok(Next::End) => break,
            }
        }
        self.rows += batch.candles.len() as u64;
        self.bad_rows += batch.bad.len() as u64;
        Ok((!batch.candles.is_empty() || !batch.bad.is_empty()).then_some(batch))
    }

    /// Passes over the next `count` candles; bad rows among them are counted, not reported. Returns
    /// how many there were.
    ///
    /// # Errors
    /// As [`CandleFile::next_batch`].
    pub fn skip_rows(&mut self, count: u64) -> Result<u64, FileError> {
        let mut skipped = 0;
        while skipped < count {
            match self.next_candle()? {
                Next::Candle(..) => skipped += 1,
                Next::Bad(_) => self.bad_rows += 1,
                Next::End => break,
            }
        }
        self.rows += skipped;
        Ok(skipped)
    }

    fn next_candle(&mut self) -> Result<Next, FileError> {
        loop {
            let next = match self.pull()? {
                None => match self.fold.as_mut().and_then(TickFold::finish) {
                    Some((line, candle)) => Next::Candle(line, candle),
                    None => Next::End,
                },
                Some(Pulled::Bad(bad)) => Next::Bad(bad),
                Some(Pulled::Row(line, Reading::Candle(candle))) => Next::Candle(line, candle),
                Some(Pulled::Row(line, Reading::Tick(tick))) => {
                    match self.fold.as_mut().map(|fold| fold.push(line, tick)) {
                        Some(Ok(Some((line, candle)))) => Next::Candle(line, candle),
                        Some(Err(reason)) => Next::Bad(BadRow { file: self.file.clone(), line, reason }),
                        Some(Ok(None)) | None => continue,
                    }
                }
            };
            return match next {
                Next::Bad(bad) if self.options.strict => Err(FileError::Row(bad)),
                next => Ok(next),
            };
        }
    }

    fn pull(&mut self) -> Result<Option<Pulled>, FileError> {
        if let Some(ahead) = self.ahead.pop_front() {
            return Ok(Some(ahead));
        }
        if self.ended {
            return Ok(None);
        }
        let pulled = self.source.pull()?;
        self.ended = pulled.is_none();
        Ok(pulled)
    }

    fn look_ahead(&mut self) -> Result<(), FileError> {
        while self.ahead.len() < LOOK_AHEAD_ROWS {
            match self.source.pull()? {
                Some(pulled) => self.ahead.push_back(pulled),
                None => {
                    self.ended = true;
                    break;
                }
            }
        }
        Ok(())
    }

    fn settle_interval(&mut self) -> Result<(), FileError> {
        let named = || FileName::of(Path::new(&*self.file)).interval;
        let chosen = self.options.interval.or_else(named);
        if self.source.is_ticks() {
            self.interval = chosen.unwrap_or(self.interval);
            self.fold = Some(TickFold::new(self.interval));
            return Ok(());
        }
        self.spacing = most_common_spacing(&self.ahead);
        self.interval = chosen.or(self.spacing).ok_or_else(|| FileError::Unusable {
            file: self.file.clone(),
            reason: "the interval cannot be told from the name or from the spacing of the rows (whole \
                     seconds, at least two rows): choose one, such as 1m"
                .into(),
        })?;
        Ok(())
    }
}
