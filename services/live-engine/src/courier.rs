//! The thread that carries derived batches to ingestion and answers back.
//!
//! It owns the DEALER socket and decides nothing: what to send, and when again, is the outbox's.

use crate::error::Error;
use crate::outbox::{PRODUCER_ID, Reply, Send};
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use gapless_transport::{
    Context, Requester, RequesterSettings, Sent, Source, TransportError, WakeReceiver, Waker, wait_any,
    wake_pair,
};
use gapless_wire::{ErrorCode, ErrorResponse, IngestBatch, Limits, Message, decode, encode_message};
use std::thread::JoinHandle;
use std::time::Duration;

/// Batches and answers on their way; above what the outbox has in flight, so that nobody waits.
const QUEUE: usize = 128;
/// The thread's name.
const NAME: &str = "engine-outbox";

enum Order {
    Send(Box<Send>),
    Renew,
}

/// Carries derived batches. Dropping it ends its thread.
pub(crate) struct Courier {
    orders: Option<Sender<Order>>,
    answers: Receiver<(u64, Reply)>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Courier {
    /// `listener` is woken for each answer.
    pub(crate) fn start(context: &Context, ingest: &str, listener: Waker) -> Result<Courier, Error> {
        let requester = Requester::connect(context, ingest, RequesterSettings::default())?;
        let (orders, incoming) = bounded(QUEUE);
        let (outgoing, answers) = bounded(QUEUE);
        let (waker, wake) = wake_pair()?;
        let shell = Shell { requester, wake, orders: incoming, answers: outgoing, listener };
        let thread = std::thread::Builder::new()
            .name(NAME.into())
            .spawn(move || shell.run())
            .map_err(|error| Error::Thread { name: NAME, reason: error.to_string() })?;
        Ok(Courier { orders: Some(orders), answers, waker, thread: Some(thread) })
    }

    /// Takes a batch on its way. A batch that finds no room is sent again by the outbox's time-out.
    pub(crate) fn send(&self, send: Send) {
        self.order(Order::Send(Box::new(send)));
    }

    /// Replaces the connection: nothing came back in time.
    pub(crate) fn renew(&self) {
        self.order(Order::Renew);
    }

    pub(crate) fn answers(&self) -> &Receiver<(u64, Reply)> {
        &self.answers
    }

    fn order(&self, order: Order) {
        if self.orders.as_ref().is_some_and(|orders| orders.try_send(order).is_ok()) {
            self.waker.wake();
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        drop(self.orders.take());
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported by its own thread.
            let _ = thread.join();
        }
    }
}

struct Shell {
    requester: Requester,
    wake: WakeReceiver,
    orders: Receiver<Order>,
    answers: Sender<(u64, Reply)>,
    listener: Waker,
}

impl Shell {
    fn run(mut self) {
        if let Err(error) = self.carry() {
            tracing::error!(%error, "derived rows can no longer be sent");
        }
    }

    fn carry(&mut self) -> Result<(), TransportError> {
        loop {
            self.wake.clear();
            loop {
                match self.orders.try_recv() {
                    Ok(order) => self.obey(order)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            while let Some(frame) = self.requester.try_receive()? {
                if let Some(answer) = read(&frame) {
                    self.answer(answer);
                }
            }
            wait_any([Source::Requester(&self.requester), Source::Wake(&self.wake)], None)?;
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), TransportError> {
        match order {
            Order::Renew => self.requester.renew(),
            Order::Send(send) => {
                let id = send.id;
                if self.requester.send(write(*send))? == Sent::Full {
                    self.answer((id, Reply::Later { after: Duration::ZERO }));
                }
                Ok(())
            }
        }
    }

    /// An answer that finds no room is missed; the outbox asks again after its time-out.
    fn answer(&self, answer: (u64, Reply)) {
        match self.answers.try_send(answer) {
            Ok(()) => self.listener.wake(),
            Err(_) => tracing::debug!("an answer of ingestion found no room"),
        }
    }
}

fn write(send: Send) -> Vec<u8> {
    let batch = encode_message(&Message::Batch(send.batch), "");
    let message = Message::IngestBatch(IngestBatch {
        producer_id: PRODUCER_ID.into(),
        producer_sequence: send.producer_sequence,
        previous_producer_sequence: send.previous_producer_sequence,
        batch,
        ack_may_wait: false,
    });
    encode_message(&message, &send.id.to_string())
}

fn read(frame: &[u8]) -> Option<(u64, Reply)> {
    let envelope = decode(frame, &Limits::reply())
        .inspect_err(|error| tracing::warn!(%error, "an answer of ingestion cannot be read"))
        .ok()?;
    let id = envelope.correlation_id.parse().ok()?;
    let reply = match envelope.message {
        Message::IngestAck(_) => Reply::Accepted,
        Message::IngestNack(nack) if nack.error.code == ErrorCode::CONFLICT => {
            Reply::Conflict { expected_previous: nack.expected_previous }
        }
        Message::IngestNack(nack) => refusal(&nack.error),
        Message::Error(error) => refusal(&error),
        _ => return None,
    };
    Some((id, reply))
}

fn refusal(error: &ErrorResponse) -> Reply {
    let passes = [ErrorCode::BUSY, ErrorCode::INTERNAL, ErrorCode::NOT_READY, ErrorCode::NO_SPACE];
    if passes.contains(&error.code) || error.retry_after_ms > 0 {
        return Reply::Later { after: Duration::from_millis(error.retry_after_ms.into()) };
    }
    Reply::Refused { code: error.code.0 }
}
