//! A small HTTP server on a thread of its own, with its own runtime: whatever else is busy or stuck, it answers.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use axum::Router;
use tokio::sync::oneshot;

/// A running server. Dropping it closes it.
#[derive(Debug)]
pub struct HttpThread {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpThread {
    /// Listens on `address` (port 0 is any free one). `name` is the thread's; `router` is made there, inside the
    /// runtime.
    ///
    /// # Errors
    /// When the address cannot be bound or there is no thread for it.
    pub fn start(
        name: &'static str,
        address: &str,
        router: impl FnOnce() -> Router + Send + 'static,
    ) -> std::io::Result<HttpThread> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    ended = serve(listener, router) => {
                        if let Err(error) = ended {
                            tracing::error!(%error, name, "an HTTP endpoint ended");
                        }
                    }
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(HttpThread { address: bound, stop: Some(stop), thread: Some(thread) })
    }

    /// The address really bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported by its own thread.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, router: impl FnOnce() -> Router) -> std::io::Result<()> {
    axum::serve(tokio::net::TcpListener::from_std(listener)?, router()).await
}
