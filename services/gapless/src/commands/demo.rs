//! `gapless demo`: a stack with real and simulated sources, and a client that checks every row.

mod screen;
mod summary;
mod tally;

use crate::connect::Global;
use crate::exit::Outcome;
use crate::stack::{Configs, Ports, Stack};
use crate::{render, terminal};
use anyhow::{Context, Result};
use gapless::{Client, Event, From as Begin, StreamKey, Subscription, Watermark};
use gapless_ingestion::sources::{HostSettings, SimSettings, SourceSettings};
use gapless_live_engine::RuleText;
use gapless_service_kit::{Shutdown, metrics};
use screen::Screen;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use summary::Summary;
use tally::Tally;

/// How long it runs when nobody watches and nobody says.
const UNWATCHED: Duration = Duration::from_secs(20);
/// How often the screen is drawn.
const DRAW: Duration = Duration::from_millis(200);
/// How often a line says how it goes when there is no screen.
const SAY: Duration = Duration::from_secs(5);
/// How long the last rows may take to arrive once the sources have stopped. Rows take milliseconds; a
/// loaded machine takes longer.
const DRAIN: Duration = Duration::from_secs(20);

/// Starts the whole stack with this machine's telemetry (CPU, memory, load, disk, network) and a simulated
/// market, and follows all of it with a client that heals gaps. Shows a live table until `q`; with
/// --seconds, or without a terminal, it prints a summary at the end.
///
/// Every row is counted and digested by the client and compared with the journal at the end. Exit code 1
/// when a row was lost, duplicated or changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run so long, then print a summary
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Keep journal and archive in this folder [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write artifacts into this folder too, and checkpoints
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
    /// Messages that may wait at the client; 10 makes ZeroMQ drop, so that there are gaps to heal
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u32).range(1..))]
    receive_limit: Option<u32>,
    /// Simulated rows a second and symbol [default: the market's own pace, one a second]
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Rows of one simulated batch at most
    #[arg(long, value_name = "ROWS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let data = args.data.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    metrics::install();
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let mut configs = configs(global, &data)?;
    if let Some(folder) = &args.snapshots {
        configs = configs.with_snapshots(global, &data, Some(folder))?;
    }
    let mut stack = Stack::start(configs.only_inside(&data))?;
    for source in sources(&args)? {
        stack.add_source(&source)?;
    }
    let client = Client::new(stack.endpoints().clone());
    let mut builder = client.subscribe().prefix("").from(Begin::Start);
    if let Some(messages) = args.receive_limit {
        builder = builder.receive_limit(messages);
    }
    let mut demo = Demo { subscription: builder.start()?, tally: Tally::default(), begun: Instant::now() };
    demo.watch(&args, &mut stack, &shutdown)?;
    stack.stop_sources()?;
    let published = demo.drain(&client)?;
    let summary = Summary::new(&demo.tally, &demo.subscription.status(), &published, demo.begun.elapsed());
    drop(demo);
    let stopped = stack.stop();
    shutdown.finished();
    if global.json {
        render::json(&summary)?
    } else {
        summary.print()?
    }
    stopped?;
    Ok(if summary.is_clean() { Outcome::Good } else { Outcome::Bad })
}

fn configs(global: &Global, data: &Path) -> Result<Configs> {
    std::fs::create_dir_all(data).with_context(|| format!("cannot make the folder {}", data.display()))?;
    let mut configs = Configs::load(global, data, Ports::configured_if_free())?;
    if configs.live_engine.derive.is_empty() {
        let to = vec!["10s".to_owned(), "1m".to_owned()];
        configs.live_engine.derive.push(RuleText { prefix: "candles.sim.".into(), from: "1s".into(), to });
    }
    Ok(configs)
}

fn sources(args: &Args) -> Result<[SourceSettings; 2]> {
    let mut sim = SimSettings { batch_rows: args.batch as usize, ..SimSettings::default() };
    if let Some(rate) = args.rate {
        sim.pace = format!("{rate}/s").parse().map_err(anyhow::Error::msg)?;
    }
    Ok([SourceSettings::Host(HostSettings::default()), SourceSettings::Sim(sim)])
}

/// The client's side of the demonstration.
struct Demo {
    subscription: Subscription,
    tally: Tally,
    begun: Instant,
}

impl Demo {
    /// Follows until the time is over, somebody quits, or something breaks.
    fn watch(&mut self, args: &Args, stack: &mut Stack, shutdown: &Shutdown) -> Result<()> {
        let watched = args.seconds.is_none() && std::io::stdout().is_terminal() && terminal::is_watched();
        let limit = match args.seconds {
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None if watched => None,
            None => Some(UNWATCHED),
        };
        let mut screen = if watched { Some(Screen::open()?) } else { None };
        let (mut drawn, mut said) = (Instant::now(), Instant::now());
        while !shutdown.is_requested() && limit.is_none_or(|limit| self.begun.elapsed() < limit) {
            self.take_one(Duration::from_millis(50))?;
            if drawn.elapsed() >= DRAW {
                drawn = Instant::now();
                if let Some(error) = stack.failure() {
                    return Err(error);
                }
                if let Some(screen) = &mut screen {
                    if screen.wants_to_quit()? {
                        break;
                    }
                    screen.draw(&self.subscription.status(), &self.tally, self.begun.elapsed())?;
                }
            }
            if screen.is_none() && said.elapsed() >= SAY {
                said = Instant::now();
                self.say();
            }
        }
        Ok(())
    }

    /// Once the sources have stopped: what the journal holds, after every row of it was received or the
    /// wait for it is over.
    fn drain(&mut self, client: &Client) -> Result<BTreeMap<StreamKey, Watermark>> {
        let mut journal = client.journal()?;
        let end = Instant::now() + DRAIN;
        let mut before = None;
        loop {
            let status = journal.status(true)?;
            let published: BTreeMap<StreamKey, Watermark> =
                status.streams.into_iter().map(|stream| (stream.key, stream.watermark)).collect();
            // Derived rows come after the rows that they are made of: the end is the end when it stays.
            let settled = before.replace(status.latest) == Some(status.latest);
            if (settled && self.tally.has_all(&published)) || Instant::now() >= end {
                return Ok(published);
            }
            let pause = Instant::now() + Duration::from_millis(300);
            while Instant::now() < pause {
                self.take_one(Duration::from_millis(50))?;
            }
        }
    }

    fn take_one(&mut self, patience: Duration) -> Result<()> {
        match self.subscription.next_timeout(patience)? {
            Some(Event::Rows(batch)) => self.tally.rows(&batch),
            Some(Event::Rewind { key, keep, .. }) => self.tally.take_back(&key, keep),
            Some(Event::Reset { key, .. }) => self.tally.take_back(&key, gapless::Seq::NONE),
            Some(_) | None => {}
        }
        Ok(())
    }

    fn say(&self) {
        let status = self.subscription.status();
        let gaps: u64 = status.iter().map(|report| report.gaps.found).sum();
        let healed: u64 = status.iter().map(|report| report.gaps.healed).sum();
        eprintln!(
            "{:>4}s: {} streams, {} rows received, {gaps} gaps found, {healed} healed",
            self.begun.elapsed().as_secs(),
            status.len(),
            render::count(self.tally.delivered()),
        );
    }
}
