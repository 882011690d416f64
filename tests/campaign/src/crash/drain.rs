//! After the storm: everything comes to rest, ends, and is compared.

use super::cast::Player;
use super::check::{Traced, same, same_seen, shortened};
use super::held::{self, Place};
use super::report::{FaultLine, Report, RowCounts};
use super::schedule::Target;
use super::world::{TICK, World, goals};
use crate::client::Choice;
use crate::command::command;
use crate::control::Mode;
use crate::load::{closed_bars, derived_topic};
use anyhow::Result;
use gapless::{Kind, StreamKey};
use gapless_service_kit::Shutdown;
use gapless_tests::Stack;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// From the end of the faults to the moment when everybody has everything. Far more than healing takes; a
/// campaign that needs it has found something.
const REST_WITHIN: Duration = Duration::from_secs(60);
/// How often services are asked how far they are.
const ASK: Duration = Duration::from_millis(100);

impl World {
    /// Lets the producers finish and waits until everybody is at the end.
    pub(super) fn drain(&mut self, shutdown: &Shutdown) -> Result<()> {
        let deadline = Instant::now() + REST_WITHIN;
        self.producers.iter().for_each(|producer| producer.player.control.set(Mode::End));
        let mut asked = Instant::now();
        let mut left = String::new();
        while Instant::now() < deadline && !shutdown.is_requested() {
            self.tend();
            if asked.elapsed() >= ASK {
                asked = Instant::now();
                left = self.unrest();
                if left.is_empty() {
                    return Ok(());
                }
            }
            std::thread::park_timeout(TICK);
        }
        self.problems.push(match shutdown.is_requested() {
            true => "interrupted".to_owned(),
            false => format!("not at rest {REST_WITHIN:?} after the last fault: {left}"),
        });
        Ok(())
    }

    /// What is not finished yet; empty when everything is at rest.
    fn unrest(&self) -> String {
        let sending = self.producers.iter().find(|p| !p.player.has_ended());
        if let Some(producer) = sending {
            return format!("{} has unacknowledged batches", producer.player.name);
        }
        let due = self.due();
        let archived = match self.stack.client().with_patience(ASK * 5).streams("") {
            Ok(streams) => streams.into_iter().map(|s| (s.key, s.watermark.latest.0)).collect(),
            Err(error) => return format!("{error}"),
        };
        if let Some(what) = behind("the archive", &due, &archived) {
            return what;
        }
        let written = match held::artifacts(&self.stack.artifact_folder()) {
            Ok(place) => place.streams.into_iter().map(|(key, held)| (key, held.rows)).collect(),
            Err(error) => return format!("{error:#}"),
        };
        if let Some(what) = behind("the snapshot-writer", &due, &written) {
            return what;
        }
        for (observed, recoveries) in self.observed.values() {
            let wanted = goals(&due, &observed.choice);
            let seen = observed.watch.lock();
            let has = seen.streams.iter().map(|(key, stream)| (key.clone(), stream.applied)).collect();
            if let Some(what) = behind(observed.name, &wanted, &has) {
                return what;
            }
            if recoveries.left() > 0 {
                return format!("{} is not gapless again", observed.name);
            }
        }
        String::new()
    }

    /// Rows that every stream must have in the end, bars included.
    fn due(&self) -> BTreeMap<StreamKey, u64> {
        let mut due = self.book.watermarks();
        let candles = due.iter().filter(|(key, _)| key.kind() == Kind::Candles);
        let bars: Vec<(StreamKey, u64)> = candles
            .filter_map(|(key, rows)| Some((derived_topic(key)?.parse().ok()?, closed_bars(*rows))))
            .filter(|(_, bars)| *bars > 0)
            .collect();
        due.extend(bars);
        due
    }

    /// From the topic of each stream of bars to the lane that it comes from.
    fn derived(&self) -> BTreeMap<String, u32> {
        let lanes = self.producers.iter().flat_map(|producer| &producer.lanes);
        let candles = lanes.filter(|lane| lane.key.kind() == Kind::Candles);
        candles.filter_map(|lane| Some((derived_topic(&lane.key)?, lane.number))).collect()
    }
}

fn behind(who: &str, due: &BTreeMap<StreamKey, u64>, has: &BTreeMap<StreamKey, u64>) -> Option<String> {
    let found = due.iter().find(|(key, rows)| has.get(key).copied().unwrap_or(0) < **rows)?;
    let (key, rows) = found;
    Some(format!("{who} has {} of {rows} rows of {key}", has.get(key).copied().unwrap_or(0)))
}

impl Player {
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(|thread| thread.is_finished())
    }

    /// Ends it and tells how it went. Only for those that can end: everything is acknowledged.
    fn end(&mut self) -> Option<String> {
        self.control.set(Mode::End);
        match self.thread.take()?.join() {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{} ended: {error:#}", self.name)),
            Err(_) => Some(format!("{} panicked", self.name)),
        }
    }
}

/// Ends the clients, compares every place, ends the services, and sums it all up.
pub(super) fn finish(mut world: World, faults: Vec<FaultLine>, shutdown: &Shutdown) -> Result<Report> {
    let mut problems = std::mem::take(&mut world.problems);
    problems.extend(world.players.values_mut().filter_map(Player::end));
    let sending = world.producers.iter_mut().filter(|p| p.player.has_ended() || shutdown.is_requested());
    for producer in sending {
        // One that waits for a service that is gone is left to the end of this process.
        if producer.player.has_ended() {
            problems.extend(producer.player.end());
        }
    }
    for client in world.files.values_mut() {
        client.slot.end();
    }
    world.observe();
    let mut rows = RowCounts::default();
    if !shutdown.is_requested() {
        match compare(&world, &mut rows) {
            Ok(found) => problems.extend(found),
            Err(error) => problems.push(format!("the places cannot be compared: {error:#}")),
        }
    }
    for slot in world.services.values_mut() {
        slot.end();
    }
    Ok(Report::new(&world, problems, rows, faults))
}

fn compare(world: &World, rows: &mut RowCounts) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let stack = &world.stack;
    let client = stack.client();
    let (derived, mut traced) = (world.derived(), Traced::default());
    let status = client.journal()?.status(true)?;
    rows.epochs = status.epochs.len() as u64;
    if status.epochs.len() > 1 {
        problems.push(format!("the epoch changed: {:?}", status.epochs));
    }
    let journal = held::journal(&client, |batch| traced.take(batch, &derived))?;
    rows.published = world.book.watermarks().values().sum();
    rows.journaled = journal.streams.values().map(|held| held.rows).sum();
    rows.streams = journal.streams.len() as u64;
    rows.derived = derived.keys().filter_map(|topic| journal.rows_of(topic)).sum();
    rows.repeated = traced.repeated;
    let (found, lost) = traced.against(&world.book);
    rows.lost = lost;
    problems.extend(shortened(found));
    problems.extend(shortened(journal.problems.clone()));

    let every = Choice::Prefix(String::new());
    let archive = held::archive(&client)?;
    problems.extend(shortened(archive.problems.clone()));
    problems.extend(shortened(same(&journal, &archive, "archive", &every)));
    let artifacts = held::artifacts(&stack.artifact_folder())?;
    problems.extend(shortened(artifacts.problems.clone()));
    problems.extend(shortened(same(&journal, &artifacts, "artifacts", &every)));
    for folder in held::artifact_folders(&stack.artifact_folder())? {
        problems.extend(command(stack, &["verify", &folder.display().to_string()]));
    }
    for (target, (observed, _)) in &world.observed {
        let seen = observed.watch.lock();
        problems.extend(shortened(seen.problems.iter().map(|p| format!("{}: {p}", observed.name)).collect()));
        if *target != Target::DuckClient {
            problems.extend(shortened(same_seen(&journal, &seen, observed.name, &observed.choice)));
        }
        if seen.epochs.len() > 1 {
            problems.push(format!("{} saw the epochs {:?}", observed.name, seen.epochs));
        }
    }
    for client in world.files.values() {
        let (name, path) = (client.slot.name.as_str(), client.file.as_path());
        // The command line tells nobody how far it is while it follows.
        problems.extend(catch_up(stack, client.prefix, path));
        let place = held::file(path, name)?;
        problems.extend(shortened(place.problems.clone()));
        problems.extend(shortened(same(&journal, &place, name, &Choice::Prefix(client.prefix.into()))));
        problems.extend(verify(stack, client.prefix, path));
    }
    Ok(problems)
}

fn catch_up(stack: &Stack, prefix: &str, file: &Path) -> Option<String> {
    let file = file.display().to_string();
    let arguments = ["tail", prefix, "--from", "start", "--until-caught-up", "--into", &file];
    command(stack, &arguments)
}

fn verify(stack: &Stack, prefix: &str, file: &Path) -> Option<String> {
    let file = file.display().to_string();
    command(stack, &["verify", prefix, "--app", &file])
}

impl Place {
    fn rows_of(&self, topic: &str) -> Option<u64> {
        self.streams.iter().find(|(key, _)| key.topic() == topic).map(|(_, held)| held.rows)
    }
}
