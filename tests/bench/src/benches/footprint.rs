//! B8: memory, disk and time that it takes to be there.

use super::Plan;
use super::scale::{MANY, SERVICES};
use crate::child::Part;
use crate::clock::{now_ns, sleep_until};
use crate::load::{Load, ROW_BYTES, Sent};
use crate::ours::{Follow, Kind, prefix, topic};
use crate::process::taken;
use crate::results::{At, Results};
use crate::role::{Places, Role};
use crate::system::{Carried, System, fill, producer_of, start_stack};
use anyhow::{Context, Result, anyhow};
use gapless_tests::{LATER, Part as Service, Stack, binary, eventually};
use std::path::Path;

/// Bytes of a candle: a time and five numbers.
const CANDLE_BYTES: u64 = 48;
const MIB: f64 = 1_048_576.0;

pub(super) fn run(plan: &Plan, results: &mut Results) -> Result<()> {
    for round in 1..=plan.rounds {
        plan.say(format!("B8 round {round}: start"));
        start(round, results)?;
    }
    plan.say(format!("B8: memory of {MANY} streams"));
    streams(results)?;
    plan.say("B8: memory of 1,000 subscriptions".to_owned());
    subscriptions(results)?;
    plan.say("B8: a subscriber that is too slow".to_owned());
    too_slow(plan, results)?;
    for (kind, rows, bytes, case) in [
        (Kind::Metrics, 1, ROW_BYTES as u64, "128-byte rows, one a record"),
        (Kind::Metrics, 100, ROW_BYTES as u64, "128-byte rows, 100 a record"),
        (Kind::Candles, 100, CANDLE_BYTES, "48-byte candles, 100 a record"),
    ] {
        plan.say(format!("B8: disk, {case}"));
        disk(plan, kind, rows, bytes, case, results)?;
    }
    for (_, name) in SERVICES {
        let program = format!("gapless-{name}");
        let bytes = std::fs::metadata(binary(&program))?.len() as f64;
        add(results, 1, &format!("program {name}"), "MiB", bytes / MIB)?;
    }
    Ok(())
}

fn add(results: &mut Results, round: usize, case: &str, measure: &'static str, value: f64) -> Result<()> {
    results.add(&At { bench: "B8", case, system: System::Gapless.name(), round }, measure, value)
}

/// From the start of the process until it is ready, and what it has then.
fn start(round: usize, results: &mut Results) -> Result<()> {
    let stack = Stack::stopped(crate::system::settings());
    for (part, name) in SERVICES {
        let begun = now_ns();
        stack.start_part(part);
        stack.with(part, |running| running.wait_until_ready(LATER));
        add(results, round, &format!("start of {name}"), "ms until ready", (now_ns() - begun) as f64 / 1e6)?;
    }
    for (part, name) in SERVICES {
        add(results, round, &format!("start of {name}"), "MiB", memory(&stack, part)? / MIB)?;
    }
    Ok(())
}

fn streams(results: &mut Results) -> Result<()> {
    let stack = start_stack();
    let before = SERVICES.map(|(part, _)| memory(&stack, part));
    let carried = Carried::new("many", Kind::Metrics, Load::full(MANY, 1));
    fill(&stack, &Carried { streams: MANY, ..carried })?;
    eventually("backfill has the last stream", LATER, || {
        stack.latest(&topic(Kind::Metrics, "many", MANY - 1)) > 0
    });
    for ((part, name), before) in SERVICES.into_iter().zip(before) {
        let each = (memory(&stack, part)? - before?) / MANY as f64 / 1024.0;
        add(results, 1, &format!("a stream in {name}"), "KiB", each)?;
    }
    Ok(())
}

/// What a subscription takes in the client's process and in the engine.
fn subscriptions(results: &mut Results) -> Result<()> {
    const CLIENTS: u64 = 1000;
    let stack = start_stack();
    let of = |clients| {
        let from = Places::from(&stack.endpoints());
        Part::start(&Role::Follow(Follow {
            from,
            prefix: "metrics.none.".into(),
            rows: 1,
            replay: false,
            clients,
            pace: None,
        }))
    };
    let engine = memory(&stack, Service::LiveEngine)?;
    let (few, many) = (of(1)?, of(CLIENTS + 1)?);
    let client = (taken(many.pid())?.memory - taken(few.pid())?.memory) as f64;
    add(results, 1, "a subscription in the client", "KiB", client / CLIENTS as f64 / 1024.0)?;
    let engine = memory(&stack, Service::LiveEngine)? - engine;
    add(results, 1, "a subscription in live-engine", "KiB", engine / CLIENTS as f64 / 1024.0)
}

/// How much memory everything takes at most while rows come at full speed and a subscriber reads a tenth of them: for
/// about a minute, and in the second half of it.
fn too_slow(plan: &Plan, results: &mut Results) -> Result<()> {
    const PACE: u64 = 30_000;
    let stack = start_stack();
    let carried = Carried::new("slow", Kind::Metrics, Load::full(plan.size(20_000_000), 1));
    let mut follow = Part::start(&Role::Follow(Follow {
        from: Places::from(&stack.endpoints()),
        prefix: prefix(Kind::Metrics, "slow"),
        rows: u64::MAX,
        replay: false,
        clients: 1,
        pace: Some(PACE),
    }))?;
    let mut send = producer_of(&stack, &carried)?;
    let producer = send.pid();
    follow.begin()?;
    send.begin()?;
    let sending = std::thread::spawn(move || send.result::<Sent>());
    let mut looks: Vec<[f64; 5]> = Vec::new();
    while !sending.is_finished() {
        let services = SERVICES.map(|(part, _)| memory(&stack, part));
        let [ingestion, engine, backfill] = services;
        // The producer ends between two looks.
        let producer = taken(producer).map_or(0.0, |taken| taken.memory as f64);
        looks.push([ingestion?, engine?, backfill?, taken(follow.pid())?.memory as f64, producer]);
        sleep_until(now_ns() + 200_000_000);
    }
    let sent = sending.join().map_err(|_| anyhow!("a thread panicked"))??;
    let rate = carried.load.total() as f64 / ((sent.done_ns - sent.begun_ns) as f64 / 1e9);
    add(results, 1, "beside a slow subscriber", "rows/s", rate)?;
    let names = ["ingestion", "live-engine", "backfill", "the slow client", "the producer"];
    for (number, name) in names.into_iter().enumerate() {
        let most = |looks: &[[f64; 5]]| looks.iter().map(|look| look[number]).fold(0.0, f64::max) / MIB;
        let (first, second) = looks.split_at(looks.len() / 2);
        let case = format!("beside a slow subscriber, {name}");
        add(results, 1, &case, "MiB at most, first half", most(first))?;
        add(results, 1, &case, "MiB at most, second half", most(second))?;
    }
    Ok(())
}

/// Bytes on the disk for each byte of rows.
fn disk(plan: &Plan, kind: Kind, each: u64, bytes: u64, case: &str, results: &mut Results) -> Result<()> {
    let stack = start_stack();
    let rows = plan.size(1_000_000);
    fill(&stack, &Carried::new("disk", kind, Load::full(rows / each, each)).ungrouped())?;
    eventually("backfill has every row", LATER, || stack.latest(&topic(kind, "disk", 0)) >= rows);
    // In order, so that the archive's log is in its file.
    stack.stop(Service::Backfill);
    let payload = (rows * bytes) as f64;
    let journal = folder_bytes(&stack.data().join("journal"))? as f64;
    let archive = folder_bytes(&stack.data().join("archive"))? as f64;
    add(results, 1, case, "journal / payload", journal / payload)?;
    add(results, 1, case, "archive / payload", archive / payload)
}

fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let data = entry.metadata()?;
        sum += if data.is_dir() { folder_bytes(&entry.path())? } else { data.len() };
    }
    Ok(sum)
}

/// In bytes.
fn memory(stack: &Stack, part: Service) -> Result<f64> {
    let pid = stack.with(part, |running| running.pid());
    Ok(taken(pid)?.memory as f64)
}
