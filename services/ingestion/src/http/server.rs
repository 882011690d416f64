//! The listening socket, its connections, and their end.
//!
//! Connections are served with hyper directly, because the limits that matter against slow clients (time
//! for the head, number of connections, size of the head) are hyper's, not axum's.

use crate::Intake;
use crate::http::limits::HttpLimits;
use crate::http::route::{Shared, router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The largest head of a request: names and a few headers.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long a stop waits for requests that are being worked on: what the whole service has, less what
/// the journal needs after them.
const FINISH: Duration = Duration::from_secs(3);
/// How long accepting pauses when the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Threads of the runtime: they only move bytes.
const RUNTIME_THREADS: usize = 2;

/// Why there is no HTTP.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not free or not an address: change the configuration or stop whoever holds it.
    #[error("cannot listen for HTTP on {address}: {source}")]
    Bind {
        /// Where.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The runtime or its thread could not be started.
    #[error("cannot start the HTTP server: {0}")]
    Start(std::io::Error),
}

/// Takes rows over HTTP until it is stopped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Listens on `address` (`127.0.0.1:8081`; port 0 lets the system choose) and hands rows to `intake`.
    ///
    /// # Errors
    /// [`HttpError`] when it cannot listen.
    pub fn start(address: &str, intake: &Intake) -> Result<HttpServer, HttpError> {
        HttpServer::start_with(HttpLimits::default(), address, intake)
    }

    pub(crate) fn start_with(
        limits: HttpLimits,
        address: &str,
        intake: &Intake,
    ) -> Result<HttpServer, HttpError> {
        let bind = |source| HttpError::Bind { address: address.to_owned(), source };
        let listener = std::net::TcpListener::bind(address).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let bound = listener.local_addr().map_err(bind)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .max_blocking_threads(limits.working)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(HttpError::Start)?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::new(Shared::new(limits, intake));
        let serve = move || {
            runtime.block_on(async {
                match TcpListener::from_std(listener) {
                    Ok(listener) => serve(listener, shared, stopped).await,
                    Err(error) => tracing::error!(%error, "HTTP cannot listen"),
                }
            });
            runtime.shutdown_timeout(Duration::ZERO);
        };
        let thread =
            std::thread::Builder::new().name("http".into()).spawn(serve).map_err(HttpError::Start)?;
        tracing::info!(address = %bound, "HTTP listens");
        Ok(HttpServer { address: bound, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it really listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new requests and finishes those that are being worked on, for at most 3 s. The intake
    /// should still be open, so that they can be.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP thread panicked");
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let connections = GracefulShutdown::new();
    let HttpLimits { connections: most, head_timeout, .. } = *shared.limits();
    let slots = Arc::new(Semaphore::new(most));
    let router = router(shared);
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let mut server = http1::Builder::new();
                // A client that has said everything may close its end and still wants the answer.
                server.half_close(true);
                server
                    .timer(TokioTimer::new())
                    .header_read_timeout(head_timeout)
                    .max_header_size(MAX_HEAD_BYTES);
                let service = TowerToHyperService::new(router.clone());
                let connection = connections.watch(server.serve_connection(TokioIo::new(stream), service));
                tokio::spawn(async move {
                    let _slot = slot;
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "connection ends");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let left = connections.count();
    if tokio::time::timeout(FINISH, connections.shutdown()).await.is_err() {
        tracing::warn!(left, "HTTP requests are cut off: they took too long to finish");
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let slot = slots.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small: they should not wait for more to send.
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}
