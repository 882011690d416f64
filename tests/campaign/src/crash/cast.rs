//! Who takes part: producers with their streams, clients with what they follow.

use crate::book::Book;
use crate::client::{ChartClient, Choice, LibraryClient, Watch, follow};
use crate::control::Control;
use crate::crash::Plan;
use crate::load::{Lane, derived_topic};
use crate::producer::{HttpProducer, NumberedProducer, Pace, Tallied};
use crate::slot::Slot;
use anyhow::Result;
use gapless::{DEFAULT_RECEIVE_LIMIT, ProducerSettings, StreamKey};
use gapless_tests::{Proc, Stack};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

/// Producers on the ZeroMQ socket.
const NUMBERED: u32 = 3;
/// Producers on HTTP.
const POSTING: u32 = 2;
/// Streams that only one producer sends to, for each producer.
const OWN: u32 = 2;
/// The stream that all producers on ZeroMQ send to.
const SHARED: &str = "metrics.crash.shared.1s";
/// Rows of a batch at most.
const MOST_ROWS: u64 = 10;
/// A producer is back after trouble within this: a campaign is short.
const BACKOFF_MAX: Duration = Duration::from_millis(500);
/// A queue so short that ZeroMQ drops whenever its reader stalls.
const SHORT_QUEUE: u32 = 20;

/// A thread of this process that takes part.
pub(super) struct Player {
    pub(super) name: String,
    pub(super) control: Control,
    pub(super) thread: Option<JoinHandle<Result<()>>>,
}

pub(super) struct Producer {
    pub(super) player: Player,
    pub(super) tally: Tallied,
    pub(super) lanes: Vec<Lane>,
    pub(super) over: &'static str,
}

/// A client whose position can be seen.
pub(super) struct Observed {
    pub(super) name: &'static str,
    pub(super) choice: Choice,
    pub(super) watch: Watch,
}

/// A client that is a process with a DuckDB file.
pub(super) struct FileClient {
    pub(super) slot: Slot,
    pub(super) file: PathBuf,
    pub(super) prefix: &'static str,
}

fn own(name: &str, producer: u32) -> Vec<Lane> {
    let lane = |n: u32| {
        let topic = format!("candles.crash.{name}-{n}.1s");
        Lane { number: producer * 10 + n, key: topic.parse().expect("a topic") }
    };
    (1..=OWN).map(lane).collect()
}

fn pace(plan: &Plan) -> Pace {
    Pace { every: Duration::from_secs(1) / plan.batches_per_second.max(1), most_rows: MOST_ROWS }
}

/// Starts the producers on ZeroMQ.
pub(super) fn numbered(plan: &Plan, stack: &Stack, book: &Book) -> Result<Vec<Producer>> {
    let mut producers = Vec::new();
    for number in 1..=NUMBERED {
        let name = format!("crash-{number}");
        let mut lanes = own(&name, number);
        lanes.push(Lane { number: number * 10, key: SHARED.parse()? });
        let mut settings = ProducerSettings::new(stack.endpoints().ingest, &name);
        settings.backoff_max = BACKOFF_MAX;
        if number == 1 {
            // One of them fills its window at every outage.
            (settings.in_flight_per_stream, settings.max_batches) = (4, 16);
        }
        let (control, tally) = (Control::new(), Tallied::default());
        let seed = plan.seed ^ u64::from(number);
        let producer = NumberedProducer::new(&stack.client(), settings, lanes.clone(), seed);
        let thread = Some(producer.start(book, &control, &tally, pace(plan))?);
        producers.push(Producer { player: Player { name, control, thread }, tally, lanes, over: "zeromq" });
    }
    Ok(producers)
}

/// Starts the producers on HTTP.
pub(super) fn posting(plan: &Plan, stack: &Stack, book: &Book) -> Result<Vec<Producer>> {
    let mut producers = Vec::new();
    for number in 1..=POSTING {
        let name = format!("post-{number}");
        let lanes = own(&name, 50 + number);
        let (control, tally) = (Control::new(), Tallied::default());
        let producer = HttpProducer {
            url: stack.http(),
            name: name.clone(),
            lanes: lanes.clone(),
            book: book.clone(),
            control: control.clone(),
            tally: tally.clone(),
            pace: pace(plan),
            random: fastrand::Rng::with_seed(plan.seed ^ u64::from(100 + number)),
        };
        let thread = Some(producer.start()?);
        producers.push(Producer { player: Player { name, control, thread }, tally, lanes, over: "http" });
    }
    Ok(producers)
}

/// Starts the clients in this process: one on a list of streams and one on all of them.
pub(super) fn library_clients(stack: &Stack, lanes: &[Lane]) -> Result<[(Player, Observed); 2]> {
    let keys = || lanes.iter().map(|lane| &lane.key);
    let derived = keys().filter(|key| key.kind() == gapless::Kind::Candles).filter_map(derived_topic);
    let mut topics: Vec<String> = keys().map(StreamKey::topic).chain(derived).collect();
    topics.sort();
    topics.dedup();
    let every = Choice::Prefix(String::new());
    let begin = |name: &'static str, choice: Choice, receive_limit| -> Result<(Player, Observed)> {
        let (watch, control) = (Watch::new(), Control::new());
        let client = LibraryClient {
            name: name.to_owned(),
            client: stack.client(),
            choice: choice.clone(),
            receive_limit,
            watch: watch.clone(),
            control: control.clone(),
        };
        let thread = Some(client.start()?);
        Ok((Player { name: name.to_owned(), control, thread }, Observed { name, choice, watch }))
    };
    Ok([begin("list", Choice::Topics(topics), SHORT_QUEUE)?, begin("prefix", every, DEFAULT_RECEIVE_LIMIT)?])
}

/// Starts the client of version 1, which knows candles alone.
pub(super) fn chart_client(stack: &Stack, lanes: &[Lane]) -> Result<(Player, Observed)> {
    let name = "chart";
    let keys = lanes.iter().map(|lane| lane.key.clone()).filter(|key| key.kind() == gapless::Kind::Candles);
    let keys: Vec<StreamKey> = keys.collect();
    let derived = keys.iter().filter_map(derived_topic).map(|topic| topic.parse());
    let keys = keys.iter().cloned().map(Ok).chain(derived).collect::<Result<Vec<StreamKey>, _>>()?;
    let choice = Choice::Topics(keys.iter().map(StreamKey::topic).collect());
    let (watch, control) = (Watch::new(), Control::new());
    let client = ChartClient {
        live: stack.live(),
        replies: stack.backfill(),
        keys,
        watch: watch.clone(),
        control: control.clone(),
    };
    let thread = Some(client.start(name)?);
    Ok((Player { name: name.to_owned(), control, thread }, Observed { name, choice, watch }))
}

/// The clients that are processes; they start when they are tended first.
pub(super) fn file_clients(stack: &Stack) -> [FileClient; 2] {
    let duck = stack.data().join("duck/duck.duckdb");
    let arguments = follow::arguments(&stack.endpoints(), "candles.", &duck);
    let tail = stack.data().join("tail.duckdb");
    let endpoints = stack.endpoints();
    let tail_arguments = tail_arguments(&endpoints, &tail);
    [
        FileClient {
            slot: Slot::new("duck", move || Proc::new("gapless-crash").args(&arguments)),
            file: duck,
            prefix: "candles.",
        },
        FileClient {
            // It looks for the services first, and says who is missing.
            slot: Slot::new("tail", move || Proc::new("gapless").args(&tail_arguments))
                .excused_by("no answer from"),
            file: tail,
            prefix: "",
        },
    ]
}

fn tail_arguments(endpoints: &gapless::Endpoints, into: &std::path::Path) -> Vec<String> {
    let gapless::Endpoints { live, backfill, state, ingest, journal } = endpoints;
    let connect = format!("live={live},backfill={backfill},state={state},ingest={ingest},journal={journal}");
    let into = into.display().to_string();
    ["--connect", &connect, "--json", "tail", "", "--from", "start", "--into", &into]
        .map(str::to_owned)
        .to_vec()
}
