//! The whole stack in this process: the services' libraries, each on a thread of its own.
//!
//! They still meet only on the wire, at loopback addresses, so everything that speaks to separate
//! processes speaks to this one, and what holds for them holds here.

mod configs;
mod service;

pub(crate) use configs::{Configs, Ports, default_data_dir};

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{Receiver, bounded};
use gapless::Endpoints;
use gapless_ingestion::Intake;
use gapless_ingestion::sources::{Source, SourceSettings};
use gapless_service_kit::Shutdown;
use service::Service;
use std::time::{Duration, Instant};

/// How long a service may take to bind its sockets; ingestion reads its journal before that, at some
/// hundred megabytes a second.
const START: Duration = Duration::from_secs(120);
/// How long the services may take to end; each promises 5 seconds.
const STOP: Duration = Duration::from_secs(5);

/// A running stack. Dropping it stops it.
pub(crate) struct Stack {
    ingestion: Service,
    live_engine: Service,
    backfill: Service,
    snapshots: Option<Service>,
    intake: Intake,
    endpoints: Endpoints,
    http: String,
    sources: Vec<Source>,
    sources_stop: Shutdown,
}

impl Stack {
    /// Starts the services and waits until all of them listen.
    pub(crate) fn start(mut configs: Configs) -> Result<Stack> {
        let (told, ready) = bounded(1);
        let config = configs.ingestion.clone();
        let ingestion = Service::start("ingestion", move |stop| {
            let tell = |bound, intake| drop(told.send((bound, intake)));
            Ok(gapless_ingestion::run_embedded(config, stop, tell)?)
        })?;
        let (ingestion_at, intake) = await_ready(&ingestion, &ready)?;
        configs.follow(&ingestion_at);

        let (told, ready) = bounded(1);
        let config = configs.live_engine.clone();
        let live_engine = Service::start("live-engine", move |stop| {
            Ok(gapless_live_engine::run(config, stop, |bound| drop(told.send(bound)))?)
        })?;
        let live_at = await_ready(&live_engine, &ready)?;

        let (told, ready) = bounded(1);
        let config = configs.backfill.clone();
        let backfill = Service::start("backfill", move |stop| {
            Ok(gapless_backfill::run(config, stop, |bound| drop(told.send(bound)))?)
        })?;
        let backfill_at = await_ready(&backfill, &ready)?;

        let endpoints = Endpoints {
            live: live_at.live,
            backfill: configs::backfill_address(&backfill_at),
            state: live_at.state,
            ingest: ingestion_at.ingest,
            journal: ingestion_at.journal_replay,
        };
        let snapshots = configs.snapshots.take().map(|mut config| -> Result<Service> {
            configs::follow_all(&mut config, &endpoints);
            let (told, ready) = bounded(1);
            let snapshots = Service::start("snapshot-writer", move |stop| {
                Ok(gapless_snapshot_writer::run(config, stop, || _ = told.send(()))?)
            })?;
            await_ready(&snapshots, &ready)?;
            Ok(snapshots)
        });
        let snapshots = snapshots.transpose()?;
        let http = ingestion_at.http;
        let (sources, sources_stop) = (Vec::new(), Shutdown::new());
        Ok(Stack {
            ingestion,
            live_engine,
            backfill,
            snapshots,
            intake,
            endpoints,
            http,
            sources,
            sources_stop,
        })
    }

    /// Where it listens.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Where rows are taken over HTTP; empty when nowhere.
    pub(crate) fn http(&self) -> &str {
        &self.http
    }

    /// Starts a source that [`Stack::stop_sources`] stops while the services go on.
    pub(crate) fn add_source(&mut self, settings: &SourceSettings) -> Result<()> {
        let source = Source::start(settings, &self.intake, &self.sources_stop);
        self.sources.push(source.with_context(|| format!("source {}", settings.name()))?);
        Ok(())
    }

    /// Stops the sources; what they have handed over is in the journal then.
    pub(crate) fn stop_sources(&mut self) -> Result<()> {
        self.sources_stop.request();
        for source in self.sources.drain(..) {
            let name = source.name();
            source.join().with_context(|| format!("source {name}"))?;
        }
        Ok(())
    }

    /// What has ended on its own, which a service never does.
    pub(crate) fn failure(&mut self) -> Option<anyhow::Error> {
        let Stack { ingestion, live_engine, backfill, snapshots, .. } = self;
        [ingestion, live_engine, backfill].into_iter().chain(snapshots).find_map(Service::failure)
    }

    /// Stops everything: readers of the journal before the journal.
    pub(crate) fn stop(mut self) -> Result<()> {
        let sources = self.stop_sources();
        let end = Instant::now() + STOP;
        for service in self.readers_first() {
            service.stop(end)?;
        }
        sources
    }

    /// Whoever reads stops before what it reads from.
    fn readers_first(&mut self) -> impl Iterator<Item = &mut Service> {
        let Stack { ingestion, live_engine, backfill, snapshots, .. } = self;
        snapshots.iter_mut().chain([live_engine, backfill, ingestion])
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.sources_stop.request();
        let end = Instant::now() + STOP;
        for service in self.readers_first() {
            // After an orderly stop there is nothing left to end.
            let _ = service.stop(end);
        }
    }
}

/// What a service says when it is ready, or why it ended before.
fn await_ready<T>(service: &Service, ready: &Receiver<T>) -> Result<T> {
    // A service that has failed lets go of its sender before it tells why.
    ready.recv_timeout(START).map_err(|_| match service.early_end(Duration::from_secs(1)) {
        Some(error) => error,
        None => anyhow!("{} is not ready after {START:?}", service.name()),
    })
}

#[cfg(test)]
mod tests;
