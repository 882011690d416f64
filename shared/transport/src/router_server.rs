//! A [`Router`] with a thread of its own.
//!
//! Requests go through a bounded channel to whoever works on them. Nothing may make the socket's thread wait: a full
//! channel is answered by the `refuse` hook at once.

use crate::router::{Counters, count};
use crate::{
    Context, Endpoint, Hooks, Replier, Request, Router, RouterCounts, RouterSettings, TransportError, Waker,
    wake_pair,
};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A ROUTER socket with its thread. Dropping it stops the thread and closes the socket.
#[derive(Debug)]
pub struct RouterServer {
    endpoint: Endpoint,
    requests: Receiver<Request>,
    replier: Replier,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl RouterServer {
    /// Opens and binds the socket and starts its thread.
    ///
    /// # Errors
    /// [`TransportError::AddressInUse`], [`TransportError::Endpoint`], [`TransportError::Open`] or
    /// [`TransportError::Thread`].
    pub fn bind<E>(
        context: &Context,
        endpoint: E,
        settings: RouterSettings,
        hooks: Hooks,
    ) -> Result<RouterServer, TransportError>
    where
        E: TryInto<Endpoint>,
        TransportError: From<E::Error>,
    {
        let (waker, wake) = wake_pair()?;
        let router = Router::bind(context, endpoint, &settings, hooks.malformed, (waker.clone(), wake))?;
        let (workers, requests) = bounded(settings.queue);
        let (endpoint, replier) = (router.endpoint().clone(), router.replier());
        let counters = router.counters().clone();
        let stop = Arc::new(AtomicBool::new(false));
        let shell = Shell {
            router,
            workers,
            waker: settings.waker,
            refuse: hooks.refuse,
            counters: counters.clone(),
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(settings.name.into())
            .spawn(move || shell.run())
            .map_err(|error| TransportError::Thread { name: settings.name, reason: error.to_string() })?;
        Ok(RouterServer { endpoint, requests, replier, counters, stop, waker, thread: Some(thread) })
    }

    /// Where it is really bound.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Requests, for any number of workers. Disconnected once the server is dropped.
    pub fn requests(&self) -> &Receiver<Request> {
        &self.requests
    }

    /// A way to answer.
    pub fn replier(&self) -> Replier {
        self.replier.clone()
    }

    /// What happened so far.
    pub fn counts(&self) -> RouterCounts {
        self.counters.read()
    }

    /// Sends the replies that are queued, then closes the socket. The same as dropping it.
    pub fn stop(self) {}
}

impl Drop for RouterServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported by its own thread.
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Shell {
    router: Router,
    workers: Sender<Request>,
    /// Of whoever works.
    waker: Option<Waker>,
    refuse: fn(&[u8]) -> Option<Vec<u8>>,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
}

impl Shell {
    fn run(mut self) {
        while !self.stop.load(Ordering::SeqCst) {
            let Shell { router, workers, waker, refuse, counters, .. } = &mut self;
            let step = router.step(None, |request, replier| match workers.try_send(request) {
                Ok(()) => waker.iter().for_each(Waker::wake),
                Err(TrySendError::Full(request)) => {
                    count(&counters.refused);
                    if let Some(reply) = refuse(&request.body) {
                        replier.send(request.peer, reply);
                    }
                }
                Err(TrySendError::Disconnected(_)) => {}
            });
            if let Err(error) = step {
                tracing::error!(%error, "a request socket failed and is closed");
                return;
            }
            self.router.send_replies();
        }
        self.router.send_replies();
    }
}
