//! Rolls what came to the worlds later: checkpoints, and bits that flip.
//!
//! It has dice of its own, so that the steps of a seed that were there before stay as they were.

use super::setup::follow;
use super::{Action, Plan, Step, Tamper};
use crate::net::{Desk, NodeId};
use crate::node::WriterSetup;
use std::time::Duration;

/// Other dice than those of the plan itself and those of the world, which are seeded by the seed and by its
/// complement.
const DICE: u64 = 0x5eed_0000_c4ec_9017;
/// As long as other faults go on, in milliseconds.
const HORIZON_MS: u32 = 12_000;

/// The same plan with more in it; in some the same.
pub(super) fn add(mut plan: Plan) -> Plan {
    let mut dice = fastrand::Rng::with_seed(plan.seed ^ DICE);
    let mut steps = Vec::new();
    if dice.u8(..5) < 3 {
        plan.setup.engine.part_bytes = dice.usize(300..4_000);
        plan.setup.writer = Some(writer(&mut dice));
        for _ in 0..dice.usize(..7) {
            trouble(&mut dice, &mut steps);
        }
    }
    if dice.u8(..4) == 0 {
        for _ in 0..dice.usize(1..3) {
            steps.push(Step { at_ms: dice.u32(500..HORIZON_MS), action: flip(&plan, &mut dice) });
        }
    }
    plan.steps.extend(steps);
    // Equal ones keep their order.
    plan.steps.sort_by_key(|step| step.at_ms);
    plan
}

fn writer(dice: &mut fastrand::Rng) -> WriterSetup {
    WriterSetup {
        every: Duration::from_millis(dice.u64(300..5_000)),
        rows: if dice.bool() { dice.u64(5..80) } else { 0 },
        keep: dice.usize(1..4),
        follow: follow(dice),
    }
}

fn flip(plan: &Plan, dice: &mut fastrand::Rng) -> Action {
    let seed = dice.u16(..);
    match dice.u8(..6) {
        0..=2 => Action::FlipJournal { seed },
        3 => Action::FlipArchive { seed },
        4 | 5 if plan.setup.writer.is_some() => Action::FlipCheckpoint { seed },
        _ => Action::FlipJournal { seed },
    }
}

/// Something that happens to checkpoints, and what it does harm to.
fn trouble(dice: &mut fastrand::Rng, steps: &mut Vec<Step>) {
    let at_ms = dice.u32(300..HORIZON_MS);
    let mut then = |after_ms: u32, action: Action| steps.push(Step { at_ms: at_ms + after_ms, action });
    let soon = dice.u32(1..400);
    let for_ms = dice.u32(50..4_000);
    let messages = dice.u8(1..6);
    let seed = dice.u16(..);
    let restart = Action::Kill { node: NodeId::Engine, after: 0, back_ms: dice.u32(1..1_500) };
    match dice.u8(..16) {
        // One that the engine begins from.
        0..=2 => {
            then(0, Action::Checkpoint);
            then(soon, restart);
        }
        // What is derived waits while the state is given away.
        3 | 4 => {
            let lose = if dice.bool() { Tamper::LoseRequests } else { Tamper::LoseReplies };
            then(0, Action::Tamper { node: NodeId::Engine, desk: Desk::Ingest, how: lose, messages });
            then(soon, Action::Checkpoint);
            then(soon + dice.u32(1..600), restart);
        }
        // Between two parts.
        5 => {
            then(0, Action::Checkpoint);
            then(dice.u32(..4), restart);
        }
        6 => {
            then(0, Action::Kill { node: NodeId::Writer, after: dice.u32(1..16), back_ms: for_ms / 2 });
            then(soon, Action::Checkpoint);
        }
        7 => {
            then(0, Action::PowerLoss { node: NodeId::Writer, after: dice.u32(1..16), back_ms: for_ms / 2 });
            then(soon, Action::Checkpoint);
            then(soon + for_ms, restart);
        }
        8 => {
            let after = if dice.bool() { 0 } else { dice.u32(1..16) };
            then(0, Action::PowerLoss { node: NodeId::Writer, after, back_ms: for_ms / 2 });
        }
        9 | 10 => {
            let how = [Tamper::LoseRequests, Tamper::LoseReplies, Tamper::RepeatReplies, Tamper::Delay];
            let desk = if dice.bool() { Desk::State } else { Desk::Journal };
            let how = how[dice.usize(..how.len())];
            then(0, Action::Tamper { node: NodeId::Writer, desk, how, messages });
            then(soon, Action::Checkpoint);
        }
        11 => {
            let b = if dice.bool() { NodeId::Engine } else { NodeId::Ingestion };
            then(0, Action::Partition { a: NodeId::Writer, b, is_both: dice.bool(), is_cut: false, for_ms });
            then(soon, Action::Checkpoint);
        }
        12 => {
            then(0, Action::Full { node: NodeId::Writer, room: dice.u32(..3_000), for_ms });
            then(soon, Action::Checkpoint);
        }
        13 => {
            then(0, Action::FailSync { node: NodeId::Writer });
            then(soon, Action::Checkpoint);
        }
        14 => {
            then(0, Action::SpoilCheckpoint { seed });
            then(soon, Action::Checkpoint);
            then(soon + dice.u32(1..800), restart);
        }
        // A history that is lost behind a checkpoint.
        _ => {
            then(0, Action::Checkpoint);
            then(soon, Action::PowerLoss { node: NodeId::Ingestion, after: 0, back_ms: for_ms / 2 });
            if dice.bool() {
                then(soon, restart);
            }
        }
    }
}
