//! Gives the receipts that wait for the disk.
//!
//! The writer goes on while records are synced; this thread waits for it and answers in order. Without it
//! one request that wants a synced receipt would make everybody wait for the disk.

use crate::intake::{Receipt, Refusal, Reply};
use crossbeam_channel::{Receiver, Sender, bounded};
use gapless_journal::Journal;
use gapless_model::Position;
use std::thread::JoinHandle;
use std::time::Duration;

/// Receipts that wait; the writer waits when there are more. About 10 MB, and more than a disk syncs at once.
const WAITING: usize = 65_536;

/// How long one look at the disk waits; only bounds how late a failure is noticed.
const LOOK: Duration = Duration::from_millis(500);

/// A receipt to give once `position` is synced.
pub(crate) struct Pending {
    pub(crate) position: Position,
    pub(crate) receipt: Receipt,
    pub(crate) reply: Reply,
}

/// Starts the thread; it ends when every sender is gone and everything is answered.
pub(crate) fn start(journal: Journal) -> std::io::Result<(Sender<Pending>, JoinHandle<()>)> {
    let (sender, pending) = bounded(WAITING);
    let thread = std::thread::Builder::new().name("acknowledger".into());
    Ok((sender, thread.spawn(move || run(&journal, &pending))?))
}

fn run(journal: &Journal, pending: &Receiver<Pending>) {
    for Pending { position, receipt, reply } in pending {
        let answer = loop {
            match journal.wait_synced(position, LOOK) {
                Ok(true) => break Ok(receipt.synced()),
                Ok(false) => journal.request_sync(),
                Err(error) => break Err(Refusal::unwritten(&error)),
            }
        };
        reply.give(answer);
    }
}
