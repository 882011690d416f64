//! Clients that come, stay a moment, and leave: some politely, some not at all.

use anyhow::Result;
use gapless::{Client, Event, From, Service};
use gapless_tests::{Running, Stack};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Topics that one of them subscribes to; most of them have no stream.
const TOPICS: usize = 3000;
/// How long they stay: several are there at any time.
const STAY: Duration = Duration::from_secs(3);
/// Prefix of all streams of the load.
const PREFIX: &str = "candles.";

/// What a visitor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The library on a prefix from the newest row on, dropped.
    Prefix,
    /// The library on thousands of topics, dropped.
    ManyTopics,
    /// The library from the first row that there is, dropped while it still fetches.
    FromStart,
    /// `gapless tail`, killed.
    TailKilled,
    /// `gapless tail`, asked to stop.
    TailStopped,
    /// Questions to every service.
    Questions,
    /// Connections that say something else than ZeroMQ or HTTP, or stop in the middle.
    Garbage,
    /// A subscriber that is stopped in the middle and killed only later: its queue fills.
    Hung,
}

impl Kind {
    pub(super) const ALL: [Kind; 8] = [
        Kind::Prefix,
        Kind::ManyTopics,
        Kind::TailKilled,
        Kind::Questions,
        Kind::FromStart,
        Kind::TailStopped,
        Kind::Garbage,
        Kind::Hung,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Prefix => "on a prefix",
            Kind::ManyTopics => "on thousands of topics",
            Kind::FromStart => "from the start",
            Kind::TailKilled => "tail killed",
            Kind::TailStopped => "tail stopped",
            Kind::Questions => "with questions",
            Kind::Garbage => "with garbage",
            Kind::Hung => "hung, then killed",
        }
    }
}

/// Where visitors go.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) client: Client,
    pub(super) topics: Vec<String>,
    pub(super) sockets: Vec<String>,
    pub(super) rows: Arc<AtomicU64>,
}

/// One that is there.
pub(super) enum Visitor {
    Thread(JoinHandle<Result<()>>),
    Process { running: Box<Running>, leave_at: Instant, leaving: Leaving },
}

/// How a process leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// SIGKILL.
    Killed,
    /// SIGTERM, and SIGKILL when that takes too long.
    Asked,
    /// SIGSTOP in the middle, SIGKILL in the end.
    Hung,
}

impl Visitor {
    pub(super) fn start(kind: Kind, stack: &Stack, door: &Door) -> Result<Visitor> {
        let process = |stay: Duration, leaving: Leaving| {
            let running = stack.gapless(&["tail", PREFIX, "--format", "json"]).spawn();
            Visitor::Process { running: Box::new(running), leave_at: Instant::now() + stay, leaving }
        };
        match kind {
            Kind::TailKilled => Ok(process(STAY, Leaving::Killed)),
            Kind::TailStopped => Ok(process(STAY, Leaving::Asked)),
            Kind::Hung => Ok(process(STAY * 3, Leaving::Hung)),
            _ => {
                let door = door.clone();
                let named = std::thread::Builder::new().name("visitor".into());
                Ok(Visitor::Thread(named.spawn(move || door.visit(kind))?))
            }
        }
    }

    /// Whether it has left; those whose time is over are made to.
    pub(super) fn has_left(&mut self) -> bool {
        match self {
            Visitor::Thread(thread) => thread.is_finished(),
            Visitor::Process { running, leave_at, leaving } => {
                let left = leave_at.saturating_duration_since(Instant::now());
                match *leaving {
                    Leaving::Hung if left < STAY * 2 => {
                        running.freeze();
                        *leaving = Leaving::Killed;
                    }
                    Leaving::Asked if left.is_zero() => {
                        running.terminate();
                        (*leaving, *leave_at) = (Leaving::Killed, Instant::now() + STAY);
                        return false;
                    }
                    Leaving::Killed | Leaving::Asked | Leaving::Hung => {}
                }
                left.is_zero() || running.ended().is_some()
            }
        }
    }

    /// Waits for the end of a thread and tells how it went.
    pub(super) fn end(self) -> Result<()> {
        match self {
            Visitor::Thread(thread) => {
                thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a visitor panicked")))
            }
            Visitor::Process { mut running, .. } => {
                running.kill();
                Ok(())
            }
        }
    }
}

impl Door {
    fn visit(&self, kind: Kind) -> Result<()> {
        match kind {
            Kind::Prefix => self.follow(self.client.subscribe().prefix(PREFIX).from(From::Latest)),
            Kind::FromStart => self.follow(self.client.subscribe().prefix(PREFIX).from(From::Start)),
            Kind::ManyTopics => {
                let nobody = (0..TOPICS).map(|n| format!("candles.nobody.sends-{n}.1s"));
                let topics = nobody.chain(self.topics.iter().cloned());
                self.follow(self.client.subscribe().streams(topics).from(From::Latest))
            }
            Kind::Questions => self.ask(),
            _ => {
                self.say_garbage();
                Ok(())
            }
        }
    }

    fn follow(&self, builder: gapless::SubscriptionBuilder) -> Result<()> {
        let mut subscription = builder.start()?;
        let until = Instant::now() + STAY;
        while Instant::now() < until {
            if let Some(Event::Rows(batch)) = subscription.next_timeout(Duration::from_millis(50))? {
                self.rows.fetch_add(batch.rows.len() as u64, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn ask(&self) -> Result<()> {
        for service in [Service::Ingestion, Service::LiveEngine, Service::Backfill] {
            self.client.health(service)?;
        }
        self.client.state("")?;
        self.client.journal()?.status(true)?;
        for status in self.client.streams("")? {
            let request = gapless::BackfillRequest {
                key: status.key,
                epoch: gapless::Epoch::UNSTATED,
                from_exclusive: gapless::Seq(status.watermark.latest.0.saturating_sub(500)),
                to: gapless::Seq::NONE,
                start_ts: None,
                end_ts: None,
                limit: 0,
                max_bytes: 0,
            };
            self.client.read(request)?;
        }
        Ok(())
    }

    fn say_garbage(&self) {
        let mut open = Vec::new();
        for socket in &self.sockets {
            for bytes in
                [&b""[..], b"\xff\0\0\0\0\0\0\0\x01\x7f", b"POST /v1/ingest/candles/a/b/1s HTTP/1.1\r\n"]
            {
                let Ok(mut stream) = TcpStream::connect(socket.trim_start_matches("tcp://")) else {
                    continue;
                };
                // A service may hang up at the first wrong byte.
                let _ = stream.write_all(bytes);
                open.push(stream);
            }
        }
        std::thread::park_timeout(STAY);
    }
}
