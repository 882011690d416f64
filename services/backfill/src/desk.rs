//! The workers that answer, and the fair queue in front of them.
//!
//! One thread takes requests off the socket and sorts them by peer; any number of workers take them in
//! turns. Nothing waits for a client: an answer goes to the socket's thread, which drops it when its
//! client does not read.

use crate::answer::{self, Form};
use crate::error::Error;
use crate::fair::{FairLimits, FairQueue};
use crate::flight::{Boarding, Flights};
use crate::library::{Library, LookError};
use crate::meters::Meters;
use crate::plan::Question;
use crate::served::{Body, Served};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use gapless_model::StreamKey;
use gapless_service_kit::Shutdown;
use gapless_transport::{Frame, PeerId, Replier, Request, RouterServer};
use gapless_wire::{
    Health, Limits, ListStreamsResponse, Message, PageRequest, decode, encode_message, peek_correlation_id,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// The workers.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    threads: Vec<(&'static str, JoinHandle<()>)>,
    /// Dropped to end the thread that sorts.
    stop: Option<Sender<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Told when a request may be taken, and when the desk closes.
    work: Condvar,
    flights: Mutex<Flights<Question, Waiter>>,
    replier: Replier,
    meters: Meters,
    /// Whether the journal was read once, so that an unknown stream is one that does not exist.
    is_ready: Arc<AtomicBool>,
}

struct Queue {
    fair: FairQueue<PeerId, Job>,
    is_closed: bool,
}

struct Job {
    body: Frame,
    since: Instant,
}

/// Somebody who waits for rows.
struct Waiter {
    peer: PeerId,
    correlation_id: String,
    form: Form,
    since: Instant,
}

impl Desk {
    /// Starts one worker per library, and the thread that sorts requests.
    pub(crate) fn open(
        libraries: Vec<Library>,
        limits: FairLimits,
        server: &RouterServer,
        meters: Meters,
        is_ready: Arc<AtomicBool>,
        shutdown: &Shutdown,
    ) -> Result<Desk, Error> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { fair: FairQueue::new(limits), is_closed: false }),
            work: Condvar::new(),
            flights: Mutex::new(Flights::new()),
            replier: server.replier(),
            meters,
            is_ready,
        });
        let (stop, stopped) = bounded(0);
        let mut desk = Desk { shared, threads: Vec::new(), stop: Some(stop) };
        let (shared, requests) = (desk.shared.clone(), server.requests().clone());
        desk.spawn("backfill-desk", shutdown, move || shared.sort(&requests, &stopped))?;
        for library in libraries {
            let shared = desk.shared.clone();
            desk.spawn("backfill-worker", shutdown, move || shared.work(&library))?;
        }
        Ok(desk)
    }

    /// Answers what is being worked on, refuses what waits, and ends the threads.
    pub(crate) fn close(mut self) {
        drop(self.stop.take());
        self.shared.close();
        for (name, thread) in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(name, "a thread that answers requests had panicked");
            }
        }
    }

    fn spawn(
        &mut self,
        name: &'static str,
        shutdown: &Shutdown,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), Error> {
        // A panic under the guard stops the process: a desk without workers would look alive.
        let guard = shutdown.guard(name);
        let guarded = move || {
            let _guard = guard;
            body();
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(guarded);
        let thread = thread.map_err(|error| Error::Thread { name, reason: error.to_string() })?;
        self.threads.push((name, thread));
        Ok(())
    }
}

impl Drop for Desk {
    /// Only on the way out of a failed start: otherwise [`Desk::close`] has emptied it.
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    /// The desk's thread: requests into the queues of their peers.
    fn sort(&self, requests: &Receiver<Request>, stop: &Receiver<()>) {
        loop {
            select! {
                recv(requests) -> request => match request {
                    Ok(request) => self.queue_up(request),
                    Err(_) => return,
                },
                recv(stop) -> _ => return,
            }
        }
    }

    fn queue_up(&self, request: Request) {
        let job = Job { body: request.body, since: Instant::now() };
        let mut queue = self.queue();
        let refused = if queue.is_closed { Some(job) } else { queue.fair.push(&request.peer, job).err() };
        self.meters.waiting.set(queue.fair.len() as f64);
        drop(queue);
        match refused {
            None => self.work.notify_one(),
            Some(job) => {
                self.meters.refused.increment(1);
                self.replier.send(request.peer, answer::busy(&job.body));
            }
        }
    }

    /// A worker: one request after the other.
    fn work(&self, library: &Library) {
        while let Some((peer, job)) = self.next() {
            self.meters.active.increment(1.0);
            self.answer(library, &peer, job);
            self.meters.active.decrement(1.0);
            if self.queue().fair.done(&peer) {
                self.work.notify_one();
            }
        }
    }

    fn next(&self) -> Option<(PeerId, Job)> {
        let mut queue = self.queue();
        loop {
            if queue.is_closed {
                return None;
            }
            if let Some(next) = queue.fair.pop() {
                self.meters.waiting.set(queue.fair.len() as f64);
                return Some(next);
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        let mut queue = self.queue();
        queue.is_closed = true;
        // A peer's next request is held while it has its share under way; nobody is waited for here.
        while let Some((peer, job)) = queue.fair.pop() {
            queue.fair.done(&peer);
            self.replier.send(peer, answer::stopping(&job.body));
        }
        self.work.notify_all();
    }

    fn answer(&self, library: &Library, peer: &PeerId, job: Job) {
        let envelope = match decode(&job.body, &Limits::request()) {
            Ok(envelope) => envelope,
            Err(problem) => {
                self.meters.malformed.increment(1);
                let message = Message::Error(problem.to_response());
                self.send(peer.clone(), &message, peek_correlation_id(&job.body), "unreadable", job.since);
                return;
            }
        };
        let id = envelope.correlation_id;
        let (name, message) = match envelope.message {
            Message::BackfillCandlesRequest(request) => {
                return self.rows(library, peer, id, Form::Version1(request), job.since);
            }
            Message::BackfillRequest(request) => {
                return self.rows(library, peer, id, Form::Version2(request), job.since);
            }
            Message::HealthRequest => ("health", self.health()),
            Message::GetCursorRequest(key) => ("cursor", self.cursor(library, &key)),
            Message::SubscribeCandlesRequest(request) => ("subscribe", self.subscribe(library, request.key)),
            Message::StreamStatusRequest(key) => ("status", self.status(library, &key)),
            Message::ListStreamsRequest(page) => ("list", list(library, &page)),
            _ => ("other", answer::not_served_here()),
        };
        self.send(peer.clone(), &message, &id, name, job.since);
    }

    fn health(&self) -> Message {
        let ok = self.is_ready.load(Ordering::SeqCst);
        let message = if ok { "the journal is archived" } else { "the journal is being read" };
        Message::HealthResponse(Health { ok, message: message.into() })
    }

    fn cursor(&self, library: &Library, key: &StreamKey) -> Message {
        library.status(key).map_or_else(|| self.unknown(key), Message::GetCursorResponse)
    }

    fn status(&self, library: &Library, key: &StreamKey) -> Message {
        library.status(key).map_or_else(|| self.unknown(key), Message::StreamStatusResponse)
    }

    fn subscribe(&self, library: &Library, key: StreamKey) -> Message {
        match library.status(&key) {
            None if !self.is_ready.load(Ordering::SeqCst) => self.unknown(&key),
            status => answer::subscribed(key, status.as_ref()),
        }
    }

    fn unknown(&self, key: &StreamKey) -> Message {
        answer::unknown(key, self.is_ready.load(Ordering::SeqCst))
    }

    /// Looks for rows, or waits for whoever looks for the same ones.
    fn rows(&self, library: &Library, peer: &PeerId, correlation_id: String, form: Form, since: Instant) {
        let question = match &form {
            Form::Version1(request) => Question::from(request),
            Form::Version2(request) => Question::from(request),
        };
        let name = form.name();
        let waiter = Waiter { peer: peer.clone(), correlation_id: correlation_id.clone(), form, since };
        match lock(&self.flights).board(question.clone(), waiter) {
            Boarding::Pilot => {}
            Boarding::Passenger => return self.meters.shared.increment(1),
            Boarding::Full => {
                self.meters.refused.increment(1);
                return self.send(peer.clone(), &answer::busy_message(), &correlation_id, name, since);
            }
        }
        let found = library.look(&question);
        let waiting = lock(&self.flights).land(&question);
        if let Err(error) = &found {
            tracing::warn!(stream = %question.key, %error, "rows could not be read");
        }
        for waiter in waiting {
            let message = self.served(&question, &waiter.form, &found);
            self.send(waiter.peer, &message, &waiter.correlation_id, waiter.form.name(), waiter.since);
        }
    }

    fn served(&self, question: &Question, form: &Form, found: &Result<Option<Served>, LookError>) -> Message {
        match found {
            Ok(None) => self.unknown(&question.key),
            Err(error) => answer::failed(&error.to_string()),
            Ok(Some(served)) => {
                let from_memory = served.parts.iter().any(|part| matches!(part.body, Body::Bytes(_)));
                self.meters.served(served.range.len(), from_memory);
                form.answer(served).unwrap_or_else(|error| answer::failed(&error.to_string()))
            }
        }
    }

    fn send(
        &self,
        peer: PeerId,
        message: &Message,
        correlation_id: &str,
        name: &'static str,
        since: Instant,
    ) {
        let outcome = if matches!(message, Message::Error(_)) { "error" } else { "ok" };
        let bytes = encode_message(message, correlation_id);
        self.meters.bytes_served.increment(bytes.len() as u64);
        self.meters.answered(name, outcome, since.elapsed());
        self.replier.send(peer, bytes);
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

fn list(library: &Library, page: &PageRequest) -> Message {
    let (streams, has_more) = library.list(&page.prefix, &page.after, page.limit);
    Message::ListStreamsResponse(ListStreamsResponse { streams, has_more })
}

/// A poisoned lock only says that another thread panicked, which stops the process anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
