//! Everything that takes part, and the loop that lets faults hit it.

use super::cast::{self, FileClient, Observed, Player, Producer};
use super::recovery::{Recoveries, concerns};
use super::report::{FaultLine, Report};
use super::schedule::{Deed, Fault, Schedule, Target};
use super::{Plan, drain, stage};
use crate::book::Book;
use crate::client::{Choice, Watch, follow};
use crate::control::Mode;
use crate::folder::report_folder;
use crate::load::Lane;
use crate::slot::Slot;
use crate::small_disk::SmallDisk;
use anyhow::{Context, Result, bail};
use gapless::StreamKey;
use gapless_service_kit::Shutdown;
use gapless_tests::{Part, Stack};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often everything is looked at: finer than any figure of the report.
pub(super) const TICK: Duration = Duration::from_millis(5);
/// The services listen within this at the beginning.
const START_WITHIN: Duration = Duration::from_secs(30);
/// A service whose disk was full may end within this after it has space again.
const EXCUSED_FOR: Duration = Duration::from_secs(2);
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) schedule: Schedule,
    pub(super) services: BTreeMap<Target, Slot>,
    pub(super) files: BTreeMap<Target, FileClient>,
    pub(super) players: BTreeMap<Target, Player>,
    pub(super) producers: Vec<Producer>,
    pub(super) observed: BTreeMap<Target, (Observed, Recoveries)>,
    pub(super) book: Book,
    pub(super) problems: Vec<String>,
    pub(super) disks_note: String,
    full_until: BTreeMap<Target, Instant>,
    disks: BTreeMap<Target, SmallDisk>,
    /// Last, so that its folder is removed after everything in it has ended.
    pub(super) stack: Rc<Stack>,
}

impl World {
    /// Makes everything and starts nothing.
    pub(super) fn new(plan: &Plan) -> Result<World> {
        let stack = Rc::new(Stack::stopped(stage::settings(plan.seed)));
        let (disks, disks_note) = stage::disks(&stack, plan.full_disk);
        let service = |name: &'static str, part: Part| {
            let made = Rc::clone(&stack);
            let ready = stack.data().join(&format!("{name}.ready"));
            Slot::new(name, move || made.command(part)).with_ready_file(ready)
        };
        let services = BTreeMap::from([
            (Target::Ingestion, service("ingestion", Part::Ingestion)),
            (Target::LiveEngine, service("live-engine", Part::LiveEngine)),
            (Target::Backfill, service("backfill", Part::Backfill)),
            (Target::SnapshotWriter, service("snapshot-writer", Part::SnapshotWriter)),
        ]);
        let [duck, tail] = cast::file_clients(&stack);
        Ok(World {
            plan: plan.clone(),
            schedule: Schedule::new(plan.seed, plan.lasts, !disks.is_empty()),
            services,
            files: BTreeMap::from([(Target::DuckClient, duck), (Target::TailClient, tail)]),
            players: BTreeMap::new(),
            producers: Vec::new(),
            observed: BTreeMap::new(),
            book: Book::default(),
            problems: Vec::new(),
            disks_note,
            full_until: BTreeMap::new(),
            disks,
            stack,
        })
    }

    /// The whole campaign.
    pub(super) fn run(mut self, shutdown: &Shutdown) -> Result<Report> {
        let folder = report_folder("crash", &format!("seed-{}", self.plan.seed))?;
        eprintln!("seed {}; {}; report and logs: {}", self.plan.seed, self.disks_note, folder.display());
        for fault in &self.schedule.faults {
            eprintln!("{fault}");
        }
        self.open(shutdown)?;
        let mut faults = self.storm(shutdown)?;
        self.drain(shutdown)?;
        // From here on the end may take as long as it needs; a second signal ends it at once.
        shutdown.finished();
        for (at, line) in faults.iter_mut().enumerate() {
            for (observed, recoveries) in self.observed.values() {
                let found = recoveries.done.iter().find(|recovered| recovered.fault == at);
                let took = found.map(|recovered| recovered.took.as_secs_f64() * 1000.0);
                line.to_gapless_ms.insert(observed.name, took.map(f64::round));
            }
        }
        let report = drain::finish(self, faults, shutdown)?;
        report.write(&folder).context("cannot write the report")?;
        Ok(report)
    }

    fn open(&mut self, shutdown: &Shutdown) -> Result<()> {
        let begin = Instant::now();
        while !self.services.values().all(Slot::is_ready) {
            self.services.values_mut().for_each(|slot| slot.tend(false));
            if begin.elapsed() > START_WITHIN || shutdown.is_requested() {
                bail!("the services do not listen within {START_WITHIN:?}: {:?}", self.early_ends());
            }
            std::thread::park_timeout(TICK);
        }
        self.producers = cast::numbered(&self.plan, &self.stack, &self.book)?;
        self.producers.extend(cast::posting(&self.plan, &self.stack, &self.book)?);
        let lanes: Vec<Lane> = self.producers.iter().flat_map(|producer| producer.lanes.clone()).collect();
        let [list, prefix] = cast::library_clients(&self.stack, &lanes)?;
        for (target, (player, observed)) in [(Target::ListClient, list), (Target::PrefixClient, prefix)] {
            self.players.insert(target, player);
            self.observed.insert(target, (observed, Recoveries::default()));
        }
        let (player, observed) = cast::chart_client(&self.stack, &lanes)?;
        self.players.insert(Target::ChartClient, player);
        self.observed.insert(Target::ChartClient, (observed, Recoveries::default()));
        let duck = Observed { name: "duck", choice: Choice::Prefix("candles.".into()), watch: Watch::new() };
        self.observed.insert(Target::DuckClient, (duck, Recoveries::default()));
        Ok(())
    }

    fn early_ends(&self) -> Vec<String> {
        self.services.values().flat_map(|slot| slot.ended_early.clone()).collect()
    }

    /// The time in which faults hit.
    fn storm(&mut self, shutdown: &Shutdown) -> Result<Vec<FaultLine>> {
        let faults = self.schedule.faults.clone();
        let mut lines: Vec<FaultLine> = faults.iter().map(FaultLine::of).collect();
        let (mut next, mut active): (usize, Vec<usize>) = (0, Vec::new());
        let began = Instant::now();
        let on = |shutdown: &Shutdown| !shutdown.is_requested();
        while (began.elapsed() < self.plan.lasts && on(shutdown)) || !active.is_empty() {
            while let Some(fault) =
                faults.get(next).filter(|fault| fault.at <= began.elapsed() && on(shutdown))
            {
                self.begin(fault)?;
                active.push(next);
                next += 1;
            }
            for at in std::mem::take(&mut active) {
                let Some(fault) = faults.get(at) else { continue };
                let over = began.elapsed() >= fault.at + fault.lasts || !on(shutdown);
                if over && !self.is_stopping(fault) {
                    self.end(at, fault, !active.is_empty())?;
                    if let Some(line) = lines.get_mut(at) {
                        line.lasted_ms = began.elapsed().saturating_sub(fault.at).as_millis() as u64;
                    }
                } else {
                    active.push(at);
                }
            }
            self.tend();
            if shutdown.is_requested() {
                // Ending what runs and unmounting what is mounted may take longer than a stop usually may.
                shutdown.finished();
            }
            std::thread::park_timeout(TICK);
        }
        Ok(lines)
    }

    fn is_stopping(&self, fault: &Fault) -> bool {
        fault.deed == Deed::Terminate && self.slot(fault.target).is_some_and(Slot::is_stopping)
    }

    fn slot(&self, target: Target) -> Option<&Slot> {
        self.services.get(&target).or_else(|| self.files.get(&target).map(|client| &client.slot))
    }

    fn begin(&mut self, fault: &Fault) -> Result<()> {
        for (_, recoveries) in self.observed.values_mut() {
            recoveries.disturb();
        }
        if fault.target == Target::DuckClient
            && matches!(fault.deed, Deed::Kill | Deed::Terminate)
            && let Some((observed, _)) = self.observed.get(&fault.target)
        {
            // What it had handed over and not committed is not its any more.
            observed.watch.lock().streams.clear();
        }
        match fault.deed {
            Deed::FullDisk => {
                self.full_until.insert(fault.target, Instant::now() + fault.lasts + EXCUSED_FOR);
                self.disks.get(&fault.target).map_or(Ok(()), SmallDisk::fill)?;
            }
            Deed::Stall => self.play(fault.target, Mode::Stall),
            Deed::Restart => self.play(fault.target, Mode::Down),
            Deed::Kill | Deed::Freeze | Deed::Terminate => {
                let file = self.files.get_mut(&fault.target).map(|client| &mut client.slot);
                let Some(slot) = self.services.get_mut(&fault.target).or(file) else { return Ok(()) };
                match fault.deed {
                    Deed::Kill => slot.kill(),
                    Deed::Freeze => slot.freeze(),
                    _ => slot.terminate(),
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, at: usize, fault: &Fault, others: bool) -> Result<()> {
        match fault.deed {
            Deed::FullDisk => self.disks.get(&fault.target).map_or(Ok(()), SmallDisk::free)?,
            Deed::Stall | Deed::Restart => self.play(fault.target, Mode::Run),
            Deed::Kill | Deed::Freeze | Deed::Terminate => {
                let file = self.files.get_mut(&fault.target).map(|client| &mut client.slot);
                if let Some(slot) = self.services.get_mut(&fault.target).or(file) {
                    slot.thaw();
                    slot.release();
                    slot.tend(false);
                }
            }
        }
        let marks = self.book.watermarks();
        for (target, (observed, recoveries)) in &mut self.observed {
            if concerns(fault, *target) {
                recoveries.begin(at, goals(&marks, &observed.choice), others);
            }
        }
        Ok(())
    }

    fn play(&self, target: Target, mode: Mode) {
        match target {
            // A seed decides whether, not whom: they take turns.
            Target::Producer => self.producers.iter().take(2).for_each(|p| p.player.control.set(mode)),
            _ => self.players.get(&target).iter().for_each(|player| player.control.set(mode)),
        }
    }

    /// Starts what should run, and looks how far everybody is.
    pub(super) fn tend(&mut self) {
        let now = Instant::now();
        for (target, slot) in &mut self.services {
            slot.tend(self.full_until.get(target).is_some_and(|until| now < *until));
        }
        for (target, client) in &mut self.files {
            client.slot.tend(self.full_until.get(target).is_some_and(|until| now < *until));
        }
        self.observe();
    }

    /// Looks how far every client is.
    pub(super) fn observe(&mut self) {
        for (target, client) in &mut self.files {
            if let Some((observed, _)) = self.observed.get(target) {
                read_lines(&mut client.slot, &observed.watch);
            }
        }
        for (observed, recoveries) in self.observed.values_mut() {
            recoveries.look(&observed.watch.lock());
        }
    }
}

/// Rows that a client must have, of what it follows.
pub(super) fn goals(marks: &BTreeMap<StreamKey, u64>, choice: &Choice) -> BTreeMap<StreamKey, u64> {
    marks
        .iter()
        .filter(|(key, _)| choice.holds(&key.topic()))
        .map(|(key, rows)| (key.clone(), *rows))
        .collect()
}

/// What the client process printed.
fn read_lines(slot: &mut Slot, watch: &Watch) {
    let parse = |line: &String| serde_json::from_str::<follow::Line>(line).ok();
    let mut seen = watch.lock();
    for line in slot.take_finished().iter().filter_map(parse) {
        seen.gaps.found += line.found;
        seen.gaps.healed += line.healed;
        seen.gaps.truncated += line.truncated;
        seen.dropped += line.dropped;
        seen.repeated += line.duplicates;
        seen.rows += line.rows;
        if line.removed + line.truncated > 0 {
            seen.problems.push(format!("rows were taken back or given up: {line:?}"));
        }
    }
    let Some(line) = slot.last_line().as_ref().and_then(parse) else { return };
    let before: u64 = seen.streams.values().map(|stream| stream.applied).sum();
    for (key, applied) in line.positions() {
        seen.streams.entry(key).or_default().applied = applied;
    }
    if seen.streams.values().map(|stream| stream.applied).sum::<u64>() > before {
        seen.moved();
    }
}
