//! Producers over ZeroMQ: batches in, acknowledgements out.

use crate::SERVICE;
use crate::core::{self, healthy, not_served};
use crate::intake::{Intake, Reply};
use gapless_service_kit::metrics::{self, names};
use gapless_transport::{Context, Replier, Request, Router, RouterSettings, TransportError};
use gapless_wire::{
    ErrorCode, ErrorResponse, IngestBatch, IngestNack, Limits, Message, decode, encode_message,
    peek_correlation_id,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Acknowledgements that wait for one producer before further ones are dropped: several times what one
/// has in flight.
const REPLIES_PER_PEER: u32 = 4096;

/// How long answers that may wait for others do: a tenth of the messages and wake-ups at ten thousand batches a second,
/// and far less than a producer waits for an answer before it asks.
const ANSWERS_WAIT: Duration = Duration::from_millis(1);

/// The socket. It belongs to the writer's thread: to decode a batch takes less time than to wake another thread for it,
/// and what comes while a group is written is the next group.
pub(crate) struct IngestSocket {
    router: Router,
    desk: Desk,
    /// When answers that may wait have waited long enough.
    answers_due: Instant,
}

impl IngestSocket {
    /// Binds it; whatever `intake` gets ends its wait.
    pub(crate) fn bind(
        context: &Context,
        endpoint: &str,
        intake: &Intake,
    ) -> Result<IngestSocket, TransportError> {
        let settings = RouterSettings { send_limit: REPLIES_PER_PEER, ..RouterSettings::default() };
        let wake = intake.queue().wake().clone();
        let router = Router::bind(context, endpoint, &settings, malformed, wake)?;
        let desk = Desk { intake: intake.at_the_writer(), is_urgent: Arc::default() };
        Ok(IngestSocket { router, desk, answers_due: Instant::now() })
    }

    pub(crate) fn endpoint(&self) -> String {
        self.router.endpoint().to_string()
    }

    /// Waits for requests, answers of other threads or rows from elsewhere, `timeout` at most; puts rows into the intake,
    /// and sends the answers that are due.
    pub(crate) fn step(&mut self, timeout: Duration, now: Instant) -> Result<(), TransportError> {
        let timeout = match self.router.has_replies() {
            true => timeout.min(self.answers_due.saturating_duration_since(now)),
            false => timeout,
        };
        let desk = &self.desk;
        self.router.step(Some(timeout), |request, replier| desk.serve(request, replier))
    }

    /// Sends the answers, unless all of them may wait and were not waiting for long.
    pub(crate) fn send_due_replies(&mut self, now: Instant) {
        if self.desk.is_urgent.load(Ordering::Relaxed) || now >= self.answers_due {
            self.send_replies(now);
        }
    }

    /// Sends the answers that are there.
    pub(crate) fn send_replies(&mut self, now: Instant) {
        self.desk.is_urgent.store(false, Ordering::Relaxed);
        self.answers_due = now + ANSWERS_WAIT;
        self.router.send_replies();
    }
}

/// The reply to a message that is not one frame of request.
pub(crate) fn malformed() -> Option<Vec<u8>> {
    count_malformed("requests");
    let message = "a request is one frame with one envelope".to_owned();
    let error = ErrorResponse { code: ErrorCode::MALFORMED, message, retry_after_ms: 0 };
    Some(encode_message(&Message::Error(error), ""))
}

/// What is needed to look at a request.
struct Desk {
    intake: Intake,
    /// Whether an answer was given for which somebody waits who waits for nothing else.
    is_urgent: Arc<AtomicBool>,
}

impl Desk {
    fn serve(&self, Request { peer, body }: Request, replier: &Replier) {
        let urgent = Some(self.is_urgent.clone());
        let back = |correlation_id| Back { replier: replier.clone(), peer, correlation_id, urgent };
        match decode(&body, &Limits::ingest()) {
            Ok(envelope) => {
                let back = back(envelope.correlation_id);
                match envelope.message {
                    Message::IngestBatch(batch) if batch.ack_may_wait => {
                        take(&self.intake, batch, Back { urgent: None, ..back });
                    }
                    Message::IngestBatch(batch) => take(&self.intake, batch, back),
                    Message::ProducerStatusRequest(question) => {
                        let status = self.intake.producer_status(&question.producer_id, &question.key);
                        back.send(core::producer_status(question, status));
                    }
                    Message::HealthRequest => back.send(healthy()),
                    other => {
                        back.send(Message::Error(not_served(&other, "IngestBatch, ProducerStatusRequest")));
                    }
                }
            }
            Err(error) => {
                count_malformed("ingest");
                back(peek_correlation_id(&body).to_owned()).send(Message::Error(error.to_response()));
            }
        }
    }
}

fn take(intake: &Intake, ingest: IngestBatch, back: Back) {
    let sequence = ingest.producer_sequence;
    match core::submission(ingest) {
        Ok(submission) => {
            let reply = Reply::call(move |answer| back.send(core::acknowledgement(sequence, answer)));
            intake.try_submit_with(submission, reply);
        }
        Err(error) => {
            count_malformed("ingest");
            let error = error.to_response();
            back.send(Message::IngestNack(IngestNack {
                producer_sequence: sequence,
                error,
                expected_previous: 0,
            }));
        }
    }
}

/// Where an answer goes.
struct Back {
    replier: Replier,
    peer: gapless_transport::PeerId,
    correlation_id: String,
    /// To be set when it is given, unless it may wait for others.
    urgent: Option<Arc<AtomicBool>>,
}

impl Back {
    fn send(self, message: Message) {
        if let Some(urgent) = self.urgent {
            urgent.store(true, Ordering::Relaxed);
        }
        self.replier.send(self.peer, encode_message(&message, &self.correlation_id));
    }
}

pub(crate) fn count_malformed(socket: &'static str) {
    metrics::counter(names::MALFORMED_MESSAGES, SERVICE, &[("socket", socket)]).increment(1);
}
