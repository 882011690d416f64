//! A dev server on its own thread, and the handle on it.

use crate::config::Config;
use crate::error::Error;
use crate::order::Order;
use crate::recorder::Recorder;
use crate::scenario::Scenario;
use crate::shell::{Ask, Shell, Sockets, mono, wall};
use crate::universe::Universe;
use crate::upstream::Upstream;
use crate::view::View;
use crossbeam_channel::{Receiver, Sender, bounded};
use gapless_transport::Context;
use serde::Serialize;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;
use utoipa::ToSchema;

/// Asks that wait for the server's thread, which takes them at once.
const ASKS: usize = 64;

/// Where a dev server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Endpoints {
    /// The live feed.
    pub live: String,
    /// Ranges, the stream directory and the state.
    pub requests: String,
}

/// A running dev server. Clones share it; it stops when the last one is dropped.
#[derive(Debug, Clone)]
pub struct DevServer {
    endpoints: Endpoints,
    universe: Arc<Universe>,
    asks: Sender<Ask>,
    ended: Receiver<()>,
    _thread: Arc<Joined>,
}

impl DevServer {
    /// Binds the addresses of `config` and begins its scenario.
    ///
    /// # Errors
    /// [`Error`] names the setting, the file or the address that is not usable.
    pub fn start(config: &Config) -> Result<DevServer, Error> {
        let scenario = config.scenario()?;
        let recordings = config.recordings()?;
        let universe = Arc::new(config.universe()?);
        let started = Instant::now();
        let given = recordings.clone();
        let upstream = Upstream::new(scenario, recordings, config.record, mono(started), wall())?;
        let context = Context::new();
        let sockets = Sockets::bind(&context, &config.live.parse()?, &config.backfill.parse()?)?;
        let addresses = (sockets.live().clone(), sockets.requests().clone());
        let endpoints = Endpoints { live: addresses.0.to_string(), requests: addresses.1.to_string() };
        let (asks, asked) = bounded(ASKS);
        let (alive, ended) = bounded(0);
        let shell = Shell {
            context,
            addresses,
            sockets: Some(sockets),
            upstream,
            asks: asked,
            started,
            recordings: given,
            record: config.record,
        };
        let thread = std::thread::Builder::new()
            .name("dev-server".into())
            .spawn(move || {
                let _alive = alive;
                shell.run()
            })
            .map_err(Error::Thread)?;
        Ok(DevServer { endpoints, universe, asks, ended, _thread: Arc::new(Joined(Some(thread))) })
    }

    /// Where it is.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The symbols to choose from.
    pub fn universe(&self) -> &Universe {
        &self.universe
    }

    /// Carries out an order, now.
    ///
    /// # Errors
    /// [`Error::Order`] when it cannot be; [`Error::Ended`] when the server went down.
    pub fn send(&self, order: Order) -> Result<(), Error> {
        Ok(self.ask(|to| Ask::Order(Box::new(order), to))??)
    }

    /// What it shows of itself.
    ///
    /// # Errors
    /// [`Error::Ended`] when the server went down.
    pub fn view(&self) -> Result<View, Error> {
        self.ask(Ask::View)
    }

    /// Every row that was made so far; none unless the configuration says `record`.
    ///
    /// # Errors
    /// [`Error::Ended`] when the server went down.
    pub fn recorder(&self) -> Result<Recorder, Error> {
        self.ask(Ask::Recorder)
    }

    /// The scenario with the streams and plans of this moment.
    ///
    /// # Errors
    /// [`Error::Ended`] when the server went down.
    pub fn scenario(&self) -> Result<Scenario, Error> {
        self.ask(Ask::Scenario)
    }

    /// Begins another scenario with a new history, as a server does that lost everything.
    ///
    /// # Errors
    /// [`Error::Order`] when its streams cannot be set up; [`Error::Ended`] when the server went down.
    pub fn load(&self, scenario: Scenario) -> Result<(), Error> {
        Ok(self.ask(|to| Ask::Load(Box::new(scenario), to))??)
    }

    /// Disconnected when the server went down by itself, because a socket failed.
    pub fn ended(&self) -> &Receiver<()> {
        &self.ended
    }

    fn ask<T>(&self, ask: impl FnOnce(Sender<T>) -> Ask) -> Result<T, Error> {
        let (to, answer) = bounded(1);
        self.asks.send(ask(to)).map_err(|_| Error::Ended)?;
        answer.recv().map_err(|_| Error::Ended)
    }
}

/// Waits for the thread, which ends once its last asker is gone.
#[derive(Debug)]
struct Joined(Option<JoinHandle<Result<(), Error>>>);

impl Drop for Joined {
    fn drop(&mut self) {
        if let Some(Ok(Err(error))) = self.0.take().map(JoinHandle::join) {
            tracing::error!(%error, "the dev server went down");
        }
    }
}
