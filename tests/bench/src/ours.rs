//! Gapless as its users have it: the client library on both sides, nothing switched off.

use crate::clock::{now_ns, sleep_until};
use crate::load::{Arrivals, Load, Received, Sent};
use crate::role::{Places, wait_for_the_start};
use anyhow::{Context, Result, anyhow, bail};
use gapless::{
    Batch, Candle, Client, Event, Flags, From, MetricRows, ProducerSettings, Rows, StreamKey, Subscription,
    UnixMillis, UnixNanos,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any run.
const PATIENCE: Duration = Duration::from_secs(120);

/// Subscriptions of one client.
const PER_CONTEXT: u64 = 50;

/// Numbers of a row of metrics: with its time it has [`crate::load::ROW_BYTES`].
const COLUMNS: usize = 15;

/// What rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// 15 numbers and a time: 128 bytes.
    Metrics,
    /// Open, high, low, close, volume and a time: 48 bytes.
    Candles,
}

/// A producer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Produce {
    /// The stack.
    pub to: Places,
    /// Its name; another one for each run, so that nothing is taken for a repetition.
    pub name: String,
    /// What it sends.
    pub kind: Kind,
    /// How much.
    pub load: Load,
    /// To so many streams, in turn.
    pub streams: u64,
    /// How many rows of it are there already.
    pub first: u64,
    /// Whether rows that wait are put together, as the client library does by itself.
    pub grouped: bool,
}

/// Clients in one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Follow {
    /// The stack.
    pub from: Places,
    /// Every stream whose topic begins so.
    pub prefix: String,
    /// It ends after so many rows.
    pub rows: u64,
    /// Everything is there already: what is measured begins with the client. Else it is there before the rows.
    pub replay: bool,
    /// How many, each with a subscription of its own to all of it.
    pub clients: u64,
    /// It takes so many rows a second at most; `None`: as many as come.
    pub pace: Option<u64>,
}

/// The topic of stream `number` of a producer.
pub(crate) fn topic(kind: Kind, name: &str, number: u64) -> String {
    format!("{}s{number}.1s", prefix(kind, name))
}

/// What all topics of a producer begin with.
pub(crate) fn prefix(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Metrics => format!("metrics.bench.{name}-"),
        Kind::Candles => format!("candles.bench.{name}-"),
    }
}

/// Makes rows of which each carries the time when it was to be sent.
pub(crate) struct Maker {
    kind: Kind,
    columns: Arc<[String]>,
    made: i64,
    /// Of the numbers that say nothing; the same ones in every run.
    noise: fastrand::Rng,
}

impl Maker {
    pub(crate) fn new(kind: Kind, first: u64) -> Maker {
        let columns = (0..COLUMNS).map(|number| format!("c{number}")).collect();
        Maker {
            kind,
            columns,
            made: i64::try_from(first).unwrap_or(0),
            noise: fastrand::Rng::with_seed(first),
        }
    }

    pub(crate) fn rows(&mut self, count: u64, due_ns: u64) -> Rows {
        // Exact: a machine runs for less than 2^53 ns, which is 104 days.
        let due = due_ns as f64;
        let numbers = self.made..self.made + i64::try_from(count).unwrap_or(0);
        self.made = numbers.end;
        match self.kind {
            Kind::Candles => {
                let noise = &mut self.noise;
                let row = |n: i64| Candle {
                    ts: UnixMillis(n * 1000),
                    open: due,
                    high: due + 100.0 + reading(noise),
                    low: due - reading(noise),
                    close: due + reading(noise),
                    volume: n as f64,
                };
                Rows::Candles(numbers.map(row).collect())
            }
            Kind::Metrics => {
                let ts: Vec<UnixNanos> = numbers.map(|n| UnixNanos(n * 1_000_000)).collect();
                let mut values: Vec<f64> = Vec::with_capacity(COLUMNS * ts.len());
                for _ in &ts {
                    values.push(due);
                    values.extend((1..COLUMNS).map(|_| reading(&mut self.noise)));
                }
                Rows::Metrics(MetricRows { columns: Arc::clone(&self.columns), ts, values })
            }
        }
    }
}

/// A number as instruments show it, 0 to 100 with three decimals.
fn reading(noise: &mut fastrand::Rng) -> f64 {
    f64::from(noise.u32(..100_000)) / 1000.0
}

fn due_of(rows: &Rows) -> u64 {
    match rows {
        Rows::Candles(rows) => rows.first().map_or(0, |row| row.open as u64),
        Rows::Metrics(rows) => rows.values.first().map_or(0, |value| *value as u64),
        Rows::Warnings(_) => 0,
    }
}

pub(crate) fn produce(part: &Produce) -> Result<Sent> {
    let client = Client::new(part.to.endpoints());
    let mut settings = ProducerSettings::new(part.to.endpoints().ingest, &part.name);
    if !part.grouped {
        settings.group_after = usize::MAX;
    }
    let producer = client.producer_with(settings)?;
    let keys: Vec<StreamKey> = (0..part.streams)
        .map(|number| topic(part.kind, &part.name, number).parse())
        .collect::<Result<_, _>>()?;
    let mut maker = Maker::new(part.kind, part.first);
    wait_for_the_start("")?;
    let begun_ns = now_ns();
    for (due, key) in part.load.due().zip(keys.iter().cycle()) {
        let rows = maker.rows(part.load.rows, due);
        producer.send(Batch::unsequenced(key.clone(), Flags::SIMULATED, rows), PATIENCE)?;
    }
    producer.flush(PATIENCE)?;
    Ok(Sent { begun_ns, done_ns: now_ns() })
}

pub(crate) fn follow(part: &Follow) -> Result<Vec<Received>> {
    if part.replay {
        wait_for_the_start("")?;
    }
    let mut client = Client::new(part.from.endpoints());
    let mut subscriptions = Vec::new();
    for number in 0..part.clients {
        // All of a client share a ZeroMQ context, which has about a thousand sockets at most.
        if number % PER_CONTEXT == PER_CONTEXT - 1 {
            client = Client::new(part.from.endpoints());
        }
        subscriptions.push(client.subscribe().prefix(part.prefix.clone()).from(From::Start).start()?);
    }
    if !part.replay {
        wait_for_the_start("")?;
    }
    let mut threads = Vec::new();
    for subscription in subscriptions {
        let (rows, pace) = (part.rows, part.pace);
        let taking = move || take(subscription, rows, pace);
        threads.push(std::thread::Builder::new().stack_size(256 << 10).spawn(taking)?);
    }
    threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?).collect()
}

/// Takes so many rows.
fn take(mut subscription: Subscription, rows: u64, pace: Option<u64>) -> Result<Received> {
    let (mut arrivals, begun) = (Arrivals::new(), now_ns());
    while arrivals.rows() < rows {
        match subscription.next_timeout(PATIENCE)?.context("no row for long")? {
            Event::Rows(batch) => {
                arrivals.came(batch.rows.len() as u64, due_of(&batch.rows));
                if let Some(pace) = pace {
                    sleep_until(begun + arrivals.rows() * 1_000_000_000 / pace);
                }
            }
            Event::GapHealed { gap, .. } => arrivals.healed(gap.range.len()),
            Event::Truncated { range, reason, .. } => bail!("rows {range} are gone: {reason:?}"),
            Event::Reset { .. } | Event::Rewind { .. } => bail!("the history changed"),
            _ => {}
        }
    }
    Ok(arrivals.done())
}
