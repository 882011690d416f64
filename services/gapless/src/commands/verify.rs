//! `gapless verify`: the proof that every place holds the same rows.

mod application;
mod archive;
mod artifact;
mod blocks;
mod compare;
mod holder;
mod journal;
mod live;

use crate::connect::Global;
use crate::exit::{Outcome, usage};
use crate::render;
use anyhow::Result;
use application::Application;
use archive::Archive;
use clap::ValueEnum;
use compare::{Verdict, compare};
use gapless::{Client, Seq, Service, StreamKey};
use holder::Holder;
use journal::JournalRows;
use live::Live;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// Compares the rows of streams in the journal, the archive, the live engine and an application's DuckDB
/// file by their digests, and names the first rows that differ. Exit code 1 when any differ.
///
/// Every place is read whole and its digests are computed anew; the live engine states its running digest.
///
/// Given the folder of an artifact, or a folder of artifacts, instead, it checks every file that the manifest names (SHA-256, rows,
/// continuity, digests of the rows as they are read back) and compares them with the archive.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A stream, the beginning of topics, or a folder of artifacts [default: all streams]
    #[arg(default_value = "", hide_default_value = true, value_name = "TOPIC|PREFIX|FOLDER")]
    topic: String,
    /// Of an artifact, check only its files, without asking the archive
    #[arg(long)]
    offline: bool,
    /// Also compare this application's DuckDB file (which nobody may have open)
    #[arg(long, value_name = "FILE")]
    app: Option<PathBuf>,
    /// Read the journal at this address instead of the configured one
    #[arg(long, value_name = "ADDRESS")]
    journal: Option<String>,
    /// Leave a place out; may be said more than once
    #[arg(long, value_enum, value_name = "PLACE")]
    skip: Vec<Place>,
}

/// How long readers of the journal may take to be where it is now. They are behind by milliseconds; more
/// is lag, and what is behind is then left out of the comparison.
const CATCH_UP: Duration = Duration::from_secs(5);
/// How often they are asked.
const ASK: Duration = Duration::from_millis(50);

/// Where rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// The journal of ingestion.
    Journal,
    /// The archive of backfill.
    Archive,
    /// The state of live-engine.
    Live,
    /// An application's file.
    App,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Journal => "journal",
            Place::Archive => "archive",
            Place::Live => "live",
            Place::App => "app",
        }
    }
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    if let Some(folders) = artifact::folders_of(&args.topic)? {
        if !args.skip.is_empty() || args.app.is_some() || args.journal.is_some() {
            return Err(usage(
                "--skip, --app and --journal are for streams: an artifact is compared with the archive",
            ));
        }
        return artifact::run(global, &folders, args.offline);
    }
    if args.offline {
        return Err(usage("--offline is for the folder of an artifact: name one"));
    }
    let client = connect(global, &args)?;
    let mut holders: Vec<Box<dyn Holder>> = Vec::new();
    let mut live = None;
    if !args.skips(Place::Live) {
        // The live state first: what the others hold is then at least as new.
        let journal =
            if args.skips(Place::Journal) { None } else { Some(client.journal()?.status(false)?.latest) };
        live = Some(Live::read(&client, &args.topic, journal)?);
    }
    let mut lost = 0;
    if !args.skips(Place::Journal) {
        let journal = JournalRows::scan(&client, &args.topic)?;
        lost = journal.lost;
        holders.push(Box::new(journal));
    }
    if !args.skips(Place::Archive) {
        let goals = holders.first().map(|journal| ends(journal.as_ref())).unwrap_or_default();
        holders.push(Box::new(Archive::scan(&client, &args.topic, &goals)?));
    }
    if let Some(path) = &args.app {
        holders.push(Box::new(Application::scan(path, &args.topic)?));
    }
    let places = holders.len() + usize::from(live.is_some());
    if places < 2 {
        return Err(usage("there is nothing to compare with: leave fewer places out"));
    }
    let keys: BTreeSet<StreamKey> = holders.iter().flat_map(|holder| holder.keys()).collect();
    let mut verdicts = Vec::with_capacity(keys.len());
    for key in &keys {
        verdicts.push(compare(key, &mut holders, live.as_ref())?);
    }
    if lost > 0 {
        let note = format!("{lost} records of the journal cannot be read: what they had is not known");
        for verdict in &mut verdicts {
            verdict.doubt(&note);
        }
    }
    tell(global, &args, &verdicts)?;
    let bad = verdicts.iter().any(|verdict| !verdict.equal);
    Ok(if bad || verdicts.is_empty() { Outcome::Bad } else { Outcome::Good })
}

/// Up to where a place holds each stream.
fn ends(holder: &dyn Holder) -> BTreeMap<StreamKey, Seq> {
    let end =
        |key: StreamKey| holder.blocks(&key).map(|blocks| blocks.range().last()).map(|last| (key, last));
    holder.keys().into_iter().filter_map(end).collect()
}

fn connect(global: &Global, args: &Args) -> Result<Client> {
    let mut needed = Vec::new();
    for (place, service) in [
        (Place::Journal, Service::Ingestion),
        (Place::Archive, Service::Backfill),
        (Place::Live, Service::LiveEngine),
    ] {
        // A journal at another address is not where ingestion is looked for.
        let elsewhere = place == Place::Journal && args.journal.is_some();
        if !args.skips(place) && !elsewhere {
            needed.push(service);
        }
    }
    let client = global.client_of(&needed)?;
    match &args.journal {
        None => Ok(client),
        Some(address) => {
            let endpoints = gapless::Endpoints { journal: address.clone(), ..client.endpoints().clone() };
            Ok(Client::new(endpoints))
        }
    }
}

impl Args {
    fn skips(&self, place: Place) -> bool {
        self.skip.contains(&place)
    }
}

fn tell(global: &Global, args: &Args, verdicts: &[Verdict]) -> Result<()> {
    if global.json {
        return render::json(&verdicts);
    }
    if verdicts.is_empty() {
        match args.topic.as_str() {
            "" => eprintln!("there are no streams yet: nothing was compared"),
            topic => eprintln!("no stream begins with {topic:?}: nothing was compared"),
        }
        return Ok(());
    }
    let places: Vec<Place> = [Place::Journal, Place::Archive, Place::Live, Place::App]
        .into_iter()
        .filter(|place| verdicts.iter().any(|verdict| verdict.digests.contains_key(place)))
        .collect();
    let mut headings = vec!["stream", ">rows", "range"];
    headings.extend(places.iter().map(|place| place.name()));
    headings.push("verdict");
    let mut table = render::table(&headings);
    for verdict in verdicts {
        let mut row = vec![verdict.stream.clone(), render::count(verdict.rows), verdict.range.clone()];
        row.extend(places.iter().map(|place| verdict.digest(*place)));
        row.push(verdict.words());
        table.add_row(row);
    }
    render::line(table)?;
    let differing = verdicts.iter().filter(|verdict| !verdict.equal).count();
    render::line(match differing {
        0 => format!("equal: {} the same in every place that has them", render::streams_are(verdicts.len())),
        _ => format!("DIFFERENT: {differing} of {}", render::streams(verdicts.len())),
    })
}
