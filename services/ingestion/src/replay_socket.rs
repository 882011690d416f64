//! The journal's replay side: ranges and status for followers.

use crate::core::{self, Ledger};
use crate::ingest_socket::{count_malformed, malformed};
use crate::{SERVICE, clock};
use gapless_journal::Journal;
use gapless_service_kit::metrics::{self, names};
use gapless_transport::{Context, Hooks, Replier, Request, RouterServer, RouterSettings, TransportError};
use gapless_wire::{
    ErrorCode, ErrorResponse, Limits, MAX_MESSAGE_BYTES, MAX_REQUEST_BYTES, Message, decode, encode_message,
    peek_correlation_id,
};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

/// Threads that read: one may wait for a cold disk while the other serves from memory.
const WORKERS: usize = 2;

/// Requests that wait; followers have one in flight each.
const WAITING: usize = 256;

/// Answers that wait for one peer before further ones are dropped: followers have one request in flight,
/// and a peer that asks without reading shall not fill memory.
const ANSWERS_PER_PEER: u32 = 16;

/// What whoever asks waits when requests come faster than they are answered.
const BUSY_RETRY_MS: u32 = 100;

/// The answers that need no reader.
const HOOKS: Hooks = Hooks {
    refuse: |body| Some(encode_message(&Message::Error(busy()), peek_correlation_id(body))),
    malformed,
};

fn busy() -> ErrorResponse {
    metrics::counter(names::QUEUE_REFUSED, SERVICE, &[("queue", "requests")]).increment(1);
    let message = "too many requests wait here: try again a little later".to_owned();
    ErrorResponse { code: ErrorCode::BUSY, message, retry_after_ms: BUSY_RETRY_MS }
}

/// The socket and its readers.
pub(crate) struct ReplaySocket {
    endpoint: String,
    server: Option<RouterServer>,
    threads: Vec<JoinHandle<()>>,
}

impl ReplaySocket {
    pub(crate) fn start(
        context: &Context,
        endpoint: &str,
        journal: &Journal,
        ledger: &Arc<Ledger>,
    ) -> Result<ReplaySocket, TransportError> {
        let settings = RouterSettings {
            name: "journal-replay",
            send_limit: ANSWERS_PER_PEER,
            max_message_bytes: MAX_REQUEST_BYTES,
            queue: WAITING,
            reply_queue: WORKERS,
            ..RouterSettings::default()
        };
        let server = RouterServer::bind(context, endpoint, settings, HOOKS)?;
        let mut threads = Vec::new();
        for _ in 0..WORKERS {
            let worker =
                Worker { journal: journal.clone(), ledger: Arc::clone(ledger), replier: server.replier() };
            let requests = server.requests().clone();
            let thread = std::thread::Builder::new().name("journal-reader".into());
            let thread = thread.spawn(move || requests.iter().for_each(|request| worker.serve(request)));
            threads.push(thread.map_err(|error| TransportError::Thread {
                name: "journal-reader",
                reason: error.to_string(),
            })?);
        }
        Ok(ReplaySocket { endpoint: server.endpoint().to_string(), server: Some(server), threads })
    }

    pub(crate) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Sends the answers that are there and closes the socket.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

/// Also when the service cannot start: the journal stays locked as long as a reader has it.
impl Drop for ReplaySocket {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        for thread in self.threads.drain(..) {
            // A panic there was reported by its own thread.
            let _ = thread.join();
        }
    }
}

struct Worker {
    journal: Journal,
    ledger: Arc<Ledger>,
    replier: Replier,
}

impl Worker {
    fn serve(&self, request: Request) {
        let started = Instant::now();
        let correlation_id = peek_correlation_id(&request.body).to_owned();
        let (name, answer) = match decode(&request.body, &Limits::request()).map(|envelope| envelope.message)
        {
            Ok(message) => {
                (label(&message), core::answer(&self.journal, &self.ledger, &message, clock::now_ms()))
            }
            Err(error) => {
                count_malformed("journal-replay");
                ("malformed", Err(error.to_response()))
            }
        };
        let outcome = if answer.is_ok() { "ok" } else { "error" };
        self.replier.send(request.peer, bytes(answer.unwrap_or_else(Message::Error), &correlation_id));
        let label = [("request", name), ("outcome", outcome)];
        metrics::counter(names::REQUESTS, SERVICE, &label).increment(1);
        let seconds = metrics::histogram(names::REQUEST_SECONDS, SERVICE, &[("request", name)]);
        seconds.record(started.elapsed().as_secs_f64());
    }
}

/// What the metrics call a request.
fn label(request: &Message) -> &'static str {
    match request {
        Message::JournalReadRequest(_) => "journal-read",
        Message::JournalStatusRequest(_) => "journal-status",
        Message::HealthRequest => "health",
        _ => "unknown",
    }
}

/// The answer's bytes; one that does not fit a message becomes an error that says so.
fn bytes(message: Message, correlation_id: &str) -> Vec<u8> {
    let bytes = encode_message(&message, correlation_id);
    if bytes.len() <= MAX_MESSAGE_BYTES {
        return bytes;
    }
    let text =
        format!("the answer has {} bytes, a message at most {MAX_MESSAGE_BYTES}: ask for less", bytes.len());
    let error = ErrorResponse { code: ErrorCode::TOO_LARGE, message: text, retry_after_ms: 0 };
    encode_message(&Message::Error(error), correlation_id)
}
