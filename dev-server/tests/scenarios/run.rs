//! One scenario from its start until the client is at its end.

use crate::ledger::Ledger;
use gapless::{Client, Endpoints, From};
use gapless_dev_server::{Command, Config, DevServer, Expectation, Order, Scenario, View};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// How long a client may take to come to the end once nothing goes wrong any more.
const HEALING: Duration = Duration::from_secs(30);
/// How long one wait for an event is.
const MOMENT: Duration = Duration::from_millis(50);

/// What came of one scenario.
pub(crate) struct Outcome {
    name: String,
    rows: u64,
    took: Duration,
    expected: BTreeSet<Expectation>,
    told: BTreeSet<Expectation>,
    problems: Vec<String>,
}

impl Outcome {
    pub(crate) fn panicked(name: &str) -> Outcome {
        Outcome {
            name: name.into(),
            rows: 0,
            took: Duration::ZERO,
            expected: BTreeSet::new(),
            told: BTreeSet::new(),
            problems: vec!["panicked".into()],
        }
    }

    pub(crate) fn is_right(&self) -> bool {
        self.problems.is_empty() && self.told == self.expected && self.rows > 0
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { name, rows, took, expected, told, problems } = self;
        write!(f, "{name:<18} {rows:>7} rows, at the end after {took:.2?}, told {told:?}")?;
        if told != expected {
            write!(f, " instead of {expected:?}")?;
        }
        problems.iter().try_for_each(|problem| write!(f, "; {problem}"))
    }
}

pub(crate) fn run(name: &str) -> Outcome {
    let config = Config { scenario: name.into(), record: true, ..Config::on_any_port() };
    let server = DevServer::start(&config).unwrap();
    let scenario = Scenario::find(name).unwrap();
    let at = server.endpoints().clone();
    let endpoints = Endpoints {
        live: at.live,
        backfill: at.requests.clone(),
        state: at.requests,
        ..Endpoints::default()
    };
    // Prefixes come from the stream directory, which servers of version 1 do not have.
    let client = Client::new(endpoints);
    let subscription = match scenario.version {
        1 => {
            client.subscribe().streams(server.view().unwrap().streams.into_iter().map(|stream| stream.topic))
        }
        _ => client.subscribe().prefix("candles.").prefix("metrics."),
    };
    let mut subscription = subscription.from(From::Start).start().unwrap();
    let mut ledger = Ledger::default();
    let mut follow = |end: Instant, is_over: &mut dyn FnMut(&Ledger) -> bool| {
        while Instant::now() < end && !is_over(&ledger) {
            if let Some(event) = subscription.next_timeout(MOMENT).unwrap() {
                ledger.take(&event);
            }
        }
    };
    follow(Instant::now() + scenario.duration.0, &mut |_| false);
    server.send(Order::to_all(Command::Stop)).unwrap();
    server.send(Order::to_all(Command::Heal)).unwrap();
    let healed = Instant::now();
    let view = server.view().unwrap();
    follow(healed + HEALING, &mut |ledger| behind(ledger, &view).is_none());
    judge(scenario, &server, &view, ledger, healed.elapsed())
}

/// A stream of which the client does not have the newest row, or a word that it is gone.
fn behind(ledger: &Ledger, view: &View) -> Option<String> {
    let is_behind = |stream: &&gapless_dev_server::StreamView| {
        let held = ledger.streams.get(&stream.topic.parse().unwrap());
        held.map_or(0, |held| held.next() - 1) < stream.latest
    };
    view.streams.iter().find(is_behind).map(|stream| stream.topic.clone())
}

fn judge(scenario: Scenario, server: &DevServer, view: &View, ledger: Ledger, took: Duration) -> Outcome {
    let mut problems = ledger.broken.clone();
    problems.extend(behind(&ledger, view).map(|topic| format!("{topic}: not at its end after {took:.1?}")));
    let made = server.recorder().unwrap();
    for (key, held) in &ledger.streams {
        let topic = key.topic();
        let is_there = view.streams.iter().any(|stream| stream.topic == topic);
        let problem = held.problem(made.rows(&topic), is_there);
        problems.extend(problem.map(|problem| format!("{topic}: {problem}")));
    }
    Outcome {
        name: scenario.name,
        rows: ledger.streams.values().map(|held| held.rows.len() as u64).sum(),
        took,
        expected: scenario.expect.into_iter().collect(),
        told: ledger.told,
        problems,
    }
}
