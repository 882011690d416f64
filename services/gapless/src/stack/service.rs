//! One service on a thread of its own.

use anyhow::{Context, Error, Result, anyhow};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use gapless_service_kit::Shutdown;
use std::time::{Duration, Instant};

/// A running service.
pub(super) struct Service {
    name: &'static str,
    shutdown: Shutdown,
    ended: Receiver<Result<()>>,
    stopped: bool,
}

impl Service {
    /// Runs `body` until its shutdown is requested.
    pub(super) fn start(
        name: &'static str,
        body: impl FnOnce(Shutdown) -> Result<()> + Send + 'static,
    ) -> Result<Service> {
        let shutdown = Shutdown::new();
        let (end, ended) = bounded(1);
        let stop = shutdown.clone();
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                let result = body(stop).context(name);
                // Whoever waited for it may be gone.
                let _ = end.send(result);
            })
            .with_context(|| format!("cannot start a thread for {name}"))?;
        Ok(Service { name, shutdown, ended, stopped: false })
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Why it has ended, when it has.
    pub(super) fn failure(&mut self) -> Option<Error> {
        let ended = self.ended.try_recv().ok()?;
        self.stopped = true;
        Some(ended.err().unwrap_or_else(|| anyhow!("{} ended on its own", self.name)))
    }

    /// Why it ended before it was ready, waiting for that at most `patience`.
    pub(super) fn early_end(&self, patience: Duration) -> Option<Error> {
        match self.ended.recv_timeout(patience) {
            Ok(Err(error)) => Some(error),
            Ok(Ok(())) => Some(anyhow!("{} ended before it was ready", self.name)),
            Err(RecvTimeoutError::Disconnected) => Some(anyhow!("{} panicked", self.name)),
            Err(RecvTimeoutError::Timeout) => None,
        }
    }

    /// Stops it and waits for its end until `end`.
    pub(super) fn stop(&mut self, end: Instant) -> Result<()> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        self.shutdown.request();
        match self.ended.recv_deadline(end) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(anyhow!("{} does not end", self.name)),
            Err(RecvTimeoutError::Disconnected) => Err(anyhow!("{} panicked", self.name)),
        }
    }
}
