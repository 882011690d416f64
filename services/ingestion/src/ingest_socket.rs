//! Producers over ZeroMQ: batches in, acknowledgements out.

use crate::SERVICE;
use crate::core::{self, healthy, not_served};
use crate::intake::{Intake, Reply, Via};
use gapless_service_kit::metrics::{self, names};
use gapless_transport::{Context, Hooks, Replier, Request, RouterServer, RouterSettings, TransportError};
use gapless_wire::{
    ErrorCode, ErrorResponse, IngestBatch, IngestNack, Limits, Message, decode, encode_message,
    peek_correlation_id,
};
use std::thread::JoinHandle;

/// Batches that wait to be decoded, over all producers: what one producer of the client crate has in
/// flight. Decoding is far faster than a network, so it is a burst that waits here, not a load.
const WAITING: usize = 1024;

/// Acknowledgements that wait for the socket: the writer waits beyond this, and the socket's thread needs
/// microseconds for each.
const REPLIES: usize = 8192;

/// Acknowledgements that wait for one producer before further ones are dropped: several times what one
/// has in flight.
const REPLIES_PER_PEER: u32 = 4096;

/// What a producer waits when batches cannot even be decoded fast enough.
const BUSY_RETRY_MS: u32 = 100;

/// The socket and the thread that decodes.
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
            queue: WAITING,
            reply_queue: REPLIES,
            ..RouterSettings::default()
        };
        let server = RouterServer::bind(context, endpoint, settings, HOOKS)?;
        let worker = Worker { intake: intake.labelled(Via::Zmq), replier: server.replier() };
        let requests = server.requests().clone();
        let thread = std::thread::Builder::new()
            .name("ingest-decode".into())
            .spawn(move || requests.iter().for_each(|request| worker.serve(request)))
            .map_err(|error| TransportError::Thread { name: "ingest-decode", reason: error.to_string() })?;
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
    refuse: |body| {
        metrics::counter(names::QUEUE_REFUSED, SERVICE, &[("queue", "requests")]).increment(1);
        let message = "too many requests wait here: try again a little later".to_owned();
        let error = ErrorResponse { code: ErrorCode::BUSY, message, retry_after_ms: BUSY_RETRY_MS };
        Some(encode_message(&Message::Error(error), peek_correlation_id(body)))
    },
    malformed: || {
        count_malformed("requests");
        let message = "a request is one frame with one envelope".to_owned();
        let error = ErrorResponse { code: ErrorCode::MALFORMED, message, retry_after_ms: 0 };
        Some(encode_message(&Message::Error(error), ""))
    },
};

struct Worker {
    intake: Intake,
    replier: Replier,
}

impl Worker {
    fn serve(&self, request: Request) {
        let Request { peer, body } = request;
        match decode(&body, &Limits::ingest()) {
            Ok(envelope) => {
                let back =
                    Back { replier: self.replier.clone(), peer, correlation_id: envelope.correlation_id };
                match envelope.message {
                    Message::IngestBatch(batch) => self.take(batch, back),
                    Message::ProducerStatusRequest(request) => {
                        let status = self.intake.producer_status(&request.producer_id, &request.key);
                        back.send(core::producer_status(request, status));
                    }
                    Message::HealthRequest => back.send(healthy()),
                    other => {
                        back.send(Message::Error(not_served(&other, "IngestBatch, ProducerStatusRequest")))
                    }
                }
            }
            Err(error) => {
                let correlation_id = peek_correlation_id(&body).to_owned();
                count_malformed("ingest");
                let back = Back { replier: self.replier.clone(), peer, correlation_id };
                back.send(Message::Error(error.to_response()));
            }
        }
    }

    fn take(&self, ingest: IngestBatch, back: Back) {
        let sequence = ingest.producer_sequence;
        match core::submission(ingest) {
            Ok(submission) => {
                let reply = Reply::call(move |answer| back.send(core::acknowledgement(sequence, answer)));
                self.intake.try_submit_with(submission, reply);
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
