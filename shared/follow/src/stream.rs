//! Following streams: one, some, or all that begin with a prefix.

pub(crate) mod dialect;
mod directory;
mod proof;
mod reply;
mod request;
mod server;

use crate::driver::{Driver, Wiring};
use crate::{Clock, FollowError, Progress};
use dialect::StreamDialect;
use gapless_model::{Batch, Digest, Epoch, Seq, StreamKey, UnixNanos};
use gapless_protocol::{Begin, Event, Settings, Source};
use gapless_transport::{Context, Fault, WakeReceiver};
use std::time::Duration;

/// Events that wait for the application: a few commits' worth of batches.
const DEFAULT_QUEUE: usize = 1024;
/// Messages queued at the live socket: some seconds of single-row batches at full speed.
const DEFAULT_RECEIVE_LIMIT: u32 = 100_000;
/// Requests in flight over all streams: more than a server's workers, so that it is never idle, and few
/// enough that one client does not fill its queue.
const DEFAULT_REQUESTS: usize = 8;
/// Streams followed at most: about a gigabyte of coordinators, beyond which a prefix was a mistake.
const DEFAULT_MAX_STREAMS: usize = 100_000;
/// Prefixes followed at most: the directory is read for each of them, every ten seconds.
const MAX_PREFIXES: usize = 64;

/// Which streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// Exactly these.
    Topics(Vec<StreamKey>),
    /// All whose topic begins with one of these texts, now and later; an empty one: all.
    Prefixes(Vec<String>),
}

/// Where to begin in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamBegin {
    /// At a sequence or a cursor.
    Log(Begin),
    /// After a stored row of a server without epochs. Its digest (that of this row alone) proves whether the server
    /// still tells the same history; with a mere cursor only the number is known.
    After {
        /// The row's sequence.
        applied: Seq,
        /// Its digest.
        digest: Digest,
    },
    /// At the first row that is not older than this; after the newest row when all are older. A server
    /// that speaks only version 1 cannot find a time: then at its oldest row.
    Time(UnixNanos),
}

/// How to follow streams.
pub struct StreamSettings {
    /// Address of the live feed (5556 by default).
    pub live: String,
    /// Address of the replay side (5557 by default).
    pub replay: String,
    /// Which streams.
    pub select: Select,
    /// Events that wait for the reader before no more messages are read; one message may go beyond it.
    pub queue: usize,
    /// Messages queued at the live socket before the publisher drops.
    pub receive_limit: u32,
    /// Requests in flight over all streams.
    pub requests: usize,
    /// The most streams; further ones are ignored with a warning.
    pub max_streams: usize,
    /// Limits of each stream's coordinator.
    pub coordinator: Settings,
    /// Sockets' context; `None`: an own one. `inproc` addresses need a shared one.
    pub context: Option<Context>,
    /// Drops live messages on purpose; for tests.
    pub fault: Option<Fault>,
    /// Ends a wait when it is woken; `None`: nothing does but its timeout.
    pub wake: Option<WakeReceiver>,
}

impl StreamSettings {
    /// These streams, with default limits.
    pub fn new(live: impl Into<String>, replay: impl Into<String>, select: Select) -> StreamSettings {
        StreamSettings {
            live: live.into(),
            replay: replay.into(),
            select,
            queue: DEFAULT_QUEUE,
            receive_limit: DEFAULT_RECEIVE_LIMIT,
            requests: DEFAULT_REQUESTS,
            max_streams: DEFAULT_MAX_STREAMS,
            coordinator: Settings::default(),
            context: None,
            fault: None,
            wake: None,
        }
    }
}

/// What a stream follower tells; in order within a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// A stream is followed from now on; comes before everything else about it.
    Stream {
        /// Which one.
        key: StreamKey,
    },
    /// Rows, each exactly once and in order.
    Batch {
        /// The rows that were not handed over before; never empty. Its own epoch is that in which they
        /// were published.
        batch: Batch,
        /// The epoch to store with the last sequence as a cursor; never older than the batch's own.
        epoch: Epoch,
        /// Which way they came.
        source: Source,
    },
    /// Something that the application must act on or may show.
    Event {
        /// Which stream.
        key: StreamKey,
        /// What.
        event: Event,
    },
    /// How far a stream is followed: when it changed, at most four times a second, and left out while
    /// the application is slow.
    Progress {
        /// Which stream.
        key: StreamKey,
        /// How far.
        progress: Progress,
    },
}

/// Decides where to begin in each stream, when it is found.
pub(crate) type BeginWith = Box<dyn FnMut(&StreamKey) -> StreamBegin + Send>;

/// Follows streams, on the thread of whoever reads it: sockets are read and timers run in [`StreamFollower::wait`]
/// alone, which is to be called again and again.
pub struct StreamFollower {
    driver: Driver<StreamDialect>,
}

impl StreamFollower {
    /// Begins to follow. It does not wait for the servers to be there. `begin` is asked once for each
    /// stream, while the follower is read: it must be quick.
    ///
    /// # Errors
    /// [`FollowError`] when an address or the selection cannot be used.
    pub fn start(
        settings: StreamSettings,
        begin: Box<dyn FnMut(&StreamKey) -> StreamBegin + Send>,
    ) -> Result<StreamFollower, FollowError> {
        check(&settings.select, settings.max_streams)?;
        let dialect = StreamDialect::new(settings.select, begin, settings.max_streams);
        let wiring = Wiring {
            context: settings.context,
            live: settings.live,
            replay: settings.replay,
            receive_limit: settings.receive_limit,
            queue: settings.queue,
            requests: settings.requests,
            settings: settings.coordinator,
            fault: settings.fault,
            linger: Duration::ZERO,
            wake: settings.wake,
        };
        Ok(StreamFollower { driver: Driver::start(dialect, wiring)? })
    }

    /// What happened next, if it is known already. Never waits.
    pub fn try_next(&mut self) -> Option<StreamEvent> {
        self.driver.try_next()
    }

    /// Waits until something may have happened, `timeout` at most (`None`: as long as it takes), or until it is
    /// [woken](StreamSettings::wake).
    ///
    /// # Errors
    /// [`FollowError::Transport`] when a socket failed: nothing comes any more.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<(), FollowError> {
        Ok(self.driver.step(timeout)?)
    }

    /// What happens next; `None` when nothing did until the timeout.
    ///
    /// # Errors
    /// As [`StreamFollower::wait`].
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<StreamEvent>, FollowError> {
        Ok(self.driver.next_timeout(timeout)?)
    }

    /// What its times mean.
    pub fn clock(&self) -> Clock {
        self.driver.clock
    }
}

impl std::fmt::Debug for StreamFollower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamFollower").finish_non_exhaustive()
    }
}

fn check(select: &Select, max_streams: usize) -> Result<(), FollowError> {
    match select {
        Select::Topics(keys) if keys.is_empty() => {
            Err(FollowError::Settings("no stream is selected: name at least one, or a prefix".into()))
        }
        Select::Topics(keys) if keys.len() > max_streams => Err(FollowError::Settings(format!(
            "{} streams are selected: at most {max_streams}, see max_streams",
            keys.len()
        ))),
        Select::Prefixes(prefixes) => check_prefixes(prefixes),
        Select::Topics(_) => Ok(()),
    }
}

fn check_prefixes(prefixes: &[String]) -> Result<(), FollowError> {
    let longest = prefixes.iter().map(String::len).max();
    let refused = match longest {
        None => "no stream is selected: name at least one, or a prefix".to_owned(),
        Some(longest) if longest > gapless_wire::MAX_TOPIC_BYTES => {
            format!("a prefix has {longest} bytes: at most {}", gapless_wire::MAX_TOPIC_BYTES)
        }
        Some(_) if prefixes.len() > MAX_PREFIXES => {
            format!("{} prefixes are selected: at most {MAX_PREFIXES}", prefixes.len())
        }
        Some(_) => return Ok(()),
    };
    Err(FollowError::Settings(refused))
}
