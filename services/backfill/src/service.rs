//! Putting the parts together, and taking them apart in order.

use crate::answer;
use crate::config::Config;
use crate::damage::Damage;
use crate::desk::Desk;
use crate::error::Error;
use crate::fair::FairLimits;
use crate::hot::{Hot, HotLimits};
use crate::library::{Library, SharedHot};
use crate::meters::{Meters, SERVICE};
use crate::sealing::Sealing;
use crate::writer::{Parts, Writer};
use gapless_service_kit::{Invalid, Shutdown, Validate, give_way};
use gapless_store::{Archive, Options, StoreError};
use gapless_transport::{Context, Hooks, RouterServer, RouterSettings};
use gapless_wire::MAX_REQUEST_BYTES;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Answers queued per client before further ones to it are dropped: a client that does not read holds at
/// most this many times 8 MiB.
const ANSWERS_PER_CLIENT: u32 = 16;
/// Answers on their way to the socket's thread, which takes them at once.
const ANSWERS: usize = 16;
/// Requests between the socket's thread and the desk's, which takes them at once.
const REQUESTS: usize = 1024;
/// How large the archive's log may become: most hot tables are sorted away and dropped before they would be written into the
/// file. All of it is read again after a kill, before the first answer.
const LOG_LIMIT_MIB: u32 = 32;

/// The addresses that are really bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Requests.
    pub requests: String,
}

impl Bound {
    /// Pairs of socket name and address, as the ready file has them.
    pub fn addresses(&self) -> [(&'static str, String); 1] {
        [("requests", self.requests.clone())]
    }
}

/// Archives the journal and answers requests until `shutdown` is requested. `ready` is called once the
/// socket is bound; that the journal was read `/readyz` tells.
///
/// # Errors
/// [`Error`] when an address or the archive cannot be used, or the archive takes no rows for long.
pub fn run(config: Config, shutdown: Shutdown, ready: impl FnOnce(Bound)) -> Result<(), Error> {
    let refused = |invalid: Invalid| Error::Config(format!("{}: {}", invalid.key, invalid.message));
    config.validate().map_err(refused)?;
    let _guard = shutdown.guard(SERVICE);
    let context = Context::new();
    let meters = Meters::new();
    let archive = open(&config)?;
    let hot = SharedHot::new(Hot::new(hot_limits(&config)));
    let is_ready = Arc::new(AtomicBool::new(false));
    let server = bind(&config, &context)?;
    let readers = (0..config.workers).map(|_| archive.reader()).collect::<Result<Vec<_>, _>>()?;
    let damage = Damage::default();
    let library = |reader| Library::new(hot.clone(), reader).sharing(damage.clone());
    let desk = Desk::open(
        readers.into_iter().map(library).collect(),
        fair_limits(&config),
        &server,
        meters.clone(),
        is_ready.clone(),
        &shutdown,
    )?;
    let (sealing, tell) = Sealing::start(archive.sealer()?, &shutdown)?;
    let parts = Parts { archive, hot, sealing: tell, is_ready, meters, shutdown };
    let writer = Writer::start(config, context, parts)?;
    ready(Bound { requests: server.endpoint().to_string() });
    let result = behind(|| writer.run());
    desk.close();
    drop(server);
    sealing.join();
    result
}

/// Does `work` on a thread that gives way to others: live rows shall not wait for the archive.
fn behind<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let body = || {
        give_way();
        work()
    };
    std::thread::scope(|scope| scope.spawn(body).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn open(config: &Config) -> Result<Archive, Error> {
    if config.rebuild
        && let Some(aside) = Archive::set_aside(&config.archive)?
    {
        tracing::warn!(file = %aside.display(), "the archive is put aside: beginning a new one from what the journal has");
    }
    Archive::open(&config.archive, &options(config)).map_err(|error| match error {
        StoreError::Damaged(reason) => Error::Unopenable { path: config.archive.clone(), reason },
        StoreError::Database { .. } | StoreError::Layout { .. } => {
            Error::Unopenable { path: config.archive.clone(), reason: error.to_string() }
        }
        other => other.into(),
    })
}

fn bind(config: &Config, context: &Context) -> Result<RouterServer, Error> {
    let settings = RouterSettings {
        name: "backfill-requests",
        send_limit: ANSWERS_PER_CLIENT,
        max_message_bytes: MAX_REQUEST_BYTES,
        queue: REQUESTS,
        reply_queue: ANSWERS,
        ..RouterSettings::default()
    };
    let hooks =
        Hooks { refuse: |request| Some(answer::busy(request)), malformed: || Some(answer::malformed()) };
    Ok(RouterServer::bind(context, &config.backfill, settings, hooks)?)
}

fn options(config: &Config) -> Options {
    let mib = u32::try_from(config.duckdb.memory.0 >> 20).unwrap_or(u32::MAX);
    Options { memory_limit_mib: mib, threads: config.duckdb.threads, log_limit_mib: LOG_LIMIT_MIB }
}

fn hot_limits(config: &Config) -> HotLimits {
    let bytes = |size: gapless_service_kit::ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    HotLimits {
        stream_rows: config.hot.stream_rows,
        stream_bytes: bytes(config.hot.stream_bytes),
        total_bytes: bytes(config.hot.total_bytes),
    }
}

/// One client never has all workers, unless there is only one.
fn fair_limits(config: &Config) -> FairLimits {
    FairLimits {
        per_peer: config.max_waiting_per_client,
        total: config.max_waiting,
        active_per_peer: (config.workers / 2).max(1),
    }
}
