//! `gapless replay`: candle and tick files into streams, each row once however often it is started.

mod pace;
mod plan;

use crate::connect::Global;
use crate::exit::{Outcome, usage};
use crate::{render, terminal};
use anyhow::{Context, Result};
use gapless::{Batch, Client, Flags, Interval, Numbering, Producer, Rows, Service};
use gapless_formats::{CandleFile, Price};
use gapless_service_kit::{HumanDuration, Shutdown};
use indicatif::ProgressBar;
pub(crate) use pace::Pace;
use pace::Pacer;
use plan::Plan;
use serde::Serialize;
use std::path::PathBuf;

/// Sends the rows of files. Started again, it goes on after the last row that is in the journal.
///
/// Columns and times are detected. The stream is candles.SOURCE.SYMBOL.INTERVAL; symbol and interval come
/// from the file's name (btc-perp-1m.csv) unless they are given. Bid and ask ticks are folded into candles.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// CSV or Parquet files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Source name in the topic
    #[arg(long, default_value = "replay")]
    source: String,
    /// Symbol in the topic; for a single file [default: from the file's name]
    #[arg(long)]
    symbol: Option<String>,
    /// Interval of the candles [default: from the file's name or the spacing of its rows]
    #[arg(long)]
    interval: Option<Interval>,
    /// Which price of a quote to use: mid, bid or ask
    #[arg(long, default_value = "mid", value_parser = parse_price)]
    price: Price,
    /// How fast: full, realtime, a factor of the data's own pace such as 60x, or 1000/s
    #[arg(long, default_value = "full", conflicts_with = "rate")]
    pace: Pace,
    /// Rows a second
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Rows of one batch
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
    /// Stop at the first row that cannot be taken instead of skipping it
    #[arg(long)]
    strict: bool,
    /// Mark the rows as generated rather than measured
    #[arg(long)]
    simulated: bool,
    /// Who sends [default: from the file's name and first rows]; another name sends a file again
    #[arg(long, value_name = "ID")]
    producer_id: Option<String>,
    /// Longest wait for ingestion to take what was sent
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    timeout: HumanDuration,
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Done {
    file: String,
    stream: String,
    rows: u64,
    sent: u64,
    already_there: u64,
    skipped: u64,
    /// Whether the file's end was reached, rather than a Ctrl-C.
    complete: bool,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    if args.symbol.is_some() && args.files.len() > 1 {
        return Err(usage("--symbol names one stream: replay one file at a time with it"));
    }
    let plans: Result<Vec<Plan>> = args.files.iter().map(|file| Plan::of(file, &args)).collect();
    let plans = plans?;
    let client = global.client_of(&[Service::Ingestion])?;
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let mut done: Vec<Done> = Vec::new();
    for plan in plans {
        if shutdown.is_requested() {
            break;
        }
        let bar = terminal::bar(0, "rows").with_message(plan.key.topic());
        let result = replay(&client, plan, &args, &bar, &shutdown);
        bar.finish_and_clear();
        done.push(result?);
        if let (Some(last), false) = (done.last(), global.json) {
            render::line(last)?;
        }
    }
    if global.json {
        render::json(&done)?;
    }
    let stopped =
        shutdown.is_requested() && (done.len() < args.files.len() || done.iter().any(|d| !d.complete));
    shutdown.finished();
    Ok(if stopped { Outcome::Bad } else { Outcome::Good })
}

fn replay(client: &Client, plan: Plan, args: &Args, bar: &ProgressBar, shutdown: &Shutdown) -> Result<Done> {
    let producer = client.producer(&plan.producer_id)?;
    let status = producer.status(&plan.key, args.timeout.0)?;
    let mut file = CandleFile::open(&plan.path, &plan.options)?;
    let already_there = file.skip_rows(status.last_producer_sequence)?;
    let pace = args.rate.map_or(args.pace, |rate| Pace::Rate(rate.into()));
    let mut pacer = Pacer::new(pace);
    bar.inc(already_there);
    let (mut taken, mut complete) = (already_there, true);
    while let Some(batch) = file.next_batch()? {
        for bad in &batch.bad {
            bar.suspend(|| eprintln!("{bad}"));
        }
        if batch.candles.is_empty() {
            continue;
        }
        if let Some(first) = batch.candles.first()
            && shutdown.wait(pacer.wait(first.ts, batch.candles.len() as u64))
        {
            complete = false;
            break;
        }
        taken += batch.candles.len() as u64;
        bar.inc(batch.candles.len() as u64);
        let number = Numbering::Explicit(batch.last_row());
        send(&producer, &plan, number, batch.candles, args)?;
    }
    producer.flush(args.timeout.0).with_context(|| format!("{}", plan.path.display()))?;
    Ok(Done {
        file: plan.path.display().to_string(),
        stream: plan.key.topic(),
        rows: taken,
        sent: taken - already_there,
        already_there,
        skipped: file.bad_rows(),
        complete,
    })
}

fn send(
    producer: &Producer,
    plan: &Plan,
    number: Numbering,
    candles: Vec<gapless::Candle>,
    args: &Args,
) -> Result<()> {
    let flags = if args.simulated { Flags::SIMULATED } else { Flags::NONE };
    let batch = Batch::unsequenced(plan.key.clone(), flags, Rows::Candles(candles));
    // Nobody waits for the ticket; refusals come out at the flush.
    producer.send_as(number, batch, args.timeout.0).with_context(|| format!("{}", plan.path.display()))?;
    Ok(())
}

fn parse_price(text: &str) -> Result<Price, String> {
    Price::ALL.into_iter().find(|price| price.name() == text).ok_or_else(|| "use mid, bid or ask".into())
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = render::count;
        write!(f, "{}: {} in {}", self.file, render::rows_are(self.rows), self.stream)?;
        if self.already_there > 0 {
            write!(f, ", {} of them from an earlier run", count(self.already_there))?;
        }
        if self.complete && self.sent == 0 && self.already_there > 0 {
            write!(f, " (--producer-id with another name sends the file again)")?;
        }
        if !self.complete {
            write!(f, "; stopped before the file's end, the same command goes on from here")?;
        }
        if self.skipped > 0 {
            write!(f, ", {} skipped", count(self.skipped))?;
        }
        Ok(())
    }
}
