//! The loop around the engine: journal events in, live feed out, requests answered, derived rows sent.

mod journal;

use crate::answer;
use crate::config::Config;
use crate::courier::Courier;
use crate::derive::Rule;
use crate::engine::{Engine, Limits};
use crate::error::Error;
use crate::feed::Feed;
use crate::history::{Beginning, History, PassedOver};
use crate::meters::{Meters, SERVICE};
use crate::outbox::{Outcome, Reply};
use crate::reading::Reading;
use crate::restart::Restart;
use crate::shelf::Shelf;
use gapless_disk::RealDisk;
use gapless_follow::{Clock, JournalFollower, JournalSettings, Progress};
use gapless_model::MonoTime;
use gapless_protocol::Begin;
use gapless_service_kit::health::{Condition, condition};
use gapless_service_kit::{Invalid, Shutdown, Validate};
use gapless_transport::{
    Context, Hooks, Publisher, PublisherSettings, RouterCounts, RouterServer, RouterSettings, WakeReceiver,
    wake_pair,
};
use gapless_wire::MAX_REQUEST_BYTES;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records folded per turn before timers and requests are looked at again: some milliseconds of work.
const RECORDS_PER_TURN: usize = 256;
/// State requests answered per turn; each may take a millisecond.
const REQUESTS_PER_TURN: usize = 2;
/// State requests that wait; further ones are told to come back.
const REQUEST_QUEUE: usize = 64;
/// Derived batches that wait for ingestion before the engine stops reading records. Then ingestion has
/// been refusing rows for long, and what is read cannot be derived from without losing bars.
const MAX_OUTBOX: usize = 65_536;
/// How often counters are looked at.
const METERS_EVERY: Duration = Duration::from_millis(250);

/// The addresses that are really bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The live feed.
    pub live: String,
    /// State requests.
    pub state: String,
}

impl Bound {
    /// Pairs of socket name and address, as the ready file has them.
    pub fn addresses(&self) -> [(&'static str, String); 2] {
        [("live", self.live.clone()), ("state", self.state.clone())]
    }
}

/// Runs the engine until `shutdown` is requested. `ready` is called once both sockets are bound; the
/// engine goes live when it has read the journal, which `/readyz` tells.
///
/// # Errors
/// [`Error`] when an address cannot be used or a socket fails.
pub fn run(config: Config, shutdown: Shutdown, ready: impl FnOnce(Bound)) -> Result<(), Error> {
    let refused = |invalid: Invalid| Error::Config(format!("{}: {}", invalid.key, invalid.message));
    config.validate().map_err(refused)?;
    let rules = config.rules().map_err(refused)?;
    let _guard = shutdown.guard("live-engine");
    let mut shell = Shell::open(config, rules, shutdown)?;
    ready(shell.bound());
    shell.run()
}

struct Shell {
    config: Config,
    rules: Vec<Rule>,
    context: Context,
    history: History,
    engine: Engine,
    reading: Reading,
    shelf: Shelf,
    feed: Feed,
    follower: JournalFollower,
    /// Ends the follower's wait for what does not come from the journal.
    wake: WakeReceiver,
    server: RouterServer,
    courier: Courier,
    shutdown: Shutdown,
    clock: Clock,
    meters: Meters,
    live_address: String,
    /// Whether the journal is read up to its end.
    caught_up: Condition,
    /// Whether every record proved itself.
    proven: Condition,
    /// Whether no record was lost since the state that was begun from.
    whole: Condition,
    progress: Option<Progress>,
    router_counts: RouterCounts,
    next_meters: MonoTime,
    /// Whether the last turn found the outbox full.
    is_held: bool,
}

impl Shell {
    fn open(config: Config, rules: Vec<Rule>, shutdown: Shutdown) -> Result<Shell, Error> {
        let context = Context::new();
        let meters = Meters::new();
        let publishing = PublisherSettings {
            send_limit: config.send_limit,
            send_buffer_bytes: u32::try_from(config.send_buffer.0).unwrap_or(u32::MAX),
            report_subscriptions: true,
            ..PublisherSettings::default()
        };
        let publisher = Publisher::bind(&context, &config.live, publishing)?;
        let live_address = publisher.endpoint().to_string();
        let (waker, wake) = wake_pair()?;
        let stopping = waker.clone();
        shutdown.on_request(move || stopping.wake());
        let serving = RouterSettings {
            name: "engine-state",
            waker: Some(waker.clone()),
            max_message_bytes: MAX_REQUEST_BYTES,
            queue: REQUEST_QUEUE,
            ..RouterSettings::default()
        };
        let hooks = Hooks { refuse: answer::busy, malformed: answer::malformed };
        let server = RouterServer::bind(&context, &config.state, serving, hooks)?;
        let proven = condition(SERVICE, "digests-equal", "");
        proven.holds();
        let whole = condition(SERVICE, "history-whole", "");
        whole.holds();
        let clock = Clock::start();
        let history = History::open(Arc::new(RealDisk), &config.checkpoint_dir)?;
        let (engine, begin) = told(|| history.begin(&limits(&config), &rules, Restart::Fresh, None));
        let shell = Shell {
            history,
            reading: Reading::new(engine.state.position(), clock.now()),
            engine,
            shelf: Shelf::default(),
            feed: Feed::new(publisher, meters.clone()),
            follower: follow(&config, &context, &wake, begin)?,
            wake,
            server,
            courier: Courier::start(&context, &config.ingest, waker)?,
            shutdown,
            clock,
            meters,
            live_address,
            caught_up: condition(SERVICE, "journal-read", "reading the journal"),
            proven,
            whole,
            progress: None,
            router_counts: RouterCounts::default(),
            next_meters: MonoTime(0),
            is_held: false,
            config,
            rules,
            context,
        };
        Ok(shell)
    }

    fn bound(&self) -> Bound {
        Bound { live: self.live_address.clone(), state: self.server.endpoint().to_string() }
    }

    fn now(&self) -> MonoTime {
        self.clock.now()
    }

    fn run(&mut self) -> Result<(), Error> {
        while !self.shutdown.is_requested() {
            let more = self.turn()?;
            self.wait(more)?;
        }
        tracing::info!(position = self.engine.state.position().0, "live engine stopped");
        Ok(())
    }

    /// Priorities: 1 records, 2 what the feed owes, 3 derived rows, 4 state requests.
    fn turn(&mut self) -> Result<bool, Error> {
        let more_records = self.read_records()?;
        let now = self.now();
        if self.engine.is_live() {
            self.feed.handle_timeout(&self.engine.state, now)?;
        }
        self.exchange_derived(now);
        let more_requests = self.answer_requests();
        if now >= self.next_meters {
            self.next_meters = now.after(METERS_EVERY);
            self.measure();
        }
        Ok(more_records || more_requests)
    }

    /// Reads the journal's sockets, once there is something on them or something else to do; at once when there is more
    /// to do anyway.
    fn wait(&mut self, more: bool) -> Result<(), Error> {
        if more {
            return Ok(self.follower.wait(Duration::ZERO)?);
        }
        let now = self.now();
        let feed = self.engine.is_live().then(|| self.feed.poll_timeout());
        let due = [feed, self.engine.outbox.poll_timeout(), Some(self.next_meters)];
        let timeout = due.into_iter().flatten().min().map_or(METERS_EVERY, |due| due.since(now));
        Ok(self.follower.wait(timeout)?)
    }

    fn read_records(&mut self) -> Result<bool, Error> {
        for _ in 0..RECORDS_PER_TURN {
            if self.hold() {
                return Ok(false);
            }
            let Some(event) = self.follower.try_next() else { return Ok(false) };
            self.handle_event(event)?;
        }
        Ok(true)
    }

    /// Whether records have to wait because too many derived rows do. Only once sending is allowed:
    /// while history is read, the journal itself settles them.
    fn hold(&mut self) -> bool {
        let full = self.engine.is_live() && self.engine.outbox.len() >= MAX_OUTBOX;
        if full && !self.is_held {
            tracing::warn!(
                waiting = self.engine.outbox.len(),
                "ingestion takes no derived rows: records wait until it does"
            );
        }
        self.is_held = full;
        full
    }

    fn exchange_derived(&mut self, now: MonoTime) {
        while let Ok((id, reply)) = self.courier.answers().try_recv() {
            self.settle(id, reply, now);
        }
        let unanswered = self.engine.outbox.handle_timeout(now);
        if unanswered > 0 {
            self.meters.derived_retries.increment(unanswered as u64);
            self.courier.renew();
        }
        while let Some(send) = self.engine.outbox.poll_send(now) {
            self.courier.send(send);
        }
    }

    fn settle(&mut self, id: u64, reply: Reply, now: MonoTime) {
        match self.engine.outbox.handle_reply(id, reply, now) {
            Outcome::Accepted { rows } => self.meters.derived_rows.increment(rows),
            Outcome::Again => {
                self.meters.derived_retries.increment(1);
                tracing::debug!(?reply, "a derived batch is sent again");
            }
            Outcome::GivenUp { rows, code } => {
                tracing::error!(rows, code, "ingestion refuses derived rows: they are lost");
            }
            Outcome::Stale => {}
        }
    }

    fn answer_requests(&mut self) -> bool {
        for _ in 0..REQUESTS_PER_TURN {
            let Ok(request) = self.server.requests().try_recv() else { return false };
            let now = self.now();
            let (reply, well_formed) = answer::answer(&self.engine, &mut self.shelf, &request.body, now);
            if !well_formed {
                self.meters.malformed.increment(1);
            }
            self.server.replier().send(request.peer, reply);
        }
        true
    }

    fn acknowledge(&mut self) {
        if let Some(position) = self.engine.needs_after() {
            self.follower.acknowledge(self.engine.state.epoch(), position);
        }
    }

    fn measure(&mut self) {
        self.acknowledge();
        self.tell_how_far();
        self.shelf.expire(self.now());
        self.meters.streams.set(self.engine.state.len() as f64);
        self.meters.late_rows.absolute(self.engine.deriver.late_rows());
        self.meters.outbox.set(self.engine.outbox.len() as f64);
        let counts = self.server.counts();
        self.meters.malformed.increment(counts.malformed.saturating_sub(self.router_counts.malformed));
        self.meters.refused.increment(counts.refused.saturating_sub(self.router_counts.refused));
        self.router_counts = counts;
        let Some(progress) = self.follower.progress() else { return };
        self.meters.follow(&progress, self.progress.as_ref());
        self.progress = Some(progress);
    }
}

fn limits(config: &Config) -> Limits {
    Limits { window_rows: config.window_rows, max_streams: config.max_streams }
}

/// Where to begin, and says it.
fn told(begin: impl FnOnce() -> Beginning) -> (Engine, Begin) {
    let begun = Instant::now();
    let beginning = begin();
    let seconds = begun.elapsed().as_secs_f64();
    if let Some(error) = &beginning.unreadable {
        tracing::error!(%error, "the checkpoints cannot be looked at");
    }
    for PassedOver { file, reason } in &beginning.passed_over {
        tracing::warn!(file = %file.display(), reason, "a checkpoint cannot be used and is passed over");
    }
    match &beginning.checkpoint {
        Some(checkpoint) => {
            let (position, streams) = (checkpoint.header().position.0, checkpoint.header().streams);
            let bytes = checkpoint.bytes().len();
            tracing::info!(position, streams, bytes, seconds, "restored from a checkpoint");
        }
        None => tracing::info!("no checkpoint to begin from: reading the journal from its beginning"),
    }
    (beginning.engine, beginning.begin)
}

/// The journal from where the state ends that was begun from.
fn follow(
    config: &Config,
    context: &Context,
    wake: &WakeReceiver,
    begin: Begin,
) -> Result<JournalFollower, Error> {
    let settings = JournalSettings {
        wake: Some(wake.clone()),
        follower_id: config.follower_id.clone(),
        context: Some(context.clone()),
        ..JournalSettings::new(&config.journal_live, &config.journal_replay, begin)
    };
    Ok(JournalFollower::start(settings)?)
}
