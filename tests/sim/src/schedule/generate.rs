//! Rolls the steps of a run.

use super::{Action, Setup, Step, Tamper};
use crate::net::{Desk, Feed, NodeId};

/// How long faults go on, in milliseconds.
const HORIZON_MS: u32 = 12_000;

pub(super) fn steps(setup: &Setup, dice: &mut fastrand::Rng) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..dice.usize(15..70) {
        steps.push(Step { at_ms: dice.u32(..HORIZON_MS), action: work(setup, dice) });
    }
    // Some runs are quiet, some are wild.
    let faults = [0, 2, 4, 8, 16][dice.usize(..5)];
    for _ in 0..faults {
        let at_ms = dice.u32(..HORIZON_MS);
        steps.push(Step { at_ms, action: fault(setup, dice) });
        // Trouble rarely comes alone.
        if dice.u8(..3) == 0 {
            let at_ms = at_ms + dice.u32(..300);
            steps.push(Step { at_ms, action: fault(setup, dice) });
        }
    }
    steps.sort_by_key(|step| step.at_ms);
    steps
}

fn work(setup: &Setup, dice: &mut fastrand::Rng) -> Action {
    let producer = dice.u8(..setup.producers.len() as u8);
    let stream = dice.u8(..2);
    if dice.u8(..8) == 0 {
        return Action::Repeat { producer, stream };
    }
    Action::Submit { producer, stream, rows: dice.u8(1..12) }
}

fn fault(setup: &Setup, dice: &mut fastrand::Rng) -> Action {
    let for_ms = dice.u32(50..4_000);
    let messages = dice.u8(1..12);
    let (feed, to) = subscriber(setup, dice);
    let node = service(setup, dice);
    match dice.u8(..30) {
        0..=3 => Action::Kill { node, after: ending(node, dice), back_ms: for_ms / 2 },
        4..=6 => Action::PowerLoss { node: machine(dice), after: ending(node, dice), back_ms: for_ms / 2 },
        7 => Action::Pause { node, for_ms: for_ms * 2 },
        8..=10 => {
            let (a, b) = pair(setup, dice);
            Action::Partition { a, b, is_both: dice.bool(), is_cut: dice.u8(..3) == 0, for_ms: for_ms * 2 }
        }
        11..=13 => Action::Drop { feed, to, messages },
        14 => Action::Repeated { feed, to, messages },
        15 => Action::Slow { feed, to, pace_ms: dice.u32(5..400), for_ms: for_ms * 2 },
        16 => Action::Deaf { feed, to, for_ms },
        17..=22 => {
            let (node, desk) = question(setup, dice);
            Action::Tamper { node, desk, how: Tamper::ALL[dice.usize(..Tamper::ALL.len())], messages }
        }
        23 => Action::Full { node: machine(dice), room: dice.u32(..3_000), for_ms },
        24 => Action::FailSync { node: NodeId::Ingestion },
        26 => Action::Jump { node: machine(dice), by_ms: dice.i32(-90_000..90_000) },
        27 => Action::LoseJournal { back_ms: for_ms / 2 },
        // 25 is left free for bit flips in the journal, whose consequences the model does not judge yet.
        _ => Action::Drop { feed, to, messages: messages * 4 },
    }
}

/// Now, or inside one of the next changes of the disk.
fn ending(node: NodeId, dice: &mut fastrand::Rng) -> u32 {
    let writes = matches!(node, NodeId::Ingestion | NodeId::Backfill);
    if writes && dice.bool() { dice.u32(1..25) } else { 0 }
}

fn machine(dice: &mut fastrand::Rng) -> NodeId {
    if dice.u8(..4) == 0 { NodeId::Backfill } else { NodeId::Ingestion }
}

fn service(setup: &Setup, dice: &mut fastrand::Rng) -> NodeId {
    match dice.u8(..4) {
        0 => NodeId::Ingestion,
        1 => NodeId::Engine,
        2 => NodeId::Backfill,
        _ => client(setup, dice),
    }
}

fn client(setup: &Setup, dice: &mut fastrand::Rng) -> NodeId {
    NodeId::Client(dice.u8(..setup.clients.len() as u8))
}

fn subscriber(setup: &Setup, dice: &mut fastrand::Rng) -> (Feed, NodeId) {
    match dice.u8(..4) {
        0 => (Feed::Journal, NodeId::Engine),
        1 => (Feed::Journal, NodeId::Backfill),
        _ => (Feed::Live, client(setup, dice)),
    }
}

fn question(setup: &Setup, dice: &mut fastrand::Rng) -> (NodeId, Desk) {
    match dice.u8(..7) {
        0 => (NodeId::Engine, Desk::Journal),
        1 => (NodeId::Backfill, Desk::Journal),
        2 => (NodeId::Producer(dice.u8(..setup.producers.len() as u8)), Desk::Ingest),
        3 => (NodeId::Engine, Desk::Ingest),
        _ => (client(setup, dice), Desk::Rows),
    }
}

fn pair(setup: &Setup, dice: &mut fastrand::Rng) -> (NodeId, NodeId) {
    let (server, other) = match dice.u8(..5) {
        0 => (NodeId::Ingestion, NodeId::Engine),
        1 => (NodeId::Ingestion, NodeId::Backfill),
        2 => (NodeId::Ingestion, NodeId::Producer(dice.u8(..setup.producers.len() as u8))),
        3 => (NodeId::Engine, client(setup, dice)),
        _ => (NodeId::Backfill, client(setup, dice)),
    };
    if dice.bool() { (server, other) } else { (other, server) }
}
