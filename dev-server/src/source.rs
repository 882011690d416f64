//! Where rows come from: a simulated market, made-up metrics, or a recording.

use crate::error::Error;
use gapless_formats::{CandleFile, FileName, ReadOptions, topic_part};
use gapless_market::Market;
use gapless_model::{Candle, Flags, Interval, Kind, MetricRows, Rows, StreamKey, UnixMillis};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Columns of made-up metrics: as many as a small dashboard has.
const COLUMNS: [&str; 3] = ["load", "queue", "errors"];

/// Rows that were recorded, and the marks that they have.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The rows, in the order of time.
    pub candles: Arc<[Candle]>,
    /// Their marks.
    pub flags: Flags,
}

impl Recording {
    fn new(candles: Vec<Candle>, simulated: bool) -> Recording {
        let flags = if simulated { Flags::SIMULATED } else { Flags::NONE };
        Recording { candles: candles.into(), flags }
    }
}

/// An endless or a recorded supply of rows for one stream.
#[derive(Debug)]
pub(crate) enum Source {
    /// Candles of a simulated market.
    Market { market: Box<Market>, next: UnixMillis },
    /// Made-up values of a few columns.
    Metrics { dice: fastrand::Rng, columns: Arc<[String]>, last: Vec<f64>, next: UnixMillis, step_ms: i64 },
    /// Candles of a file or a table; it ends with them.
    Recording { recording: Recording, next: usize },
}

impl Source {
    /// Made-up rows for `key`, the first of them at `start`.
    pub(crate) fn generated(key: &StreamKey, seed: u64, start: UnixMillis) -> Source {
        // A key's interval was checked when it was made; one second stands for none.
        let step_ms = key.interval().parse::<Interval>().map_or(1000, Interval::millis);
        let start = UnixMillis(start.0.div_euclid(step_ms) * step_ms);
        match (key.kind(), key.interval().parse()) {
            (Kind::Candles, Ok(interval)) => {
                Source::Market { market: Box::new(Market::new(seed, key.symbol(), interval)), next: start }
            }
            _ => Source::Metrics {
                dice: fastrand::Rng::with_seed(seed ^ xxhash_rust::xxh3::xxh3_64(key.topic().as_bytes())),
                columns: COLUMNS.map(String::from).into(),
                last: vec![0.0; COLUMNS.len()],
                next: start,
                step_ms,
            },
        }
    }

    /// Rows of a recording.
    pub(crate) fn recorded(recording: Recording) -> Source {
        Source::Recording { recording, next: 0 }
    }

    /// Marks of its rows.
    pub(crate) fn flags(&self) -> Flags {
        match self {
            Source::Market { .. } | Source::Metrics { .. } => Flags::SIMULATED,
            Source::Recording { recording, .. } => recording.flags,
        }
    }

    /// The next `count` rows; fewer, at last none, at the end of a recording.
    pub(crate) fn take(&mut self, count: usize) -> Rows {
        match self {
            Source::Market { market, next } => {
                let candles = market.candles(*next, count);
                next.0 += count as i64 * market.interval().millis();
                Rows::Candles(candles)
            }
            Source::Metrics { dice, columns, last, next, step_ms } => {
                let mut rows = MetricRows { columns: columns.clone(), ts: Vec::new(), values: Vec::new() };
                for _ in 0..count {
                    last.iter_mut()
                        .for_each(|value| *value = (*value + dice.f64() - 0.5).clamp(-100.0, 100.0));
                    rows.ts.push(next.to_nanos());
                    rows.values.extend_from_slice(last);
                    next.0 += *step_ms;
                }
                Rows::Metrics(rows)
            }
            Source::Recording { recording: Recording { candles, .. }, next } => {
                let end = next.saturating_add(count).min(candles.len());
                let rows = candles.get(*next..end).unwrap_or_default().to_vec();
                *next = end;
                Rows::Candles(rows)
            }
        }
    }
}

/// The most rows of one recording: half a gigabyte of candles.
const MAX_RECORDED_ROWS: usize = 10_000_000;
/// The source in the topics of recorded streams.
const RECORDED: &str = "dev";

/// The streams of a CSV, Parquet or DuckDB file; names and intervals are told from it. `simulated`: rows of which the file
/// does not say so were generated too.
///
/// # Errors
/// [`Error`] names the file and what is wrong in it.
pub(crate) fn recordings(
    path: &Path,
    table: &str,
    simulated: bool,
) -> Result<BTreeMap<StreamKey, Recording>, Error> {
    let wrong = |key, reason: &str| Error::Setting { key, reason: format!("{}: {reason}", path.display()) };
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_database = ["duckdb", "db", "ddb"].contains(&extension.as_str());
    if table.is_empty() {
        if is_database {
            return Err(wrong("source.table", "say which table of the DuckDB file holds the candles"));
        }
        let (key, candles) = file(path)?;
        return Ok(BTreeMap::from([(key, Recording::new(candles, simulated))]));
    }
    if !is_database && ["csv", "parquet", "gz", "zst"].contains(&extension.as_str()) {
        return Err(wrong("source.table", "only a DuckDB file has tables: leave it out"));
    }
    let candles = gapless_store::ForeignFile::open(path)?.candles(table, MAX_RECORDED_ROWS)?;
    if candles.is_empty() {
        return Err(wrong("source.table", &format!("the table {table} has no rows")));
    }
    let name = FileName::of(path).symbol;
    candles
        .into_iter()
        .map(|(symbol, candles)| {
            let symbol = topic_part(symbol.as_deref().unwrap_or(&name));
            let key = key(&symbol, spacing(&candles.rows)?)?;
            Ok((key, Recording::new(candles.rows, simulated || candles.simulated)))
        })
        .collect()
}

fn file(path: &Path) -> Result<(StreamKey, Vec<Candle>), Error> {
    let mut file = CandleFile::open(path, &ReadOptions { batch_rows: 10_000, ..ReadOptions::default() })?;
    let mut candles = Vec::new();
    while let Some(batch) = file.next_batch()? {
        for bad in &batch.bad {
            tracing::warn!(file = %path.display(), %bad, "a row is no candle: it is left out");
        }
        candles.extend(batch.candles);
        if candles.len() > MAX_RECORDED_ROWS {
            let reason = format!("{} has more than {MAX_RECORDED_ROWS} rows: cut it", path.display());
            return Err(Error::Setting { key: "source.path", reason });
        }
    }
    Ok((key(&FileName::of(path).symbol, file.interval())?, candles))
}

fn key(symbol: &str, interval: Interval) -> Result<StreamKey, Error> {
    StreamKey::new(Kind::Candles, RECORDED, symbol, &interval.to_string())
        .map_err(|error| Error::Setting { key: "source.path", reason: error.to_string() })
}

/// The shortest time between two rows; a minute when there are not two.
fn spacing(candles: &[Candle]) -> Result<Interval, Error> {
    let times = candles.iter().zip(candles.iter().skip(1)).map(|(a, b)| b.ts.0 - a.ts.0);
    let seconds = times.filter(|ms| *ms >= 1000).min().unwrap_or(60_000) / 1000;
    Interval::from_seconds(u32::try_from(seconds).unwrap_or(u32::MAX))
        .map_err(|error| Error::Setting { key: "source.path", reason: error.to_string() })
}
