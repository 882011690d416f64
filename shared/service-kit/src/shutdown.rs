//! Asking a process, or one service inside it, to stop.
//!
//! A stop is one bit that only ever goes from off to on. Threads that wait for channels see it as a
//! channel that disconnects; threads that loop ask [`Shutdown::is_requested`]. What keeps a process
//! from ending is told by the [`Guard`]s that are still alive, so a stop that hangs has a name.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long a stop may take before the watchdog ends the process: what a supervisor such as systemd
/// or Docker waits at least before it kills.
pub const GRACE: Duration = Duration::from_secs(5);

/// A cloneable handle on one stop request. All clones share it.
#[derive(Clone, Debug)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    requested: AtomicBool,
    failed: AtomicBool,
    finished: AtomicBool,
    /// Dropped on request, which disconnects every receiver at once.
    sender: Mutex<Option<Sender<()>>>,
    receiver: Receiver<()>,
    guards: Mutex<BTreeMap<u64, String>>,
    next_guard: AtomicU64,
    calls: Calls,
}

/// What is to be called on request.
#[derive(Default)]
struct Calls(Mutex<Vec<Box<dyn Fn() + Send>>>);

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} calls", lock(&self.0).len())
    }
}

impl Default for Shutdown {
    fn default() -> Shutdown {
        Shutdown::new()
    }
}

impl Shutdown {
    /// A stop that nobody has asked for yet. It does not listen to signals; see [`Shutdown::on_signals`].
    pub fn new() -> Shutdown {
        let (sender, receiver) = bounded(0);
        Shutdown {
            shared: Arc::new(Shared {
                requested: AtomicBool::new(false),
                failed: AtomicBool::new(false),
                finished: AtomicBool::new(false),
                sender: Mutex::new(Some(sender)),
                receiver,
                guards: Mutex::new(BTreeMap::new()),
                next_guard: AtomicU64::new(0),
                calls: Calls::default(),
            }),
        }
    }

    /// Asks for the stop. Asking twice changes nothing.
    pub fn request(&self) {
        self.shared.requested.store(true, Ordering::SeqCst);
        lock(&self.shared.sender).take();
        for call in lock(&self.shared.calls.0).drain(..) {
            call();
        }
    }

    /// Calls `call` once the stop is asked for, or now if it was: for threads that wait for something else than a
    /// channel and have to be woken. It runs on the thread that asks and must be quick.
    pub fn on_request(&self, call: impl Fn() + Send + 'static) {
        lock(&self.shared.calls.0).push(Box::new(call));
        if self.is_requested() {
            self.request();
        }
    }

    /// Whether the stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.shared.requested.load(Ordering::SeqCst)
    }

    /// A channel that never yields a value and disconnects when the stop is asked for: use it as one
    /// arm of a `select!`, or `recv()` on it to wait for the stop.
    pub fn receiver(&self) -> Receiver<()> {
        self.shared.receiver.clone()
    }

    /// Waits at most `timeout` for the stop; whether it was asked for.
    pub fn wait(&self, timeout: Duration) -> bool {
        let _ = self.shared.receiver.recv_timeout(timeout);
        self.is_requested()
    }

    /// Says that work called `name` is under way until the returned guard is dropped. The watchdog
    /// names what is left. A guard dropped by a panic asks for the stop and marks it as a failure, so
    /// that no service lives on with one of its threads dead.
    pub fn guard(&self, name: impl Into<String>) -> Guard {
        let id = self.shared.next_guard.fetch_add(1, Ordering::Relaxed);
        lock(&self.shared.guards).insert(id, name.into());
        Guard { id, shutdown: self.clone() }
    }

    /// The names of the guards that are alive.
    pub fn pending(&self) -> Vec<String> {
        lock(&self.shared.guards).values().cloned().collect()
    }

    /// Asks for the stop because something broke; the process ends with exit code 1.
    pub fn fail(&self) {
        self.shared.failed.store(true, Ordering::SeqCst);
        self.request();
    }

    /// Whether the stop was asked for by [`Shutdown::fail`] or by a panic under a guard.
    pub fn has_failed(&self) -> bool {
        self.shared.failed.load(Ordering::SeqCst)
    }

    /// Tells the watchdog that the stop is complete and the process may take its time from here (to
    /// print a summary, say).
    pub fn finished(&self) {
        self.shared.finished.store(true, Ordering::SeqCst);
    }

    /// Makes SIGTERM and SIGINT ask for this stop. A second signal ends the process at once, and so
    /// does the watchdog when a stop (by signal or by [`Shutdown::request`]) takes longer than
    /// [`GRACE`]. For mains only: it acts on the whole process.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let stop = self.clone();
        spawn("signals", move || {
            for signal in &mut signals {
                if stop.is_requested() {
                    tracing::warn!(signal, "second signal: ending at once");
                    std::process::exit(1);
                }
                tracing::info!(signal, "stop requested");
                stop.request();
            }
        })?;
        let stop = self.clone();
        spawn("watchdog", move || stop.watch())
    }

    /// The watchdog: waits for the request, then gives the process [`GRACE`] to end by itself.
    fn watch(&self) {
        let _ = self.shared.receiver.recv();
        std::thread::park_timeout(GRACE);
        if !self.shared.finished.load(Ordering::SeqCst) {
            tracing::error!(pending = ?self.pending(), grace = ?GRACE, "stop takes too long: ending by force");
            std::process::exit(1);
        }
    }
}

/// Work under way; see [`Shutdown::guard`].
#[derive(Debug)]
pub struct Guard {
    id: u64,
    shutdown: Shutdown,
}

impl Drop for Guard {
    fn drop(&mut self) {
        lock(&self.shutdown.shared.guards).remove(&self.id);
        if std::thread::panicking() {
            self.shutdown.fail();
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

/// The data under these locks is valid after every statement, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
