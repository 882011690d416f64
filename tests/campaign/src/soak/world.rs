//! The stack under a steady load, its visitors, and the clock that samples it.

use super::Plan;
use super::measure::Samples;
use super::report::Report;
use super::visitor::{Door, Kind, Visitor};
use crate::book::Book;
use crate::command::command;
use crate::control::{Control, Mode};
use crate::folder::report_folder;
use crate::load::Lane;
use crate::producer::{NumberedProducer, Pace, Tallied};
use crate::slot::Slot;
use anyhow::{Context, Result, bail};
use gapless::ProducerSettings;
use gapless_service_kit::Shutdown;
use gapless_tests::{Part, Settings, Stack};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(20);
const START_WITHIN: Duration = Duration::from_secs(30);
/// The producers' last batches are acknowledged within this.
const FINISH_WITHIN: Duration = Duration::from_secs(20);
/// Retention has removed what it has to within this.
const SETTLE_WITHIN: Duration = Duration::from_secs(60);
const PRODUCERS: u32 = 2;
const STREAMS: u32 = 3;
const MOST_ROWS: u64 = 10;
/// Limits so low that all of them are reached during warm-up: what is bounded shall be seen at its bound.
const CONFIG: &str = r#"
[ingestion.journal]
segment_bytes = "256KiB"
max_bytes = "1MiB"

[backfill.hot]
stream_rows = 1000
stream_bytes = "256KiB"
total_bytes = "4MiB"

[backfill.retention]
max_rows = 2000

[backfill.duckdb]
memory = "64MiB"

[[live-engine.derive]]
prefix = "candles.soak."
from = "1s"
to = ["1m"]

[snapshot-writer]
write_every = "5s"
part_rows = 20000

[snapshot-writer.checkpoint]
every = "5s"
"#;

pub(super) struct World {
    plan: Plan,
    services: Vec<Slot>,
    producers: Vec<(Control, Tallied, JoinHandle<Result<()>>)>,
    book: Book,
    visitors: Vec<Visitor>,
    visited: BTreeMap<&'static str, u64>,
    samples: Samples,
    problems: Vec<String>,
    stack: Rc<Stack>,
}

impl World {
    pub(super) fn new(plan: &Plan) -> Result<World> {
        let settings = Settings { config: CONFIG.into(), checkpoints: true, ..Settings::default() };
        let stack = Rc::new(Stack::stopped(settings));
        let service = |(name, part): (&str, Part)| {
            let made = Rc::clone(&stack);
            Slot::new(name, move || made.command(part))
                .with_ready_file(stack.data().join(&format!("{name}.ready")))
        };
        let parts = [
            ("ingestion", Part::Ingestion),
            ("live-engine", Part::LiveEngine),
            ("backfill", Part::Backfill),
            ("snapshot-writer", Part::SnapshotWriter),
        ];
        Ok(World {
            plan: plan.clone(),
            services: parts.into_iter().map(service).collect(),
            producers: Vec::new(),
            book: Book::forgetful(),
            visitors: Vec::new(),
            visited: BTreeMap::new(),
            samples: Samples::default(),
            problems: Vec::new(),
            stack,
        })
    }

    pub(super) fn run(mut self, shutdown: &Shutdown) -> Result<Report> {
        let folder = report_folder("soak", "last")?;
        eprintln!("report and samples: {}", folder.display());
        let door = self.open(shutdown)?;
        let began = Instant::now();
        let mut next = Instant::now();
        while began.elapsed() < self.plan.lasts && !shutdown.is_requested() {
            if Instant::now() >= next {
                next += Duration::from_secs(1);
                self.sample(began.elapsed());
                self.invite(&door)?;
            }
            self.tend();
            std::thread::park_timeout(TICK);
        }
        let seconds = began.elapsed().as_secs();
        shutdown.finished();
        self.close();
        let mut report = Report::new(&self.plan, seconds, &self.samples, std::mem::take(&mut self.problems));
        report.visitors = std::mem::take(&mut self.visited);
        report.visitor_rows = door.rows.load(Ordering::Relaxed);
        report.rows = self.book.watermarks().values().sum();
        for (_, tally, _) in &self.producers {
            let tally = tally.lock();
            report.producers.acknowledged += tally.acknowledged;
            report.producers.resent += tally.resent;
            report.producers.duplicates += tally.duplicates;
        }
        std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(&report)?)?;
        std::fs::write(folder.join("report.txt"), report.to_string())?;
        self.samples.write(&folder.join("samples.csv")).context("cannot write the samples")?;
        for slot in &self.services {
            std::fs::write(folder.join(format!("{}.log", slot.name)), &slot.log)?;
        }
        Ok(report)
    }

    fn open(&mut self, shutdown: &Shutdown) -> Result<Door> {
        let begin = Instant::now();
        while !self.services.iter().all(Slot::is_ready) {
            self.services.iter_mut().for_each(|slot| slot.tend(false));
            if begin.elapsed() > START_WITHIN || shutdown.is_requested() {
                bail!("the services do not listen within {START_WITHIN:?}");
            }
            std::thread::park_timeout(TICK);
        }
        let client = self.stack.client();
        let mut topics = Vec::new();
        for number in 1..=PRODUCERS {
            let name = format!("soak-{number}");
            let lanes: Vec<Lane> = (1..=STREAMS)
                .map(|n| {
                    format!("candles.soak.{name}-{n}.1s")
                        .parse()
                        .map(|key| Lane { number: number * 10 + n, key })
                })
                .collect::<Result<_, _>>()?;
            topics.extend(lanes.iter().map(|lane| lane.key.topic()));
            let settings = ProducerSettings::new(self.stack.endpoints().ingest, &name);
            let (control, tally) = (Control::new(), Tallied::default());
            let every = Duration::from_secs(1) / self.plan.batches_per_second.max(1);
            let producer =
                NumberedProducer::new(&client, settings, lanes, self.plan.seed ^ u64::from(number));
            let pace = Pace { every, most_rows: MOST_ROWS };
            let thread = producer.start(&self.book, &control, &tally, pace)?;
            self.producers.push((control, tally, thread));
        }
        let rows = Arc::new(AtomicU64::new(0));
        Ok(Door { client, topics, sockets: self.stack.sockets(), rows })
    }

    fn sample(&mut self, at: Duration) {
        let seconds = at.as_secs_f64();
        for slot in &self.services {
            if let Some(pid) = slot.pid() {
                self.samples.process(seconds, &slot.name, pid);
            }
        }
        // The visitors that are threads live here, so what the client library leaves behind shows here.
        self.samples.process(seconds, "client library", std::process::id());
        let folder = |name: &str| -> PathBuf { self.stack.data().join(name) };
        let folders = [
            ("journal", folder("journal")),
            ("archive", folder("archive")),
            ("checkpoints", self.stack.checkpoint_folder()),
        ];
        // Artifacts are not among them: they are the whole history of a stream that has not ended.
        self.samples.folders(seconds, &folders);
    }

    fn invite(&mut self, door: &Door) -> Result<()> {
        let wanted = Kind::ALL.into_iter().filter(|kind| kind.name().contains(&self.plan.visitors));
        let count = self.visited.values().sum::<u64>() as usize;
        let turn = count % wanted.clone().count().max(1);
        let Some(kind) = wanted.clone().nth(turn) else { return Ok(()) };
        *self.visited.entry(kind.name()).or_default() += 1;
        self.visitors.push(Visitor::start(kind, &self.stack, door)?);
        Ok(())
    }

    fn tend(&mut self) {
        self.services.iter_mut().for_each(|slot| slot.tend(false));
        for mut visitor in std::mem::take(&mut self.visitors) {
            if visitor.has_left() {
                self.say_goodbye(visitor);
            } else {
                self.visitors.push(visitor);
            }
        }
    }

    fn say_goodbye(&mut self, visitor: Visitor) {
        if let Err(error) = visitor.end() {
            self.problems.push(format!("a visitor failed: {error:#}"));
        }
    }

    fn close(&mut self) {
        for visitor in std::mem::take(&mut self.visitors) {
            self.say_goodbye(visitor);
        }
        self.producers.iter().for_each(|(control, ..)| control.set(Mode::End));
        let deadline = Instant::now() + FINISH_WITHIN;
        while !self.producers.iter().all(|(.., thread)| thread.is_finished()) && Instant::now() < deadline {
            self.services.iter_mut().for_each(|slot| slot.tend(false));
            std::thread::park_timeout(TICK);
        }
        for page in self.book.pages() {
            self.problems.extend(page.problems.iter().map(|what| format!("{}: {what}", page.lane.key)));
            if page.acknowledged != page.made {
                let what = format!("{} rows made, {} acknowledged", page.made, page.acknowledged);
                self.problems.push(format!("{}: {what}", page.lane.key));
            }
        }
        // What retention left is the same everywhere, once it has caught up with the last rows.
        let deadline = Instant::now() + SETTLE_WITHIN;
        let mut different = command(&self.stack, &["verify", ""]);
        while different.is_some() && Instant::now() < deadline {
            std::thread::park_timeout(SETTLE_WITHIN / 10);
            different = command(&self.stack, &["verify", ""]);
        }
        self.problems.extend(different);
        for slot in &mut self.services {
            slot.end();
            self.problems.append(&mut slot.problems);
        }
    }
}
