//! The workers that answer, and the fair queue in front of them.
//!
//! One thread takes requests off the socket and sorts them by peer; any number of workers take them in
//! turns. Nothing waits for a client: an answer goes to the socket's thread, which drops it when its
//! client does not read.

use crate::answer::{self, Form};
use crate::damage::Found;
use crate::error::Error;
use crate::fair::{FairLimits, FairQueue};
use crate::flight::{Boarding, Flights};
use crate::library::{Library, LookError};
use crate::meters::Meters;
use crate::plan::Question;
use crate::readable::Readable;
use crate::served::{Part, Served};
use crate::writer::now;
use crossbeam_channel::{Receiver, Sender, bounded, select};
use gapless_service_kit::Shutdown;
use gapless_store::{ArchiveReader, StoreError};
use gapless_transport::{Frame, PeerId, Replier, Request, RouterServer};
use gapless_wire::{Limits, Message, decode, encode_message, peek_correlation_id};
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
    flights: Mutex<Flights<Question, Waiter, Served>>,
    replier: Replier,
    meters: Meters,
    /// Whether the journal was read once, so that an unknown stream is one that does not exist.
    is_ready: Arc<AtomicBool>,
    readable: Mutex<Readable>,
}

/// What came of a look for rows.
type Look = Result<Option<Served>, LookError<StoreError>>;

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
    /// Of the request, in metrics.
    name: &'static str,
    since: Instant,
}

impl Desk {
    /// Starts one worker per library, and the thread that sorts requests.
    pub(crate) fn open(
        libraries: Vec<Library<ArchiveReader>>,
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
            readable: Mutex::new(Readable::new()),
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
    fn work(&self, library: &Library<ArchiveReader>) {
        while let Some((peer, job)) = self.next() {
            self.meters.active.increment(1.0);
            let next = self.answer(library, &peer, job);
            self.meters.active.decrement(1.0);
            if self.queue().fair.done(&peer) {
                self.work.notify_one();
            }
            if let Some(next) = next {
                self.look_ahead(library, next);
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

    /// Answers, or sees to it; what will probably be asked next.
    fn answer(&self, library: &Library<ArchiveReader>, peer: &PeerId, job: Job) -> Option<Question> {
        let envelope = match decode(&job.body, &Limits::request()) {
            Ok(envelope) => envelope,
            Err(problem) => {
                self.meters.malformed.increment(1);
                let message = Message::Error(problem.to_response());
                self.send(peer.clone(), &message, peek_correlation_id(&job.body), "unreadable", job.since);
                return None;
            }
        };
        let (id, request) = (envelope.correlation_id, envelope.message);
        let name = answer::name(&request);
        let form = match request {
            Message::BackfillCandlesRequest(request) => Form::Version1(request),
            Message::BackfillRequest(request) => Form::Version2(request),
            other => {
                let message = answer::answer(library, other, self.is_ready(), now());
                self.send(peer.clone(), &message, &id, name, job.since);
                return None;
            }
        };
        let waiter = Waiter { peer: peer.clone(), correlation_id: id, form, name, since: job.since };
        self.rows(library, waiter)
    }

    fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::SeqCst)
    }

    /// Looks for rows, or waits for whoever looks for the same ones; what will probably be asked next.
    fn rows(&self, library: &Library<ArchiveReader>, waiter: Waiter) -> Option<Question> {
        let question = waiter.form.question();
        let (boarding, waiter) = lock(&self.flights).board(&question, waiter, Instant::now());
        let (found, waiting) = match (boarding, waiter) {
            (Boarding::Pilot, _) => {
                let found = self.look(library, &question);
                (found, lock(&self.flights).land(&question))
            }
            (Boarding::Found(found), waiter) => {
                // Another history may have begun since.
                let latest = library.status(&question.key, now()).map(|status| status.watermark.epoch);
                let is_current = latest == Some(found.status.watermark.epoch);
                let found = if is_current { Ok(Some(found)) } else { self.look(library, &question) };
                (found, waiter.into_iter().collect())
            }
            (Boarding::Passenger, _) => {
                self.meters.shared.increment(1);
                return None;
            }
            (Boarding::Full, waiter) => {
                self.meters.refused.increment(1);
                if let Some(Waiter { peer, correlation_id, name, since, .. }) = waiter {
                    self.send(peer, &answer::busy_message(), &correlation_id, name, since);
                }
                return None;
            }
        };
        self.reply(&question, &found, waiting);
        let served = found.ok().flatten()?;
        question.next(served.range, served.status.watermark.latest)
    }

    /// Looks for what will be asked next, if nobody waits for anything else; goes on while it is asked for meanwhile.
    fn look_ahead(&self, library: &Library<ArchiveReader>, mut question: Question) {
        while self.queue().fair.len() == 0 && lock(&self.flights).board_ahead(&question, Instant::now()) {
            let found = self.look(library, &question);
            let waiting = lock(&self.flights).land_ahead(&question, &found, Instant::now());
            if waiting.is_empty() {
                return;
            }
            self.reply(&question, &found, waiting);
            let next = found.ok().flatten();
            let next = next.and_then(|served| question.next(served.range, served.status.watermark.latest));
            let Some(next) = next else { return };
            question = next;
        }
    }

    fn look(&self, library: &Library<ArchiveReader>, question: &Question) -> Look {
        let found = library.look(question, now());
        self.note_damage(library);
        self.note(question, &found);
        found
    }

    fn reply(&self, question: &Question, found: &Look, waiting: Vec<Waiter>) {
        for waiter in waiting {
            if let Ok(Some(served)) = found {
                let from_memory = !served.parts.iter().any(Part::is_archived);
                self.meters.served(served.range.len(), from_memory);
            }
            let message = waiter.form.reply(&question.key, found, self.is_ready());
            self.send(waiter.peer, &message, &waiter.correlation_id, waiter.name, waiter.since);
        }
    }

    /// What a look says about the archive.
    fn note(&self, question: &Question, found: &Look) {
        match found {
            Ok(served) => {
                if served.as_ref().is_some_and(|served| served.parts.iter().any(Part::is_archived)) {
                    lock(&self.readable).succeeded();
                }
            }
            // The rows that it found damaged are told already, and the next look goes on behind them.
            Err(LookError::Archive(error @ StoreError::Damaged(_))) => {
                tracing::warn!(stream = %question.key, from = %question.from, %error, "more rows are damaged");
                lock(&self.readable).failed(&question.key, &error.to_string(), true);
            }
            Err(error) => {
                self.meters.read_failed.increment(1);
                tracing::error!(stream = %question.key, from = %question.from, %error, "rows could not be read");
                lock(&self.readable).failed(&question.key, &error.to_string(), false);
            }
        }
    }

    /// Damaged rows are told once, by whoever comes first after they were found.
    fn note_damage(&self, library: &Library<ArchiveReader>) {
        for found in library.take_damage() {
            self.meters.read_damaged.increment(1);
            let Found { key, range, reason } = &found;
            tracing::error!(stream = %key, %range, %reason, "rows are damaged: they are served no more, those around them are");
            lock(&self.readable).failed(key, &format!("{range}: {reason}"), true);
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

/// A poisoned lock only says that another thread panicked, which stops the process anyway.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
