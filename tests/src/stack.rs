//! The three services as processes, and what tests do with them.
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gapless::{Client, Endpoints, StreamKey};

use crate::eventually::{LATER, SOON};
use crate::places::DataDir;
use crate::process::{Proc, Running};

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `gapless-ingestion`.
    Ingestion,
    /// `gapless-live-engine`.
    LiveEngine,
    /// `gapless-backfill`.
    Backfill,
    /// `gapless-snapshot-writer`; only started when asked for.
    SnapshotWriter,
}

/// A running stack on ports of its own, in a folder of its own. Everything ends with it.
#[derive(Debug)]
pub struct Stack {
    data: DataDir,
    ports: Ports,
    settings: Settings,
    ingestion: RefCell<Option<Running>>,
    engine: RefCell<Option<Running>>,
    backfill: RefCell<Option<Running>>,
    snapshot_writer: RefCell<Option<Running>>,
}

/// What a test wants other than the defaults.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// More arguments of `gapless-ingestion`.
    pub ingestion: Vec<String>,
    /// The text of a configuration file for all services.
    pub config: String,
    /// Whether the engine starts from checkpoints, which the snapshot-writer makes.
    pub checkpoints: bool,
}

#[derive(Clone, Debug)]
struct Ports {
    ingest: String,
    journal_live: String,
    journal_replay: String,
    live: String,
    state: String,
    backfill: String,
    http: String,
}

impl Stack {
    /// All three services, listening.
    #[track_caller]
    pub fn start() -> Stack {
        Stack::start_with(Settings::default())
    }

    /// All three services, with settings.
    #[track_caller]
    pub fn start_with(settings: Settings) -> Stack {
        let stack = Stack::stopped(settings);
        for part in [Part::Ingestion, Part::LiveEngine, Part::Backfill] {
            stack.start_part(part);
        }
        stack
    }

    /// No service yet; their addresses are already known.
    pub fn stopped(settings: Settings) -> Stack {
        let data = DataDir::new();
        std::fs::write(data.join("gapless.toml"), &settings.config).expect("a file can be written");
        Stack {
            data,
            ports: Ports::free(),
            settings,
            ingestion: RefCell::default(),
            engine: RefCell::default(),
            backfill: RefCell::default(),
            snapshot_writer: RefCell::default(),
        }
    }

    /// Starts one service.
    #[track_caller]
    pub fn start_part(&self, part: Part) {
        *self.slot(part).borrow_mut() = Some(self.command(part).start());
    }

    /// One service, about to be started by somebody who keeps the process.
    pub fn command(&self, part: Part) -> Proc {
        let Ports { ingest, journal_live, journal_replay, live, state, backfill, http } = &self.ports;
        let journal = ["--journal-live", journal_live, "--journal-replay", journal_replay];
        let command = |name: &str| {
            let command = Proc::new(name).arg("--config").arg(self.data.join("gapless.toml"));
            command.args(["--admin", "127.0.0.1:0"]).args(journal)
        };
        match part {
            Part::Ingestion => command("gapless-ingestion")
                .args(["--ingest", ingest, "--http", http, "--journal-dir"])
                .arg(self.data.join("journal"))
                .args(&self.settings.ingestion),
            Part::LiveEngine => {
                let engine = command("gapless-live-engine");
                let engine = engine.args(["--ingest", ingest, "--live", live, "--state", state]);
                if !self.settings.checkpoints {
                    return engine;
                }
                engine.arg("--checkpoint-dir").arg(self.checkpoint_folder())
            }
            Part::Backfill => command("gapless-backfill")
                .args(["--backfill", backfill, "--archive"])
                .arg(self.data.join("archive/archive.duckdb")),
            Part::SnapshotWriter => {
                let writer =
                    Proc::new("gapless-snapshot-writer").args(["--admin", "127.0.0.1:0", "--config"]);
                let writer =
                    writer.arg(self.data.join("gapless.toml")).args(["--live", live, "--state", state]);
                let writer = writer.args(["--backfill", backfill, "--journal-replay", journal_replay]);
                let writer = writer.arg("--artifact-dir").arg(self.artifact_folder());
                writer.arg("--checkpoint-dir").arg(self.checkpoint_folder())
            }
        }
    }

    /// Where the snapshot-writer puts its artifacts.
    pub fn artifact_folder(&self) -> PathBuf {
        self.data.join("snapshots/artifacts")
    }

    /// Where the snapshot-writer puts its checkpoints.
    pub fn checkpoint_folder(&self) -> PathBuf {
        self.data.join("snapshots/checkpoints")
    }

    /// Kills one service as `kill -9` does.
    pub fn kill(&self, part: Part) {
        if let Some(mut running) = self.slot(part).borrow_mut().take() {
            running.kill();
        }
    }

    /// Asks one service to stop, and waits until it has, in order and within the promised time.
    #[track_caller]
    pub fn stop(&self, part: Part) {
        let mut running = self.slot(part).borrow_mut().take().expect("it runs");
        running.terminate();
        let status = running.wait(Duration::from_secs(6));
        assert!(status.success(), "{part:?} ended with {status}: {}", running.log());
    }

    /// Looks at a running service.
    #[track_caller]
    pub fn with<T>(&self, part: Part, look: impl FnOnce(&mut Running) -> T) -> T {
        look(self.slot(part).borrow_mut().as_mut().expect("it runs"))
    }

    fn slot(&self, part: Part) -> &RefCell<Option<Running>> {
        match part {
            Part::Ingestion => &self.ingestion,
            Part::LiveEngine => &self.engine,
            Part::Backfill => &self.backfill,
            Part::SnapshotWriter => &self.snapshot_writer,
        }
    }

    /// The folder for this test's files.
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// Address of the live feed.
    pub fn live(&self) -> String {
        self.ports.live.clone()
    }

    /// Address of backfill.
    pub fn backfill(&self) -> String {
        self.ports.backfill.clone()
    }

    /// Address of HTTP ingest, without a path.
    pub fn http(&self) -> String {
        format!("http://{}", self.ports.http)
    }

    /// Where a client finds everything.
    pub fn endpoints(&self) -> Endpoints {
        let Ports { ingest, journal_replay, live, state, backfill, .. } = self.ports.clone();
        Endpoints { live, backfill, state, ingest, journal: journal_replay }
    }

    /// A client of this stack.
    pub fn client(&self) -> Client {
        Client::new(self.endpoints())
    }

    /// Every socket that somebody hostile could reach.
    pub fn sockets(&self) -> Vec<String> {
        let Ports { ingest, journal_live, journal_replay, live, state, backfill, http } = self.ports.clone();
        vec![ingest, journal_live, journal_replay, live, state, backfill, format!("tcp://{http}")]
    }

    /// The latest sequence that backfill states for a stream; 0 while it knows none.
    pub fn latest(&self, topic: &str) -> u64 {
        let key: StreamKey = topic.parse().expect("a topic");
        let status = self.client().stream(&key);
        status.ok().flatten().map_or(0, |status| status.watermark.latest.0)
    }

    /// The command line against this stack.
    pub fn gapless(&self, arguments: &[&str]) -> Proc {
        let Endpoints { live, backfill, state, ingest, journal } = self.endpoints();
        let connect =
            format!("live={live},backfill={backfill},state={state},ingest={ingest},journal={journal}");
        Proc::new("gapless").args(["--connect", &connect]).args(arguments)
    }

    /// Runs `gapless` to its end and returns what it printed.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let mut running = self.gapless(arguments).spawn();
        let status = running.wait(LATER);
        let output = running.output().join("\n");
        assert!(status.success(), "gapless {arguments:?} ended with {status}: {output}\n{}", running.log());
        output
    }

    /// `gapless replay FILE` in the background.
    #[track_caller]
    pub fn replay(&self, file: &Path, arguments: &[&str]) -> Replay {
        let file = file.to_str().expect("a path in UTF-8");
        Replay(self.gapless(&[&["replay", file], arguments].concat()).spawn())
    }

    /// Sends `count` candles, one a minute, over HTTP.
    #[track_caller]
    pub fn send_candles(&self, topic: &str, count: u64) {
        let rows: String = (0..count).map(candle).collect();
        let url = format!("{}/v1/ingest/{}", self.http(), topic.replace('.', "/"));
        let answer = crate::http("POST", &url, &[("Content-Type", "application/x-ndjson")], rows.as_bytes());
        let answer = answer.expect("ingestion answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// `gapless verify` finds no difference.
    #[track_caller]
    pub fn verify(&self, topic: &str, app: Option<&Path>) {
        let app = app.map(|path| path.to_str().expect("a path in UTF-8"));
        let arguments = app.map_or(vec!["verify", topic], |app| vec!["verify", topic, "--app", app]);
        self.run(&arguments);
    }
}

/// A line of NDJSON with the candle of minute `index`.
fn candle(index: u64) -> String {
    let (ts, close) = (1_700_000_000_000 + index * 60_000, 1 + index % 2);
    format!("{{\"ts\":{ts},\"open\":1.5,\"high\":2.5,\"low\":0.5,\"close\":{close}.25,\"volume\":{index}}}\n")
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay(Running);

impl Replay {
    /// Waits for its end, which must be a good one.
    #[track_caller]
    pub fn succeeds(mut self) {
        let status = self.0.wait(LATER);
        assert!(status.success(), "the replay ended with {status}: {}", self.0.log());
    }

    /// Whether it is still sending.
    pub fn is_running(&mut self) -> bool {
        self.0.is_alive()
    }
}

/// Ports that nobody has at the moment, below those that the system gives to outgoing connections,
/// so that they stay free until the service binds them, and again after it was killed.
///
/// # Panics
/// When there are not so many.
pub fn free_ports(count: usize) -> Vec<u16> {
    let mut found = Vec::new();
    let deadline = Instant::now() + SOON;
    while found.len() < count {
        assert!(Instant::now() < deadline, "no free ports");
        let port = fastrand::u16(10_000..32_000);
        if !found.contains(&port) && std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            found.push(port);
        }
    }
    found
}

impl Ports {
    fn free() -> Ports {
        let mut found = free_ports(7);
        let mut endpoint = || format!("tcp://127.0.0.1:{}", found.pop().expect("seven ports were found"));
        Ports {
            ingest: endpoint(),
            journal_live: endpoint(),
            journal_replay: endpoint(),
            live: endpoint(),
            state: endpoint(),
            backfill: endpoint(),
            http: endpoint().replace("tcp://", ""),
        }
    }
}
