//! Sends rows into Gapless, so that each is there exactly once whatever fails in between.

mod driver;
mod gate;
mod lane;
mod receipt;
mod settings;
mod ticket;
mod window;

pub use receipt::{Receipt, Refused};
pub use settings::{
    DEFAULT_BACKOFF_MAX, DEFAULT_BACKOFF_MIN, DEFAULT_GROUP_AFTER, DEFAULT_IN_FLIGHT_PER_STREAM,
    DEFAULT_MAX_BATCHES, DEFAULT_MAX_BYTES, DEFAULT_REPLY_TIMEOUT, Numbering, OnForgotten, ProducerSettings,
};
pub use ticket::Ticket;
pub use window::ProducerCounts;

use crate::Error;
use crate::ask::Asker;
use driver::{Driver, Submission};
use gapless_model::{Batch, StreamKey};
use gapless_transport::{Context, Requester, RequesterSettings, TransportError, Waker, wake_pair};
use gapless_wire::{Message, ProducerStatusRequest, ProducerStatusResponse};
use gate::{Gate, Pass};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use ticket::promised;
use window::Window;

/// What a batch takes beside its rows: its stream, its place in queues, and who waits for it.
const BATCH_BYTES: usize = 256;

/// Sends batches to ingestion with a bounded number of them unacknowledged.
///
/// [`Producer::send`] returns as soon as there is room; trouble is retried in the background, in order,
/// until ingestion has the batch. Batches that wait are put together, so that single rows are as cheap as
/// ingestion is busy ([`ProducerSettings::group_after`]). [`Producer::flush`] waits until everything sent is in the journal.
/// Dropping it gives up what is not acknowledged: flush first.
///
/// ```no_run
/// # use gapless::{Batch, Candle, Client, Flags, Rows, StreamKey, UnixMillis};
/// # use std::time::Duration;
/// let producer = Client::default().producer("my-feed")?;
/// let key: StreamKey = "candles.mine.BTC-USD.1m".parse()?;
/// let candle = Candle { ts: UnixMillis(1_700_000_000_000), open: 1.0, high: 2.0, low: 1.0, close: 2.0, volume: 0.5 };
/// let ticket = producer.send(Batch::unsequenced(key, Flags::NONE, Rows::Candles(vec![candle])), Duration::from_secs(1))?;
/// println!("in the journal as {}", ticket.wait(Duration::from_secs(5))?.range);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Producer {
    context: Context,
    settings: ProducerSettings,
    driver: Arc<Driver>,
    waker: Waker,
    gate: Arc<Gate>,
    thread: Option<JoinHandle<()>>,
}

impl Producer {
    /// Starts a producer. It does not wait for ingestion to be there.
    ///
    /// # Errors
    /// [`Error::Usage`] when the id cannot be one; [`Error::Transport`] when no socket can be opened.
    pub fn start(context: &Context, settings: ProducerSettings) -> Result<Producer, Error> {
        check_id(&settings.producer_id)?;
        let requester = Requester::connect(context, &settings.endpoint, RequesterSettings::default())?;
        Producer::over(requester, context, settings)
    }

    fn over(requester: Requester, context: &Context, settings: ProducerSettings) -> Result<Producer, Error> {
        let (waker, wake) = wake_pair()?;
        let gate = Arc::new(Gate::new(settings.max_batches, settings.max_bytes));
        let window = Window::new(settings.clone(), fastrand::u64(..));
        let driver = Arc::new(Driver::new(window, requester, gate.clone()));
        let background = driver.clone();
        let thread = std::thread::Builder::new()
            .name("gapless-producer".into())
            .spawn(move || background.run(&wake))
            .map_err(|error| TransportError::Thread {
                name: "gapless-producer",
                reason: error.to_string(),
            })?;
        Ok(Producer { context: context.clone(), settings, driver, waker, gate, thread: Some(thread) })
    }

    /// Hands a batch over, waiting for room in the window at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when there was no room: the batch was not taken, send it again.
    /// [`Error::Usage`] when its rows are not valid. [`Error::Closed`] when the producer has failed.
    pub fn send(&self, batch: Batch, timeout: Duration) -> Result<Ticket, Error> {
        self.send_as(Numbering::Next, batch, timeout)
    }

    /// [`Producer::send`] with a number of the caller's choice.
    ///
    /// # Errors
    /// As [`Producer::send`]; a number of 0 is [`Error::Usage`].
    pub fn send_as(&self, numbering: Numbering, batch: Batch, timeout: Duration) -> Result<Ticket, Error> {
        if numbering == Numbering::Explicit(0) {
            return Err(Error::Usage("a batch number of 0 means \"not numbered\": count from 1".into()));
        }
        batch.rows.validate().map_err(|error| Error::Usage(format!("{}: {error}", batch.key)))?;
        if batch.rows.is_empty() {
            return Err(Error::Usage(format!("no rows for {}: send at least one", batch.key)));
        }
        let bytes = BATCH_BYTES + batch.rows.approx_bytes() + batch.rows.name_bytes();
        self.admit(self.gate.enter(bytes, timeout), timeout)?;
        let (promise, ticket) = promised();
        if self.driver.submit(Submission { batch, numbering, bytes, promise })? {
            self.waker.wake();
        }
        Ok(ticket)
    }

    /// Waits until everything that was sent is in the journal, at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when batches are still unacknowledged: they stay, and go on being sent.
    /// [`Error::Batch`] for the first batch that was refused since the last flush.
    pub fn flush(&self, timeout: Duration) -> Result<(), Error> {
        self.admit(self.gate.drained(timeout), timeout)
    }

    /// Flushes and ends.
    ///
    /// # Errors
    /// As [`Producer::flush`]; the producer has ended all the same.
    pub fn close(self, timeout: Duration) -> Result<(), Error> {
        self.flush(timeout)
    }

    /// How far this producer got on a stream, asked of ingestion: where to resume.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when ingestion does not answer within `timeout`.
    pub fn status(&self, key: &StreamKey, timeout: Duration) -> Result<ProducerStatusResponse, Error> {
        let mut asker = Asker::new(&self.context, crate::Service::Ingestion, &self.settings.endpoint)?;
        producer_status(&mut asker, &self.settings.producer_id, key, timeout)
    }

    /// What happened so far.
    pub fn counts(&self) -> ProducerCounts {
        self.driver.counts()
    }

    fn admit(&self, pass: Pass, waited: Duration) -> Result<(), Error> {
        match pass {
            Pass::Open => Ok(()),
            Pass::Closed => Err(Error::Closed),
            Pass::Refused(refused) => Err(refused.into()),
            Pass::TimedOut { pending, trouble } if trouble.is_empty() => {
                Err(Error::TimedOut { pending, waited, trouble })
            }
            Pass::TimedOut { pending, trouble } => {
                Err(Error::TimedOut { pending, waited, trouble: format!(" ({trouble})") })
            }
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.driver.close();
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

/// How far `producer_id` got on a stream.
pub(crate) fn producer_status(
    asker: &mut Asker,
    producer_id: &str,
    key: &StreamKey,
    timeout: Duration,
) -> Result<ProducerStatusResponse, Error> {
    let question = ProducerStatusRequest { producer_id: producer_id.into(), key: key.clone() };
    match asker.ask(&Message::ProducerStatusRequest(question), timeout)? {
        Message::ProducerStatusResponse(status) => Ok(status),
        other => Err(asker.unexpected(&other)),
    }
}

fn check_id(id: &str) -> Result<(), Error> {
    let usable =
        !id.is_empty() && id.len() <= gapless_wire::MAX_ID_BYTES && id.bytes().all(|b| b.is_ascii_graphic());
    if usable {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "producer id {id:?} is not usable: 1 to 128 printable ASCII characters without spaces"
    )))
}

#[cfg(test)]
mod tests;
