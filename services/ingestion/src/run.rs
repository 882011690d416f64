//! Putting the service together, and taking it apart in the right order.

use crate::acknowledger;
use crate::core::Ledger;
use crate::housekeeping::Housekeeping;
use crate::http::{HttpError, HttpServer};
use crate::ingest_socket::IngestSocket;
use crate::intake::Intake;
use crate::replay_socket::ReplaySocket;
use crate::sources::{Source, SourceSettings};
use crate::writer::{SUBSCRIBER_MESSAGES, Writer};
use crate::{Config, Error, SERVICE, clock};
use gapless_journal::{Appender, Opened};
use gapless_service_kit::{Shutdown, health};
use gapless_transport::{Context, Publisher, PublisherSettings};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where the service really listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// Producers over ZeroMQ.
    pub ingest: String,
    /// The journal's live feed.
    pub journal_live: String,
    /// The journal's replay.
    pub journal_replay: String,
    /// Rows over HTTP, as a URL; empty when that is off.
    pub http: String,
}

impl Bound {
    /// Names of the sockets with their addresses.
    pub fn addresses(&self) -> Vec<(&'static str, String)> {
        let Bound { ingest, journal_live, journal_replay, http } = self.clone();
        let all = [
            ("ingest", ingest),
            ("journal_live", journal_live),
            ("journal_replay", journal_replay),
            ("http", http),
        ];
        all.into_iter().filter(|(_, address)| !address.is_empty()).collect()
    }
}

/// Runs the service until `shutdown` is requested. `ready` is told the addresses once everything listens.
///
/// What was queued when the stop was requested is still written and answered; then the journal is synced
/// and closed.
///
/// # Errors
/// When the journal or a socket cannot be opened, or when the journal can no longer be written.
pub fn run(config: Config, shutdown: Shutdown, ready: impl FnOnce(Bound)) -> Result<(), Error> {
    run_embedded(config, shutdown, |bound, _| ready(bound))
}

/// [`run`] for a program that has sources of its own: `ready` is also given the intake, so that sources
/// can be started and stopped while the service goes on.
///
/// # Errors
/// As [`run`].
pub fn run_embedded(
    config: Config,
    shutdown: Shutdown,
    ready: impl FnOnce(Bound, Intake),
) -> Result<(), Error> {
    let open = health::condition(SERVICE, "journal-open", "the journal is being read");
    let options = config.journal.options(gapless_journal::boot_id());
    let opened = gapless_journal::open(options, clock::now_ms())?;
    let ledger = Arc::new(Ledger::restore(&opened, config.sequencer_limits())?);
    let Opened { appender, journal, recovery, .. } = opened;
    tracing::info!(dir = %config.journal.dir.display(), epoch = %journal.epoch(), latest = %recovery.latest,
        unclean = recovery.unclean, "journal open");

    let intake = Intake::new(config.intake_limits(), ledger.clone())?;
    let context = Context::new();
    let settings = PublisherSettings { send_limit: SUBSCRIBER_MESSAGES, ..PublisherSettings::default() };
    let publisher = Publisher::bind(&context, &config.journal_live, settings)?;
    let journal_live = publisher.endpoint().to_string();
    let replay = ReplaySocket::start(&context, &config.journal_replay, &journal, &ledger)?;
    let socket = IngestSocket::bind(&context, &config.ingest, &intake)?;
    let ingest = socket.endpoint();
    let http = start_http(&config.http, &intake)?;
    let (synced_receipts, acknowledger) = acknowledger::start(journal.clone())?;

    let writer = Writer {
        intake: intake.clone(),
        ledger: ledger.clone(),
        journal: journal.clone(),
        appender,
        publisher,
        socket,
        synced_receipts,
    };
    let writer = spawn_writer(writer, intake.clone(), shutdown.clone())?;
    let keeper = Housekeeping { journal, ledger, intake: intake.clone() };
    let stop = shutdown.receiver();
    let guard = shutdown.guard("ingestion housekeeping");
    let keeper = thread("housekeeping").spawn(move || {
        let _guard = guard;
        keeper.run(&stop);
    })?;

    open.holds();
    let bound = Bound {
        ingest,
        journal_live,
        journal_replay: replay.endpoint(),
        http: http.as_ref().map(|http| format!("http://{}", http.address())).unwrap_or_default(),
    };
    ready(bound, intake.clone());
    let sources = start_sources(&config.sources, &intake, &shutdown);
    if sources.is_ok() {
        // Ends when somebody asks for the stop, and also when the writer gives up.
        let _ = shutdown.receiver().recv();
    }
    shutdown.request();

    let sources = sources.map(|sources| wait_for(sources, Instant::now() + SOURCES_GRACE));
    // While the intake is open, so that requests that are being worked on can end well.
    if let Some(http) = http {
        http.stop();
    }
    intake.close();
    let appender = writer.join().map_err(|_| Error::Panicked("writer"))?;
    acknowledger.join().map_err(|_| Error::Panicked("acknowledger"))?;
    replay.stop();
    keeper.join().map_err(|_| Error::Panicked("housekeeping"))?;
    appender?.close()?;
    sources
}

/// Sources look at the stop request several times a second. One that hangs (on a dead network disk, say)
/// is left behind, since the rest of the stop needs its part of the 5 seconds.
const SOURCES_GRACE: Duration = Duration::from_millis(1000);

fn start_http(address: &str, intake: &Intake) -> Result<Option<HttpServer>, HttpError> {
    match address {
        "off" | "" => Ok(None),
        address => HttpServer::start(address, intake).map(Some),
    }
}

fn start_sources(
    settings: &[SourceSettings],
    intake: &Intake,
    shutdown: &Shutdown,
) -> Result<Vec<Source>, Error> {
    let start = |settings: &SourceSettings| {
        let name = settings.name();
        Source::start(settings, intake, shutdown).map_err(|error| Error::Source { name, error })
    };
    settings.iter().map(start).collect()
}

/// Waits for the sources' own ends, which they reported themselves.
fn wait_for(sources: Vec<Source>, deadline: Instant) {
    for source in sources {
        while !source.is_finished() && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        if source.is_finished() {
            let _ = source.join();
        } else {
            tracing::warn!(source = source.name(), "a source does not stop and is left behind");
        }
    }
}

/// However the writer ends, nothing is accepted after it, and the service stops.
fn spawn_writer(
    writer: Writer,
    intake: Intake,
    shutdown: Shutdown,
) -> Result<JoinHandle<Result<Appender, Error>>, Error> {
    let guard = shutdown.guard("ingestion writer");
    Ok(thread("writer").spawn(move || {
        let _guard = guard;
        let end = OnEnd(intake, shutdown);
        let result = writer.run();
        drop(end);
        result
    })?)
}

struct OnEnd(Intake, Shutdown);

impl Drop for OnEnd {
    fn drop(&mut self) {
        self.0.close();
        // Nothing is left after an orderly end; whatever a failed one leaves is told so.
        while let Some(group) = self.0.queue().drain(usize::MAX) {
            drop(group);
        }
        self.1.request();
    }
}

fn thread(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned())
}
