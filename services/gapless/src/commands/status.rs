//! `gapless status`: what runs, and how far each service is.

use crate::connect::{Global, addresses, listens};
use crate::exit::{Outcome, how_to_start};
use crate::render;
use anyhow::Result;
use gapless::{Client, Service, StreamKey};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one service may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shows which services answer, and for every stream how far each is behind the journal. Exit code 1
/// when a service is missing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Beginning of the topics wanted [default: all]
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
}

#[derive(Serialize)]
struct Report {
    services: Vec<ServiceLine>,
    journal: Option<JournalLine>,
    streams: Vec<StreamLine>,
}

#[derive(Serialize)]
struct ServiceLine {
    service: String,
    addresses: Vec<String>,
    ok: bool,
    says: String,
}

#[derive(Serialize)]
struct JournalLine {
    epoch: u64,
    earliest: u64,
    latest: u64,
}

/// The newest row of a stream as each service knows it; `None`: it does not know the stream.
#[derive(Serialize, Default)]
struct StreamLine {
    stream: String,
    ingestion: Option<u64>,
    live_engine: Option<u64>,
    backfill: Option<u64>,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let client = global.client()?.with_patience(PATIENCE);
    let report = gather(&client, &args.prefix);
    let missing = report.services.iter().any(|line| !line.ok);
    if global.json {
        render::json(&report)?
    } else {
        print(&report)?
    }
    Ok(if missing { Outcome::Bad } else { Outcome::Good })
}

fn gather(client: &Client, prefix: &str) -> Report {
    let mut streams: BTreeMap<StreamKey, StreamLine> = BTreeMap::new();
    let mut journal = None;
    let mut services = Vec::new();
    services.push(line(client, Service::Ingestion, || {
        let status = client.journal()?.status(true)?;
        journal =
            Some(JournalLine { epoch: status.epoch.0, earliest: status.earliest.0, latest: status.latest.0 });
        for stream in status.streams {
            note(&mut streams, stream.key).ingestion = Some(stream.watermark.latest.0);
        }
        Ok(format!("journal at record {}, epoch {}", status.latest, status.epoch))
    }));
    services.push(line(client, Service::LiveEngine, || {
        let states = client.state(prefix)?;
        let count = states.len();
        for state in states {
            note(&mut streams, state.key).live_engine = Some(state.watermark.latest.0);
        }
        Ok(format!("{count} streams"))
    }));
    services.push(line(client, Service::Backfill, || {
        let found = client.streams(prefix)?;
        let count = found.len();
        for status in found {
            note(&mut streams, status.key).backfill = Some(status.watermark.latest.0);
        }
        Ok(format!("{count} streams"))
    }));
    streams.retain(|key, _| key.topic().starts_with(prefix));
    let streams = streams.into_iter().map(|(key, line)| StreamLine { stream: key.topic(), ..line }).collect();
    Report { services, journal, streams }
}

fn note(streams: &mut BTreeMap<StreamKey, StreamLine>, key: StreamKey) -> &mut StreamLine {
    streams.entry(key).or_default()
}

fn line(
    client: &Client,
    service: Service,
    ask: impl FnOnce() -> Result<String, gapless::Error>,
) -> ServiceLine {
    let addresses: Vec<&str> = addresses(client.endpoints(), service).into_iter().map(|(_, a)| a).collect();
    let silent: Vec<&str> = addresses.iter().copied().filter(|address| !listens(address)).collect();
    let answer = if silent.is_empty() {
        ask().map_err(|error| error.to_string())
    } else {
        Err(format!("nothing listens at {}", silent.join(", ")))
    };
    ServiceLine {
        service: service.to_string(),
        addresses: addresses.into_iter().map(str::to_owned).collect(),
        ok: answer.is_ok(),
        says: answer.unwrap_or_else(|error| error),
    }
}

fn print(report: &Report) -> Result<()> {
    let mut services = render::table(&["service", "", "addresses", "says"]);
    for line in &report.services {
        let mark = if line.ok { "ok" } else { "missing" };
        services.add_row([&line.service, mark, &line.addresses.join(" "), &line.says]);
    }
    render::line(services)?;
    let lacks = |service: &Service| {
        report.services.iter().any(|line| !line.ok && line.service == service.to_string())
    };
    let missing = [Service::Ingestion, Service::LiveEngine, Service::Backfill].into_iter().filter(lacks);
    let missing: Vec<Service> = missing.collect();
    if !missing.is_empty() {
        eprintln!("{}", how_to_start(&missing));
    }
    if report.streams.is_empty() {
        return Ok(());
    }
    let mut streams = render::table(&["stream", ">journal", ">live-engine", ">backfill", ">behind"]);
    let text = |latest: Option<u64>| latest.map_or_else(|| "-".to_owned(), render::count);
    for line in &report.streams {
        let behind = line.behind().map_or_else(|| "-".to_owned(), render::count);
        streams.add_row([
            line.stream.clone(),
            text(line.ingestion),
            text(line.live_engine),
            text(line.backfill),
            behind,
        ]);
    }
    render::line(streams)
}

impl StreamLine {
    /// How far the slowest is behind the journal.
    fn behind(&self) -> Option<u64> {
        let newest = self.ingestion?;
        let slowest = self.live_engine.unwrap_or(0).min(self.backfill.unwrap_or(0));
        Some(newest.saturating_sub(slowest))
    }
}
