//! Where rows come from inside the process: files, this machine, a simulated market, standard input.
//!
//! Each source runs on a thread of its own and hands its rows to the [`Intake`] like any other
//! producer, numbered, so that a retry is harmless. When the intake is busy it waits, when the service
//! stops it stops, and when its input is broken it ends with an error that names the place; the service
//! lives on.

mod host;
mod outbox;
mod pace;
mod progress;
mod replay;
mod sim;
mod stdin;

#[cfg(test)]
pub(crate) mod fake_journal;

pub use host::HostSettings;
pub use pace::Pace;
pub use progress::Progress;
pub use replay::ReplaySettings;
pub use sim::SimSettings;
pub use stdin::StdinSettings;

use crate::Intake;
use gapless_formats::FileError;
use gapless_model::{KeyError, UnixNanos};
use gapless_service_kit::Shutdown;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

/// One source, as `[[ingestion.sources]]` describes it: `type = "replay"` and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum SourceSettings {
    /// A file of candles or ticks.
    Replay(ReplaySettings),
    /// This machine's telemetry.
    Host(HostSettings),
    /// A simulated market.
    Sim(SimSettings),
    /// NDJSON from standard input.
    Stdin(StdinSettings),
}

/// Why a source cannot start, or ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A setting cannot be: fix it.
    #[error("{setting}: {reason}")]
    Settings {
        /// Which one.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The stream's name is not usable: fix the settings.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file cannot be read, or, reading strictly, has a bad row.
    #[error(transparent)]
    File(#[from] FileError),
    /// The input failed.
    #[error("input failed: {0}")]
    Input(#[from] std::io::Error),
    /// The input has a bad row, reading strictly.
    #[error("line {line}: {reason}")]
    BadLine {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The machine does not offer what the source reads.
    #[error("{what} cannot be read: {reason}")]
    Unavailable {
        /// What it reads.
        what: &'static str,
        /// What the system said.
        reason: String,
    },
    /// The intake refused rows for good; they were dropped.
    #[error("{rows} rows refused: {reason}")]
    Rejected {
        /// How many.
        rows: u64,
        /// Why.
        reason: String,
    },
    /// Somebody else keeps sending the same file into the same stream: let one finish.
    #[error("another replay of the same file is feeding {stream}: let it finish, then run this one again")]
    Contested {
        /// Which stream.
        stream: String,
    },
    /// The journal knows less of the file than it acknowledged; going on would add rows twice.
    #[error(
        "{stream}: the journal had taken row {delivered} of the file and now knows of {taken} only: see whether \
         its history was lost, then run the replay again"
    )]
    Forgotten {
        /// Which stream.
        stream: String,
        /// The last row that was acknowledged.
        delivered: u64,
        /// The last row that it now says it has.
        taken: u64,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The source's thread panicked.
    #[error("the source panicked: this is a bug, see the log")]
    Panicked,
}

impl SourceError {
    pub(crate) fn settings(setting: &'static str, reason: impl ToString) -> SourceError {
        SourceError::Settings { setting, reason: reason.to_string() }
    }
}

impl SourceSettings {
    /// A replay of the whole file `path` at full speed, with everything told from its name and content.
    pub fn replay(path: impl Into<PathBuf>) -> SourceSettings {
        SourceSettings::Replay(ReplaySettings::of(path))
    }

    /// What kind of source it is.
    pub fn name(&self) -> &'static str {
        match self {
            SourceSettings::Replay(_) => "replay",
            SourceSettings::Host(_) => "host",
            SourceSettings::Sim(_) => "sim",
            SourceSettings::Stdin(_) => "stdin",
        }
    }

    /// Checks what can be checked without starting it.
    ///
    /// # Errors
    /// [`SourceError`] names the setting.
    pub fn check(&self) -> Result<(), SourceError> {
        match self {
            SourceSettings::Replay(settings) => settings.check(),
            SourceSettings::Host(settings) => settings.check(),
            SourceSettings::Sim(settings) => settings.check(),
            SourceSettings::Stdin(settings) => settings.check(),
        }
    }
}

/// A source that was started.
#[derive(Debug)]
pub struct Source {
    name: &'static str,
    progress: Arc<Progress>,
    thread: JoinHandle<Result<(), SourceError>>,
}

impl Source {
    /// Starts a source on a thread of its own; it ends with its input or with `shutdown`. The journal
    /// must be open already: a replay asks it where to go on.
    ///
    /// # Errors
    /// [`SourceError`] when the settings are wrong or a file cannot be opened.
    pub fn start(
        settings: &SourceSettings,
        intake: &Intake,
        shutdown: &Shutdown,
    ) -> Result<Source, SourceError> {
        let name = settings.name();
        let progress = Arc::new(Progress::new(name));
        let (intake, stop, counts) = (intake.clone(), shutdown.clone(), progress.clone());
        let run: Box<dyn FnOnce() -> Result<(), SourceError> + Send> = match settings {
            SourceSettings::Replay(settings) => {
                let replay = replay::Replay::open(settings, intake, stop, counts)?;
                Box::new(|| replay.run())
            }
            SourceSettings::Host(settings) => {
                let host = host::Host::new(settings, intake, stop, counts)?;
                Box::new(|| host.run())
            }
            SourceSettings::Sim(settings) => {
                let sim = sim::Sim::new(settings, intake, stop, counts)?;
                Box::new(|| sim.run())
            }
            SourceSettings::Stdin(settings) => {
                let stdin = stdin::Stdin::new(settings, std::io::stdin(), intake, stop, counts)?;
                Box::new(|| stdin.run())
            }
        };
        let guard = shutdown.guard(format!("source {name}"));
        let body = move || {
            let _guard = guard;
            let _span = tracing::info_span!("source", name).entered();
            run().inspect_err(|error| tracing::error!(%error, "source ends"))
        };
        let thread = std::thread::Builder::new().name(format!("source-{name}")).spawn(body);
        Ok(Source { name, progress, thread: thread.map_err(SourceError::Thread)? })
    }

    /// What kind of source it is.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why it ended before its input did.
    pub fn join(self) -> Result<(), SourceError> {
        self.thread.join().unwrap_or(Err(SourceError::Panicked))
    }
}

/// The machine's clock.
fn unix_nanos() -> UnixNanos {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixNanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
pub(crate) mod tests;
