//! The thread that sorts full tables of the archive into partitions, beside the writer.

use crate::error::Error;
use crossbeam_channel::{Receiver, Sender, bounded};
use gapless_service_kit::{Shutdown, give_way};
use gapless_store::Sealer;
use std::thread::JoinHandle;

const NAME: &str = "backfill-sealer";

/// The thread.
pub(crate) struct Sealing {
    thread: Option<JoinHandle<()>>,
}

impl Sealing {
    /// Starts the thread; the sender tells it that there may be work, and dropping it ends the thread.
    pub(crate) fn start(sealer: Sealer, shutdown: &Shutdown) -> Result<(Sealing, Sender<()>), Error> {
        let (tell, told) = bounded(1);
        // What a crash or a stop left unsorted.
        let _ = tell.try_send(());
        let (guard, stop) = (shutdown.guard(NAME), shutdown.clone());
        let body = move || {
            let _guard = guard;
            give_way();
            seal(sealer, &told, &stop);
        };
        let thread = std::thread::Builder::new().name(NAME.into()).spawn(body);
        let thread = thread.map_err(|error| Error::Thread { name: NAME, reason: error.to_string() })?;
        Ok((Sealing { thread: Some(thread) }, tell))
    }

    /// Waits for the end of the thread, once its sender is dropped.
    pub(crate) fn join(mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that sorts rows had panicked");
        }
    }
}

fn seal(mut sealer: Sealer, told: &Receiver<()>, stop: &Shutdown) {
    while told.recv().is_ok() {
        while !stop.is_requested() {
            match sealer.seal_next() {
                Ok(Some(rows)) => tracing::debug!(rows, "sorted rows into a partition"),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "rows stay unsorted until the next try: pages of them cost more");
                    break;
                }
            }
        }
    }
}
