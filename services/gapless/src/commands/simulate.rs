//! `gapless simulate`: a simulated market for services that run elsewhere.

use crate::connect::Global;
use crate::exit::{Outcome, usage};
use crate::render;
use anyhow::{Context, Result};
use gapless::{Batch, Flags, Interval, Kind, Producer, Rows, StreamKey, UnixMillis};
use gapless_market::Market;
use gapless_service_kit::Shutdown;
use std::time::{Duration, SystemTime};

/// The longest wait for ingestion to take a batch: a restart is over by then.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The same at the end: a program that is stopped is gone within five seconds.
const LAST_WAIT: Duration = Duration::from_secs(4);
/// Candles of one batch at most, when many are due at once.
const MAX_DUE: i64 = 1000;

/// Sends a simulated market, one stream for each symbol and one candle for each interval, until it is stopped.
///
/// The rows are flagged as simulated. The same seed gives the same candle for the same symbol and time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The source in the topics
    #[arg(long, value_name = "NAME", default_value = "sim")]
    source_id: String,
    /// What is traded, separated by commas
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',', default_value = "BTC-USD,ETH-USD,SOL-USD")]
    symbols: Vec<String>,
    /// The interval of the candles
    #[arg(long, default_value = "1s")]
    interval: String,
    /// Which market
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Stop after so many candles of each symbol; 0: never
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    candles: u64,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let interval: Interval = args.interval.parse().map_err(|error| usage(format!("--interval: {error}")))?;
    let traded = args.symbols.iter().map(|symbol| {
        let key = StreamKey::new(Kind::Candles, &args.source_id, symbol, &args.interval);
        let key = key.map_err(|error| usage(error.to_string()))?;
        Ok((key, Market::new(args.seed, symbol, interval)))
    });
    let mut traded = traded.collect::<Result<Vec<(StreamKey, Market)>>>()?;
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let producer = global.client()?.producer(&format!("simulate:{}", now_ms()))?;
    let (step, mut sent) = (interval.millis(), 0);
    let mut next = now_ms().div_euclid(step) * step;
    while (args.candles == 0 || sent < args.candles) && !shutdown.wait(until(next)) {
        let due = (now_ms() - next).div_euclid(step).saturating_add(1).clamp(1, MAX_DUE);
        let left = if args.candles == 0 { u64::MAX } else { args.candles - sent };
        let due = due.unsigned_abs().min(left);
        send(&producer, &mut traded, UnixMillis(next), due)?;
        next += step * i64::try_from(due).unwrap_or(MAX_DUE);
        sent += due;
    }
    producer.close(LAST_WAIT).context("the last rows were not taken")?;
    shutdown.finished();
    if global.json {
        render::json(&serde_json::json!({ "streams": traded.len(), "candles": sent }))?;
    } else {
        render::line(format!("{} candles of {} symbols", render::count(sent), traded.len()))?;
    }
    Ok(Outcome::Good)
}

fn send(producer: &Producer, traded: &mut [(StreamKey, Market)], from: UnixMillis, count: u64) -> Result<()> {
    for (key, market) in traded {
        let rows = Rows::Candles(market.candles(from, usize::try_from(count)?));
        let batch = Batch::unsequenced(key.clone(), Flags::SIMULATED, rows);
        producer.send(batch, TIMEOUT).context("the rows were not taken")?;
    }
    Ok(())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// How long until a moment.
fn until(at_ms: i64) -> Duration {
    Duration::from_millis((at_ms - now_ms()).max(0).unsigned_abs())
}
