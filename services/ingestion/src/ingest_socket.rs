//! Producers over ZeroMQ: batches in, acknowledgements out.

use crate::SERVICE;
use crate::core::{self, healthy, not_served};
use crate::intake::{Intake, Reply, Via};
use crossbeam_channel::{Sender, TrySendError, bounded};
use gapless_service_kit::metrics::{self, names};
use gapless_transport::{Context, Hooks, Replier, Request, RouterServer, RouterSettings, TransportError};
use gapless_wire::{
    ErrorCode, ErrorResponse, IngestBatch, IngestNack, Limits, Message, ProducerStatusRequest, decode,
    encode_message, peek_correlation_id,
};
use std::thread::JoinHandle;

/// Acknowledgements that wait for the socket: the writer waits beyond this, and the socket's thread needs
/// microseconds for each.
const REPLIES: usize = 8192;

/// Acknowledgements that wait for one producer before further ones are dropped: several times what one
/// has in flight.
const REPLIES_PER_PEER: u32 = 4096;

/// What whoever asks waits when requests come faster than they are answered.
const BUSY_RETRY_MS: u32 = 100;

/// Questions about producers that wait for an answer: each producer asks once for each of its streams.
const QUESTIONS: usize = 1024;

/// The socket. Its thread decodes: that takes less time than waking another one. Only questions about producers go to a
/// thread of their own, since they wait while the writer writes.
pub(crate) struct IngestSocket {
    server: RouterServer,
    thread: JoinHandle<()>,
}

impl IngestSocket {
    pub(crate) fn start(
        context: &Context,
        endpoint: &str,
        intake: &Intake,
    ) -> Result<IngestSocket, TransportError> {
        let settings = RouterSettings {
            name: "ingest-socket",
            send_limit: REPLIES_PER_PEER,
            reply_queue: REPLIES,
            ..RouterSettings::default()
        };
        let intake = intake.labelled(Via::Zmq);
        let (questions, asked) = bounded(QUESTIONS);
        let desk = Desk { intake: intake.clone(), questions };
        let handler = Box::new(move |request, replier: &Replier| desk.serve(request, replier));
        let server = RouterServer::bind_with(context, endpoint, settings, HOOKS, handler)?;
        let answering = move || asked.iter().for_each(|(question, back)| answer(&intake, question, back));
        let thread = std::thread::Builder::new()
            .name("ingest-status".into())
            .spawn(answering)
            .map_err(|error| TransportError::Thread { name: "ingest-status", reason: error.to_string() })?;
        Ok(IngestSocket { server, thread })
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint().to_string()
    }

    /// Sends the answers that are there and closes the socket.
    pub(crate) fn stop(self) {
        self.server.stop();
        // A panic there was reported by its own thread.
        let _ = self.thread.join();
    }
}

/// The answers that need no worker.
pub(crate) const HOOKS: Hooks = Hooks {
    refuse: |body| Some(encode_message(&Message::Error(busy()), peek_correlation_id(body))),
    malformed: || {
        count_malformed("requests");
        let message = "a request is one frame with one envelope".to_owned();
        let error = ErrorResponse { code: ErrorCode::MALFORMED, message, retry_after_ms: 0 };
        Some(encode_message(&Message::Error(error), ""))
    },
};

fn busy() -> ErrorResponse {
    metrics::counter(names::QUEUE_REFUSED, SERVICE, &[("queue", "requests")]).increment(1);
    let message = "too many requests wait here: try again a little later".to_owned();
    ErrorResponse { code: ErrorCode::BUSY, message, retry_after_ms: BUSY_RETRY_MS }
}

/// What the socket's thread has at hand.
struct Desk {
    intake: Intake,
    questions: Sender<(ProducerStatusRequest, Back)>,
}

impl Desk {
    fn serve(&self, Request { peer, body }: Request, replier: &Replier) {
        let back = |correlation_id| Back { replier: replier.clone(), peer, correlation_id };
        match decode(&body, &Limits::ingest()) {
            Ok(envelope) => {
                let back = back(envelope.correlation_id);
                match envelope.message {
                    Message::IngestBatch(batch) => take(&self.intake, batch, back),
                    Message::ProducerStatusRequest(question) => self.ask(question, back),
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

    fn ask(&self, question: ProducerStatusRequest, back: Back) {
        if let Err(TrySendError::Full((_, back))) = self.questions.try_send((question, back)) {
            back.send(Message::Error(busy()));
        }
    }
}

fn answer(intake: &Intake, question: ProducerStatusRequest, back: Back) {
    let status = intake.producer_status(&question.producer_id, &question.key);
    back.send(core::producer_status(question, status));
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
}

impl Back {
    fn send(self, message: Message) {
        self.replier.send(self.peer, encode_message(&message, &self.correlation_id));
    }
}

pub(crate) fn count_malformed(socket: &'static str) {
    metrics::counter(names::MALFORMED_MESSAGES, SERVICE, &[("socket", socket)]).increment(1);
}
