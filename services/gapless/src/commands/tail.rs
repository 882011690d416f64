//! `gapless tail`: follow streams onto the screen or into a DuckDB file.

mod choice;
mod into;
mod print;

use crate::connect::Global;
use crate::exit::{Outcome, usage};
use crate::render;
use anyhow::Result;
use clap::ValueEnum;
use gapless::{Client, Event, Health, Service, StreamKey, StreamReport, SubscriptionBuilder};
use gapless_service_kit::Shutdown;
use print::Printer;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use choice::{Beginning, parse_beginning};

/// How often a wait for events looks for Ctrl-C.
const TICK: Duration = Duration::from_millis(100);

/// Follows streams: every row once, in order, without gaps. What cannot be healed is said.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Streams (kind.source_id.symbol.interval), or beginnings of topics such as `candles.`
    #[arg(required = true, value_name = "TOPIC|PREFIX")]
    topics: Vec<String>,
    /// Where to begin: start, latest, seq:N, time:2024-01-31T12:00:00Z, or cursor (where FILE stands)
    /// [default: latest, or cursor with --into]
    #[arg(long, value_parser = parse_beginning)]
    from: Option<Beginning>,
    /// Keep the rows in this DuckDB file, with cursors and the gap ledger; it goes on where the file stands
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// How rows are printed
    #[arg(long, value_enum, default_value = "table", conflicts_with = "into")]
    format: Format,
    /// Stop when everything that is there now was received
    #[arg(long)]
    until_caught_up: bool,
    /// Stop after so many rows
    #[arg(long, value_name = "ROWS", conflicts_with = "into")]
    limit: Option<u64>,
    /// Messages that may wait at the live socket; a small number makes ZeroMQ drop, which is healed
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u32).range(1..))]
    receive_limit: Option<u32>,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON object a row.
    Json,
    /// Comma-separated, with a header line.
    Csv,
}

/// How a tail went.
#[derive(Debug, Serialize)]
struct Summary {
    rows: u64,
    streams: usize,
    gaps_found: u64,
    gaps_healed: u64,
    gaps_truncated: u64,
    rows_truncated: u64,
    duplicates_dropped: u64,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let client = match args.until_caught_up {
        true => global.client_of(&[Service::Backfill])?,
        false => global.client_to_follow()?,
    };
    let builder = describe(&client, &args)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let reports = match &args.into {
        Some(path) => into::run(global, builder, path, &shutdown)?,
        None => to_screen(global, builder, &args, &shutdown)?,
    };
    shutdown.finished();
    if reports.is_empty() {
        eprintln!("no stream begins with {}: see `gapless streams`", args.topics.join(", "));
    }
    let broken = reports.iter().any(|report| report.health == Health::Stalled) && args.until_caught_up;
    Ok(if broken { Outcome::Bad } else { Outcome::Good })
}

fn describe(client: &Client, args: &Args) -> Result<SubscriptionBuilder> {
    let keys: Vec<StreamKey> = args.topics.iter().filter_map(|topic| topic.parse().ok()).collect();
    let mut builder = match (&args.topics[..], keys.len()) {
        (topics, found) if found == topics.len() => client.subscribe().streams(keys),
        (prefixes, 0) => prefixes.iter().fold(client.subscribe(), |builder, prefix| builder.prefix(prefix)),
        (topics, _) => {
            return Err(usage(format!("follow streams or prefixes, not both: {}", topics.join(", "))));
        }
    };
    let default =
        if args.into.is_some() || args.until_caught_up { Beginning::Cursor } else { Beginning::Latest };
    builder = builder.from(args.from.unwrap_or(default).into());
    if let Some(messages) = args.receive_limit {
        builder = builder.receive_limit(messages);
    }
    if args.until_caught_up {
        builder = builder.until_caught_up(gapless::DEFAULT_PATIENCE);
    }
    Ok(builder)
}

fn to_screen(
    global: &Global,
    builder: SubscriptionBuilder,
    args: &Args,
    shutdown: &Shutdown,
) -> Result<Vec<StreamReport>> {
    let format = if global.json { Format::Json } else { args.format };
    let mut printer = Printer::new(format, args.limit.unwrap_or(u64::MAX));
    let mut subscription = builder.start()?;
    while !shutdown.is_requested() && !subscription.has_ended() && !printer.is_done() {
        if let Some(event) = subscription.next_timeout(TICK)? {
            take(&mut printer, &event)?;
        }
    }
    Ok(subscription.status())
}

fn take(printer: &mut Printer, event: &Event) -> Result<()> {
    match event {
        Event::Rows(batch) => printer.rows(batch),
        // Its status line says it all; every change of health would drown the rows.
        Event::Health { health: Health::Stalled | Health::Disconnected, .. } => printer.event(event),
        Event::Health { .. } => Ok(()),
        _ => printer.event(event),
    }
}

impl Summary {
    fn of(rows: u64, reports: &[StreamReport]) -> Summary {
        let sum = |what: fn(&StreamReport) -> u64| reports.iter().map(what).sum();
        Summary {
            rows,
            streams: reports.len(),
            gaps_found: sum(|report| report.gaps.found),
            gaps_healed: sum(|report| report.gaps.healed),
            gaps_truncated: sum(|report| report.gaps.truncated),
            rows_truncated: sum(|report| report.gaps.rows_truncated),
            duplicates_dropped: sum(|report| report.duplicates),
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows of {} streams", render::count(self.rows), self.streams)?;
        write!(f, "; gaps: {} found, {} healed", self.gaps_found, self.gaps_healed)?;
        if self.gaps_truncated > 0 {
            let rows = render::count(self.rows_truncated);
            write!(f, ", {} truncated ({rows} rows are gone)", self.gaps_truncated)?;
        }
        Ok(())
    }
}
