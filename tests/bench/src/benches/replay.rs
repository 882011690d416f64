//! B4: reading what is there already.

use super::Plan;
use crate::child::Part;
use crate::clock::now_ns;
use crate::load::{Load, Received};
use crate::ours::{Follow, Kind, prefix};
use crate::results::{At, Results};
use crate::role::{Places, Role};
use crate::system::{Carried, System, fill, start_stack};
use crate::{jetstream, redis_streams};
use anyhow::{Context, Result, ensure};
use gapless::{BackfillRequest, Client, Seq, SeqRange, StreamKey};
use gapless_tests::{LATER, Stack, eventually};

/// Rows of one page.
const PAGE: u64 = 10_000;
/// Pages read at random places.
const PAGES: u64 = 200;

pub(super) fn run(plan: &Plan, results: &mut Results) -> Result<()> {
    whole_streams(plan, results)?;
    pages(plan, results)
}

/// A fresh client reads everything.
fn whole_streams(plan: &Plan, results: &mut Results) -> Result<()> {
    let rows = plan.size(1_000_000);
    let stack = start_stack();
    for (name, kind) in [("small", Kind::Candles), ("wide", Kind::Metrics)] {
        plan.say(format!("B4: filling the archive, {kind:?}"));
        fill(&stack, &Carried::new(name, kind, Load::full(rows / 1000, 1000)))?;
        archived(&stack, kind, name, rows);
    }
    let servers = (present(System::JetStream), present(System::Redis));
    let nats = servers.0.then(|| jetstream_with(rows)).transpose()?;
    let redis = servers.1.then(|| redis_with(rows)).transpose()?;
    for round in 1..=plan.rounds {
        plan.say(format!("B4 round {round}: reading {rows} rows"));
        for (name, kind, case) in
            [("small", Kind::Candles, "48-byte candles"), ("wide", Kind::Metrics, "128-byte rows")]
        {
            let from = Places::from(&stack.endpoints());
            let follow =
                Follow { from, prefix: prefix(kind, name), rows, replay: true, clients: 1, pace: None };
            let at = At { bench: "B4", case, system: System::Gapless.name(), round };
            results.add(&at, "rows/s", read(Role::Follow(follow))?)?;
        }
        let case = "128-byte rows";
        if let Some(server) = &nats {
            let at = At { bench: "B4", case, system: System::JetStream.name(), round };
            results.add(&at, "rows/s", read(Role::JetStreamReceive(server.address(), rows))?)?;
        }
        if let Some(server) = &redis {
            let at = At { bench: "B4", case, system: System::Redis.name(), round };
            results.add(&at, "rows/s", read(Role::RedisReceive(server.address(), rows))?)?;
        }
    }
    Ok(())
}

fn present(system: System) -> bool {
    System::present().contains(&system)
}

fn jetstream_with(rows: u64) -> Result<jetstream::Server> {
    let server = jetstream::Server::start()?;
    jetstream::prepare(&server.address())?;
    let mut send = Part::start(&Role::JetStreamSend(server.address(), Load::full(rows, 1)))?;
    send.begin()?;
    send.result::<crate::load::Sent>()?;
    Ok(server)
}

fn redis_with(rows: u64) -> Result<redis_streams::Server> {
    let server = redis_streams::Server::start()?;
    let mut send = Part::start(&Role::RedisSend(server.address(), Load::full(rows, 1)))?;
    send.begin()?;
    send.result::<crate::load::Sent>()?;
    Ok(server)
}

/// Rows in a second, from the start of the reader.
fn read(role: Role) -> Result<f64> {
    let mut reader = Part::start(&role)?;
    let begun = now_ns();
    reader.begin()?;
    let received = reader.result::<Vec<Received>>()?.pop().context("nobody read")?;
    Ok(received.rows as f64 / (received.done_ns.saturating_sub(begun) as f64 / 1e9))
}

/// Waits until backfill has everything.
fn archived(stack: &Stack, kind: Kind, name: &str, rows: u64) {
    let topic = crate::ours::topic(kind, name, 0);
    eventually("backfill has every row", LATER * 10, || stack.latest(&topic) >= rows);
}

/// One page of 10,000 rows at a random place, with more and more rows archived.
fn pages(plan: &Plan, results: &mut Results) -> Result<()> {
    let stack = start_stack();
    let name = "pages";
    let key: StreamKey = crate::ours::topic(Kind::Candles, name, 0).parse()?;
    let client = Client::new(stack.endpoints());
    let mut random = fastrand::Rng::with_seed(7);
    let mut there = 0;
    let sizes = if plan.quick { vec![100_000, 1_000_000] } else { vec![100_000, 1_000_000, 10_000_000] };
    for rows in sizes {
        plan.say(format!("B4: pages of {PAGE} rows from {rows}"));
        let load = Load::full((rows - there) / 1000, 1000);
        fill(&stack, &Carried { first: there, ..Carried::new(name, Kind::Candles, load) })?;
        there = rows;
        archived(&stack, Kind::Candles, name, rows);
        let mut reader = client.reader()?;
        let case = format!("{rows} rows");
        let mut took = Vec::new();
        for _ in 0..PAGES {
            let mut wanted = SeqRange::of_len(Seq(random.u64(1..=rows - PAGE)), PAGE);
            let begun = now_ns();
            // While rows go from memory into the archive, an answer may end between the two.
            while !wanted.is_empty() {
                let got = reader.read(BackfillRequest::rows(key.clone(), wanted))?;
                ensure!(!got.range.is_empty(), "of the rows {wanted} none came");
                wanted = SeqRange::new(got.range.end(), wanted.end());
            }
            took.push((now_ns() - begun) as f64 / 1e6);
        }
        let cold = *took.first().context("no page")?;
        took.sort_by(f64::total_cmp);
        let at = At { bench: "B4", case: &case, system: System::Gapless.name(), round: 1 };
        let rank = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
        results.add(&at, "first page ms", cold)?;
        results.add(&at, "page p50 ms", rank(0.5))?;
        results.add(&at, "page p99 ms", rank(0.99))?;
    }
    Ok(())
}
