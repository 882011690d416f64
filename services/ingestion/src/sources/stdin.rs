//! NDJSON lines from standard input, into one stream or each into the stream that it names.
//!
//! Lines are gathered into batches: a batch leaves when it is full, when no line came for a moment, or
//! when a metrics line brings other columns. A bad line is named and skipped, or ends the source when
//! reading strictly.
//!
//! A thread that waits in a read cannot be woken, so reading has a thread to itself, which lives until
//! its input ends or the process does; the source takes lines from it through a bounded channel.

use crate::sources::outbox::{Outbox, Trouble};
use crate::sources::progress::{Progress, ProgressLog};
use crate::sources::{SourceError, unix_nanos};
use crate::{Intake, MAX_SUBMISSION_BYTES};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use gapless_formats::{Line, Lines, MAX_LINE_BYTES, PushError, Row, RowsBuilder};
use gapless_model::{MAX_ROWS_PER_BATCH, StreamKey};
use gapless_service_kit::Shutdown;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Lines read ahead of what the journal takes: 16 MB at worst, some 100 kB usually.
const LINES_AHEAD: usize = 256;
/// The most streams of one input; each has buffers of its own.
const MAX_STREAMS: usize = 1_000;
/// When no line came for so long, what is gathered leaves.
const GATHER: Duration = Duration::from_millis(20);
/// A batch leaves when its rows take this much, so that it never is too large for the intake.
const MAX_BATCH_BYTES: usize = MAX_SUBMISSION_BYTES / 2;
/// How long a stopping source waits for the answers to its last rows.
const FINISH: Duration = Duration::from_secs(1);

/// Rows from standard input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StdinSettings {
    /// The stream of lines that have no `topic` of their own; empty: every line has to have one.
    pub topic: String,
    /// The most rows of a batch, 1 to 10,000.
    pub batch_rows: usize,
    /// Stop at the first bad line instead of skipping it.
    pub strict: bool,
}

impl Default for StdinSettings {
    fn default() -> StdinSettings {
        StdinSettings { topic: String::new(), batch_rows: 1_000, strict: false }
    }
}

impl StdinSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`SourceError`] names the setting.
    pub fn check(&self) -> Result<(), SourceError> {
        if !(1..=MAX_ROWS_PER_BATCH).contains(&self.batch_rows) {
            return Err(SourceError::settings(
                "batch_rows",
                format!("{} is not 1 to {MAX_ROWS_PER_BATCH}", self.batch_rows),
            ));
        }
        self.default_key().map(drop)
    }

    fn default_key(&self) -> Result<Option<StreamKey>, SourceError> {
        if self.topic.is_empty() { Ok(None) } else { Ok(Some(self.topic.parse()?)) }
    }
}

/// What the reading thread hands over.
enum Input {
    Line(u64, Vec<u8>),
    TooLong(u64),
    Failed(std::io::Error),
}

/// The source that reads lines.
pub(crate) struct Stdin {
    settings: StdinSettings,
    default_key: Option<StreamKey>,
    lines: Receiver<Input>,
    intake: Intake,
    shutdown: Shutdown,
    progress: Arc<Progress>,
    /// Unique to this run: a line that was read is never read again.
    producer_id: String,
    lanes: BTreeMap<StreamKey, Lane>,
}

/// The rows of one stream.
struct Lane {
    gathered: RowsBuilder,
    outbox: Outbox,
}

impl Stdin {
    pub(crate) fn new(
        settings: &StdinSettings,
        input: impl Read + Send + 'static,
        intake: Intake,
        shutdown: Shutdown,
        progress: Arc<Progress>,
    ) -> Result<Stdin, SourceError> {
        settings.check()?;
        let (sender, lines) = bounded(LINES_AHEAD);
        let reader = std::thread::Builder::new().name("stdin".into());
        reader.spawn(move || read(input, &sender)).map_err(SourceError::Thread)?;
        Ok(Stdin {
            settings: settings.clone(),
            default_key: settings.default_key()?,
            lines,
            intake,
            shutdown,
            progress,
            producer_id: format!("stdin:{}", unix_nanos().0 / 1_000_000),
            lanes: BTreeMap::new(),
        })
    }

    /// Takes lines until the input ends or the stop.
    pub(crate) fn run(mut self) -> Result<(), SourceError> {
        tracing::info!(topic = self.settings.topic, "standard input begins");
        let ended = self.take_lines();
        self.flush_all();
        // The input has ended: everything gets in, however long the journal is busy.
        while ended.is_ok()
            && !self.shutdown.is_requested()
            && self.lanes.values().any(|lane| !lane.outbox.is_empty())
        {
            self.settle(Some(GATHER));
        }
        for lane in self.lanes.values_mut() {
            lane.outbox.finish(FINISH);
        }
        tracing::info!(outcome = %self.progress, "standard input ends");
        ended
    }

    fn take_lines(&mut self) -> Result<(), SourceError> {
        let mut log = ProgressLog::new(Instant::now());
        while !self.shutdown.is_requested() {
            log.tick(&self.progress, Instant::now());
            if self.lanes.values().any(|lane| lane.outbox.is_full()) {
                self.settle(Some(GATHER));
                continue;
            }
            match self.lines.recv_timeout(GATHER) {
                Ok(Input::Line(number, line)) => self.take(number, &line)?,
                Ok(Input::TooLong(number)) => {
                    self.bad(number, format!("longer than {MAX_LINE_BYTES} bytes"))?
                }
                Ok(Input::Failed(error)) => return Err(error.into()),
                Err(RecvTimeoutError::Timeout) => {
                    self.flush_all();
                    self.settle(None);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
        Ok(())
    }

    fn take(&mut self, number: u64, line: &[u8]) -> Result<(), SourceError> {
        match self.try_take(line) {
            Ok(()) => self.progress.add_read(1),
            Err(reason) => self.bad(number, reason)?,
        }
        Ok(())
    }

    fn try_take(&mut self, line: &[u8]) -> Result<(), String> {
        let mut row = Row::from_json(line)?;
        let key = match (row.take_text("topic"), &self.default_key) {
            (Some(topic), _) => topic.parse().map_err(|error: gapless_model::KeyError| error.to_string())?,
            (None, Some(key)) => key.clone(),
            (None, None) => return Err("no topic: add one to the line, or set one for all".into()),
        };
        let batch_rows = self.settings.batch_rows;
        let lane = self.lane(key)?;
        let pushed = match lane.gathered.push(&row) {
            Err(PushError::NewColumn(_) | PushError::Full) => {
                lane.flush();
                lane.gathered.push(&row)
            }
            pushed => pushed,
        };
        pushed.map_err(|error| error.to_string())?;
        if lane.gathered.len() >= batch_rows || lane.gathered.approx_bytes() >= MAX_BATCH_BYTES {
            lane.flush();
            self.settle(None);
        }
        Ok(())
    }

    fn lane(&mut self, key: StreamKey) -> Result<&mut Lane, String> {
        if !self.lanes.contains_key(&key) && self.lanes.len() >= MAX_STREAMS {
            return Err(format!("{key} is one stream too many: one input has at most {MAX_STREAMS}"));
        }
        let (intake, shutdown, progress) = (&self.intake, &self.shutdown, &self.progress);
        let producer_id = &self.producer_id;
        Ok(self.lanes.entry(key).or_insert_with_key(|key| Lane {
            gathered: RowsBuilder::new(key.kind()),
            outbox: Outbox::new(
                intake.clone(),
                shutdown.clone(),
                progress.clone(),
                key.clone(),
                producer_id.clone(),
                0,
            ),
        }))
    }

    fn bad(&self, line: u64, reason: String) -> Result<(), SourceError> {
        if self.settings.strict {
            self.progress.add_bad(1);
            return Err(SourceError::BadLine { line, reason });
        }
        self.progress.skip_bad(&format_args!("line {line}"), &reason);
        Ok(())
    }

    fn flush_all(&mut self) {
        self.lanes.values_mut().for_each(Lane::flush);
    }

    /// Sees to the answers of every stream; waits for the first one that has something outstanding.
    fn settle(&mut self, mut wait: Option<Duration>) {
        for lane in self.lanes.values_mut() {
            let settled = match wait.take_if(|_| !lane.outbox.is_empty()) {
                Some(wait) => lane.outbox.wait(wait),
                None => lane.outbox.pump(Instant::now()),
            };
            match settled {
                Ok(()) | Err(Trouble::Closing) => {}
                Err(Trouble::Elsewhere { .. }) => {
                    lane.outbox.begin_anew(format!("stdin:{}", unix_nanos().0 / 1_000_000));
                }
                Err(Trouble::Rejected { rows, reason }) => {
                    tracing::warn!(stream = %lane.outbox.key(), rows, reason, "rows refused");
                }
            }
        }
    }
}

impl Lane {
    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            self.outbox.push(self.gathered.take());
        }
    }
}

/// The reading thread; ends with its input, or when nobody wants lines any more.
fn read(input: impl Read, sender: &Sender<Input>) {
    let mut lines = Lines::new(BufReader::new(input));
    loop {
        let next = match lines.next_line() {
            Ok(Some((number, Line::Text(text)))) => Input::Line(number, text.to_vec()),
            Ok(Some((number, Line::TooLong))) => Input::TooLong(number),
            Ok(None) => return,
            Err(error) => {
                // Nobody left to tell when the source is gone.
                let _ = sender.send(Input::Failed(error));
                return;
            }
        };
        if sender.send(next).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
