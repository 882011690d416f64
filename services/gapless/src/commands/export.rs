//! `gapless export`: a stream, or a part of it, as a file.

pub(crate) mod pages;

use super::tail::{Beginning, parse_beginning};
use crate::connect::Global;
use crate::exit::{Outcome, usage};
use crate::files::{FileFormat, RowFile};
use crate::{render, terminal};
use anyhow::Result;
use gapless::{BackfillRequest, Client, Kind, Rows, Seq, SeqRange, Service, StreamKey, UnixNanos};
use gapless_formats::FileForm;
use pages::Pages;
use std::path::PathBuf;

/// Writes rows of a stream to a file that appears whole or not at all. Numbers read back equal.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The stream: kind.source_id.symbol.interval
    topic: StreamKey,
    /// The file: its ending says CSV or Parquet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The form of the file [default: by its ending]
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// First row: start, seq:N (or N), or time:2024-01-31T12:00:00Z
    #[arg(long, default_value = "start", value_parser = parse_beginning)]
    from: Beginning,
    /// Last row [default: the newest one now]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    to_seq: Option<u64>,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let format = args.format.map(FileForm::from).or_else(|| FileForm::of(&args.to));
    let format = format.ok_or_else(|| usage("name a file that ends in .csv or .parquet, or say --format"))?;
    let client = global.client_of(&[Service::Backfill])?;
    let range = range(&client, &args)?;
    let bar = terminal::bar(range.len(), "rows").with_message(args.topic.topic());
    let columns = match args.topic.kind() {
        Kind::Metrics => columns(&client, &args.topic, range)?,
        Kind::Candles | Kind::Warnings => Vec::new(),
    };
    let mut file = RowFile::create(&args.to, format, args.topic.kind(), &columns)?;
    for batch in Pages::new(&client, &args.topic, range)? {
        let batch = batch?;
        file.write(&batch)?;
        bar.inc(batch.rows.len() as u64);
    }
    file.finish()?;
    bar.finish_and_clear();
    tell(global, &args, range)?;
    Ok(Outcome::Good)
}

/// The rows that are there now and were asked for.
fn range(client: &Client, args: &Args) -> Result<SeqRange> {
    let unknown = || anyhow::anyhow!("there is no stream {}: see `gapless streams`", args.topic);
    let status = client.stream(&args.topic)?.ok_or_else(unknown)?;
    let first = status.watermark.earliest.max(Seq::FIRST);
    let from = match args.from {
        Beginning::Start => first,
        Beginning::Sequence(seq) if seq < first => {
            return Err(anyhow::anyhow!("rows before {first} are gone: use --from start"));
        }
        Beginning::Sequence(seq) => seq,
        Beginning::Time(ts) => since(client, &args.topic, ts)?,
        Beginning::Latest | Beginning::Cursor => {
            return Err(usage("--from for an export is start, seq:N or time:..."));
        }
    };
    let last = args.to_seq.map_or(status.watermark.latest, |last| Seq(last).min(status.watermark.latest));
    Ok(SeqRange::new(from, last.next()))
}

/// The first row that is not older than `ts`.
fn since(client: &Client, key: &StreamKey, ts: UnixNanos) -> Result<Seq> {
    let request = BackfillRequest {
        start_ts: Some(ts),
        limit: 1,
        ..BackfillRequest::rows(key.clone(), SeqRange::new(Seq::FIRST, Seq::FIRST))
    };
    Ok(client.read(BackfillRequest { to: Seq::NONE, ..request })?.range.start())
}

/// Every column that occurs, in the order of first appearance: a file has one set of columns, a stream
/// may change its own.
fn columns(client: &Client, key: &StreamKey, range: SeqRange) -> Result<Vec<String>> {
    let mut columns: Vec<String> = Vec::new();
    for batch in Pages::new(client, key, range)? {
        if let Rows::Metrics(rows) = &batch?.rows {
            let new: Vec<String> =
                rows.columns.iter().filter(|name| !columns.contains(name)).cloned().collect();
            columns.extend(new);
        }
    }
    Ok(columns)
}

fn tell(global: &Global, args: &Args, range: SeqRange) -> Result<()> {
    let file = args.to.display().to_string();
    if global.json {
        return render::json(&serde_json::json!({
            "stream": args.topic.topic(), "file": file, "rows": range.len(),
            "from": range.start().0, "to": range.last().0,
        }));
    }
    render::line(format!("{file}: {} rows of {} ({range})", render::count(range.len()), args.topic))
}
