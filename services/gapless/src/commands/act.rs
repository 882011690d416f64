//! `gapless checkpoint` and `gapless flush`: the snapshot-writer does something now.

use crate::connect::Global;
use crate::exit::Outcome;
use crate::http::post;
use crate::render;
use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use std::net::TcpStream;

/// Where the snapshot-writer's admin endpoint is by default, and that of `gapless up`.
const PORTS: [u16; 2] = [9084, 9080];

/// Asks the snapshot-writer, and says what came of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Admin endpoint of the snapshot-writer or of `gapless up` [default: port 9084, else 9080]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
}

/// What it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Checkpoint,
    Flush,
}

pub(crate) fn run(global: &Global, what: What, args: Args) -> Result<Outcome> {
    let address = match args.admin {
        Some(address) => address.trim_start_matches("http://").trim_end_matches('/').to_owned(),
        None => find(global)?,
    };
    let action = match what {
        What::Checkpoint => "checkpoint",
        What::Flush => "flush",
    };
    let asked = post(&address, &format!("/actions/{action}"));
    let answer =
        asked.with_context(|| format!("no answer from {address} (is the snapshot-writer running there?)"))?;
    let body: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    match answer.status {
        200 if global.json => render::json(&body)?,
        200 => render::line(words(what, &body))?,
        404 => {
            return Err(anyhow!(
                "{address} has no {action}: its snapshot-writer is off, or does not do that"
            ));
        }
        _ => {
            let error = body.get("error").and_then(Value::as_str).unwrap_or(&answer.body);
            return Err(anyhow!("no {action}: {error}"));
        }
    }
    Ok(Outcome::Good)
}

/// The first of the usual places at which something listens.
fn find(global: &Global) -> Result<String> {
    let client = global.client()?;
    let live = client.endpoints().live.trim_start_matches("tcp://");
    let host = live.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
    let places = PORTS.map(|port| format!("{host}:{port}"));
    let found = places.iter().find(|place| TcpStream::connect(place.as_str()).is_ok());
    found.cloned().ok_or_else(|| {
        anyhow!(
            "no snapshot-writer at {}: start `gapless up --snapshots DIR` or `gapless-snapshot-writer`, or say --admin",
            places.join(" and ")
        )
    })
}

fn words(what: What, body: &Value) -> String {
    let number = |name: &str| body.get(name).and_then(Value::as_u64).unwrap_or_default();
    match what {
        What::Checkpoint => format!(
            "{}: the state of {} streams as of journal record {}, {} bytes",
            body.get("file").and_then(Value::as_str).unwrap_or_default(),
            render::count(number("streams")),
            render::count(number("position")),
            render::count(number("bytes")),
        ),
        What::Flush => format!(
            "{} rows written in {} parts; {} artifacts are live, {} complete",
            render::count(number("rows")),
            render::count(number("parts")),
            render::count(number("live")),
            render::count(number("complete")),
        ),
    }
}
