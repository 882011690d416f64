//! B6: how soon a killed service serves again.

use super::Plan;
use crate::clock::now_ns;
use crate::load::Load;
use crate::ours::{Kind, topic};
use crate::results::{At, Results};
use crate::system::{Carried, System, fill, settings};
use anyhow::Result;
use gapless::Client;
use gapless_checkpoint::{Checkpoint, CheckpointFolder, Header};
use gapless_disk::RealDisk;
use gapless_tests::{LATER, Part, Settings, Stack, eventually, eventually_some};
use std::sync::Arc;
use std::time::Duration;

/// How long one question may take until it is asked again: the resolution of what is measured.
const ATTEMPT: Duration = Duration::from_millis(10);

pub(super) fn run(plan: &Plan, results: &mut Results) -> Result<()> {
    let rows = plan.size(10_000_000);
    let tail = plan.size(100_000);
    let stack = Stack::start_with(Settings { checkpoints: true, ..settings() });
    plan.say(format!("B6: {rows} rows into the journal"));
    let carried = Carried::new("long", Kind::Candles, Load::full((rows - tail) / 1000, 1000));
    fill(&stack, &carried)?;
    let client = stack.client().with_patience(LATER);
    write_checkpoint(&stack, &client)?;
    // Each of these is a record of its own: the slowest way in which rows can come.
    fill(&stack, &Carried { first: rows - tail, load: Load::full(tail, 1), ..carried.ungrouped() })?;
    let stream = topic(Kind::Candles, "long", 0);
    eventually("backfill has every row", LATER * 5, || stack.latest(&stream) >= rows);
    for round in 1..=plan.rounds {
        plan.say(format!("B6 round {round}: restarts with {rows} rows in the journal"));
        let at = |case| At { bench: "B6", case, system: System::Gapless.name(), round };
        let with = restart_engine(&stack, &stream, rows);
        results.add(&at("engine, checkpoint"), "s", with)?;
        for (case, part) in [("ingestion", Part::Ingestion), ("backfill", Part::Backfill)] {
            stack.kill(part);
            let begun = now_ns();
            stack.start_part(part);
            stack.with(part, |running| running.wait_until_ready(LATER));
            results.add(&at(case), "s", (now_ns() - begun) as f64 / 1e9)?;
        }
    }
    std::fs::remove_dir_all(stack.checkpoint_folder())?;
    for round in 1..=plan.rounds {
        plan.say(format!("B6 round {round}: the engine without a checkpoint"));
        let without = restart_engine(&stack, &stream, rows);
        let at = At { bench: "B6", case: "engine, no checkpoint", system: System::Gapless.name(), round };
        results.add(&at, "s", without)?;
        results.add(&at, "rows/s", rows as f64 / without)?;
    }
    Ok(())
}

/// From the start of the process until it answers with the newest row.
fn restart_engine(stack: &Stack, stream: &str, rows: u64) -> f64 {
    stack.kill(Part::LiveEngine);
    let client = stack.client().with_patience(ATTEMPT);
    let begun = now_ns();
    stack.start_part(Part::LiveEngine);
    eventually("the engine answers with the newest row", LATER, || {
        client.state(stream).is_ok_and(|states| states.iter().any(|state| state.watermark.latest.0 >= rows))
    });
    (now_ns() - begun) as f64 / 1e9
}

/// The engine's state of every record there is, as the snapshot-writer would write it.
fn write_checkpoint(stack: &Stack, client: &Client) -> Result<()> {
    let wanted = client.journal()?.status(false)?.latest;
    let found = eventually_some("a checkpoint of all records", LATER, || {
        client.checkpoint().ok().filter(|found| found.position >= wanted)
    });
    let header = Header {
        partition: found.partition,
        epoch: found.epoch,
        position: found.position,
        streams: found.streams,
    };
    let folder = CheckpointFolder::open(Arc::new(RealDisk), &stack.checkpoint_folder())?;
    folder.write(&Checkpoint::new(header, found.parts)?)?;
    Ok(())
}
