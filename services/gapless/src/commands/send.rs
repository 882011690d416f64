//! `gapless send`: rows from a file or a pipe into a stream.

mod feed;

use crate::connect::Global;
use crate::exit::{Outcome, usage};
use crate::render;
use anyhow::{Context, Result};
use clap::ValueEnum;
use feed::{Feed, Piece};
use gapless::{Batch, Flags, Producer, Service, StreamKey};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Sends rows to a stream and waits until every one is in the journal.
///
/// Candles have ts, open, high, low, close and volume; metrics a ts and any numbers; warnings ts,
/// severity, code, subject and message.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The stream: kind.source_id.symbol.interval, such as metrics.lab.oven-1.1s
    topic: StreamKey,
    /// Where the rows are; `-` is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
    /// How they are written [default: by the file's ending, else ndjson]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Who sends [default: a new name each time]; what is sent again is taken again, whatever the name
    #[arg(long, value_name = "ID")]
    producer_id: Option<String>,
    /// Rows of one batch at most; a pipe that pauses sends what is there
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
    /// Mark the rows as generated rather than measured
    #[arg(long)]
    simulated: bool,
    /// Say with the last rows that the stream is over: its artifact is completed
    #[arg(long)]
    end: bool,
    /// Stop at the first row that cannot be taken instead of skipping it
    #[arg(long)]
    strict: bool,
    /// Longest wait for ingestion to take what was sent
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    timeout: gapless_service_kit::HumanDuration,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line.
    Ndjson,
    /// One JSON array of objects.
    Json,
    /// A header and a line a row.
    Csv,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let format = args.format.unwrap_or_else(|| format_of(&args.file));
    let feed = Feed::start(open(&args.file)?, args.topic.kind(), format, args.batch as usize);
    let client = global.client_of(&[Service::Ingestion])?;
    let id = args.producer_id.clone().unwrap_or_else(|| format!("send:{:016x}", random_id()));
    let producer = client.producer(&id)?;
    let (mut sent, mut bad) = (0u64, 0u64);
    let flags = if args.simulated { Flags::SIMULATED } else { Flags::NONE };
    let send =
        |rows, flags| send(&producer, Batch::unsequenced(args.topic.clone(), flags, rows), args.timeout.0);
    // With --end, the rows that may be the last ones.
    let mut held = None;
    for piece in feed.pieces() {
        match piece {
            Piece::Rows(rows) => {
                sent += rows.len() as u64;
                let ready = if args.end { held.replace(rows) } else { Some(rows) };
                if let Some(rows) = ready {
                    send(rows, flags)?;
                }
            }
            Piece::Bad { line, reason } => {
                let complaint = format!("{}:{line}: {reason}", args.file.display());
                if args.strict {
                    if let Some(rows) = held {
                        send(rows, flags)?;
                    }
                    producer.flush(args.timeout.0)?;
                    return Err(anyhow::anyhow!("{complaint} (rows before it were sent)"));
                }
                eprintln!("{complaint}");
                bad += 1;
            }
            Piece::Broken(reason) => return Err(anyhow::anyhow!("{}: {reason}", args.file.display())),
        }
    }
    let ends = held.is_some();
    if let Some(rows) = held {
        send(rows, flags.union(Flags::END_OF_STREAM))?;
    }
    producer.flush(args.timeout.0)?;
    if args.end && !ends {
        return Err(anyhow::anyhow!(
            "{} was not ended: the end travels with a row, and there was none; send the last row again with --end",
            args.topic
        ));
    }
    summary(global, &args.topic, sent, bad)?;
    Ok(if sent == 0 && bad > 0 { Outcome::Bad } else { Outcome::Good })
}

fn send(producer: &Producer, batch: Batch, timeout: Duration) -> Result<()> {
    producer.send(batch, timeout).context("the rows were not taken")?;
    Ok(())
}

fn summary(global: &Global, topic: &StreamKey, sent: u64, bad: u64) -> Result<()> {
    if global.json {
        return render::json(&serde_json::json!({ "stream": topic.topic(), "sent": sent, "skipped": bad }));
    }
    let skipped = if bad > 0 { format!(", {} skipped", render::count(bad)) } else { String::new() };
    render::line(format!("{} in the journal of {topic}{skipped}", render::rows_are(sent)))
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = File::open(path).map_err(|error| usage(format!("{}: {error}", path.display())))?;
    Ok(Box::new(BufReader::new(file)))
}

fn format_of(path: &Path) -> Format {
    match path.extension().and_then(|e| e.to_str()) {
        Some("csv" | "tsv") => Format::Csv,
        Some("json") => Format::Json,
        _ => Format::Ndjson,
    }
}

/// A producer that nobody names is a new one each time.
fn random_id() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
