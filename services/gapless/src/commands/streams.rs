//! `gapless streams`: the directory.

use crate::connect::Global;
use crate::exit::Outcome;
use crate::render;
use anyhow::Result;
use gapless::{Seq, Service, StreamStatus};
use gapless_formats::rows;
use serde::Serialize;

/// Lists the streams that backfill knows, with how far each is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Beginning of the topics wanted, such as `candles.` [default: all]
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
}

#[derive(Serialize)]
struct Line {
    stream: String,
    epoch: u64,
    earliest: u64,
    latest: u64,
    latest_ts: Option<String>,
    digest: String,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let client = global.client_of(&[Service::Backfill])?;
    let streams = client.streams(&args.prefix)?;
    if global.json {
        render::json(&streams.iter().map(Line::of).collect::<Vec<_>>())?;
        return Ok(Outcome::Good);
    }
    if streams.is_empty() {
        eprintln!(
            "no stream{}: send rows with `gapless send` or `gapless replay`",
            beginning_with(&args.prefix)
        );
        return Ok(Outcome::Good);
    }
    let mut table = render::table(&["stream", ">rows", ">earliest", ">latest", "newest row", ">epoch"]);
    for line in streams.iter().map(Line::of) {
        let rows = (line.latest + 1).saturating_sub(line.earliest.max(1));
        table.add_row([
            line.stream,
            render::count(rows),
            line.earliest.to_string(),
            line.latest.to_string(),
            line.latest_ts.unwrap_or_else(|| "-".into()),
            line.epoch.to_string(),
        ]);
    }
    render::line(table)?;
    Ok(Outcome::Good)
}

impl Line {
    fn of(status: &StreamStatus) -> Line {
        let mark = &status.watermark;
        Line {
            stream: status.key.topic(),
            epoch: mark.epoch.0,
            earliest: mark.earliest.0,
            latest: mark.latest.0,
            latest_ts: (mark.latest != Seq::NONE).then(|| rows::time(mark.latest_ts)),
            digest: mark.digest.to_string(),
        }
    }
}

fn beginning_with(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!(" begins with {prefix:?}") }
}
