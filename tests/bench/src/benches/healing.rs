//! B5: how soon a client has everything again after a fault, while rows go on to come.
//!
//! A client is whole when it is handed a row that was sent after the fault had ended: rows come in order, so nothing
//! before it is missing.

use super::Plan;
use crate::child::Part;
use crate::clock::{now_ns, sleep_until};
use crate::load::{Load, Received, Sent};
use crate::ours::{Follow, Kind, prefix};
use crate::process::{freeze, thaw};
use crate::results::{At, Results};
use crate::role::{Places, Role};
use crate::system::{Carried, System, producer_of, start_stack};
use anyhow::{Context, Result};
use gapless::Endpoints;
use gapless_service_kit::metrics::names;
use gapless_tests::{Part as Service, Relay, Stack};

/// Rows a second, while one client follows.
const RATE: u64 = 10_000;
/// The same while a hundred do.
const SHARED_RATE: u64 = 1_000;
const MILLI: u64 = 1_000_000;

pub(super) fn run(plan: &Plan, results: &mut Results) -> Result<()> {
    let stack = start_stack();
    for round in 1..=plan.rounds {
        let bench = Round { stack: &stack, round };
        for ms in if plan.quick { [500, 2_000] } else { [1_000, 10_000] } {
            plan.say(format!("B5 round {round}: the client is stopped for {} s", ms as f64 / 1000.0));
            bench.outage(ms, results)?;
        }
        plan.say(format!("B5 round {round}: a tenth of the messages is lost"));
        bench.loss(results)?;
        plan.say(format!("B5 round {round}: backfill is killed while a tenth is lost"));
        bench.restart(results)?;
        plan.say(format!("B5 round {round}: 100 clients come back at once"));
        bench.crowd(results)?;
    }
    Ok(())
}

struct Round<'a> {
    stack: &'a Stack,
    round: usize,
}

impl Round<'_> {
    /// Rows that flow for `seconds`, to clients at these places.
    fn flow(&self, name: &str, from: &Endpoints, load: Load, clients: u64) -> Result<(Part, Part)> {
        let name = format!("{name}-{}", self.round);
        let follow = Follow {
            from: Places::from(from),
            prefix: prefix(Kind::Metrics, &name),
            rows: load.total(),
            replay: false,
            clients,
            pace: None,
        };
        let mut follow = Part::start(&Role::Follow(follow))?;
        let mut send = producer_of(self.stack, &Carried::new(&name, Kind::Metrics, load))?;
        follow.begin()?;
        send.begin()?;
        Ok((send, follow))
    }

    fn outage(&self, ms: u64, results: &mut Results) -> Result<()> {
        let served = self.served();
        let load = Load::paced(RATE, ms.div_ceil(1000) + 3);
        let (send, follow) = self.flow(&format!("stopped{ms}"), &self.stack.endpoints(), load, 1)?;
        sleep_until(now_ns() + 1_000 * MILLI);
        let back = self.stop(&follow, ms)?;
        let case = format!("stopped for {} s", ms as f64 / 1000.0);
        self.tell(&case, back, served, (send, follow), results)
    }

    fn loss(&self, results: &mut Results) -> Result<()> {
        let served = self.served();
        let (_relay, lossy) = self.lossy();
        let (send, follow) = self.flow("lost", &lossy, Load::paced(RATE, 3), 1)?;
        send.result::<Sent>()?;
        let received = one(follow)?;
        let at = self.at("a tenth is lost");
        results.add(&at, "p50 us", received.latency.p50)?;
        results.add(&at, "p99 us", received.latency.p99)?;
        results.add(&at, "replayed / needed", (self.served() - served) / received.healed as f64)
    }

    fn restart(&self, results: &mut Results) -> Result<()> {
        let (_relay, lossy) = self.lossy();
        let (send, follow) = self.flow("restart", &lossy, Load::paced(RATE, 4), 1)?;
        sleep_until(now_ns() + 1_000 * MILLI);
        self.stack.kill(Service::Backfill);
        self.stack.start_part(Service::Backfill);
        let back = now_ns();
        send.result::<Sent>()?;
        self.whole_after("backfill is restarted while a tenth is lost", back, &[one(follow)?], results)
    }

    fn crowd(&self, results: &mut Results) -> Result<()> {
        let load = Load::paced(SHARED_RATE, 5);
        let (send, follow) = self.flow("crowd", &self.stack.endpoints(), load, 100)?;
        sleep_until(now_ns() + 1_000 * MILLI);
        let back = self.stop(&follow, 2_000)?;
        send.result::<Sent>()?;
        let received: Vec<Received> = follow.result()?;
        self.whole_after("100 clients after 2 s, 1,000 rows/s", back, &received, results)
    }

    /// Stops clients for so long; when they went on.
    fn stop(&self, clients: &Part, ms: u64) -> Result<u64> {
        freeze(clients.pid())?;
        sleep_until(now_ns() + ms * MILLI);
        thaw(clients.pid())?;
        Ok(now_ns())
    }

    fn tell(
        &self,
        case: &str,
        back: u64,
        served: f64,
        (send, follow): (Part, Part),
        results: &mut Results,
    ) -> Result<()> {
        send.result::<Sent>()?;
        let received = one(follow)?;
        if received.healed > 0 {
            let ratio = (self.served() - served) / received.healed as f64;
            results.add(&self.at(case), "replayed / needed", ratio)?;
        }
        self.whole_after(case, back, &[received], results)
    }

    /// How long the slowest took.
    fn whole_after(&self, case: &str, back: u64, clients: &[Received], results: &mut Results) -> Result<()> {
        let whole = |received: &Received| {
            let at =
                received.had_everything_of(back).context("the rows ended before the client was whole")?;
            Ok((at - back) as f64 / 1e9)
        };
        let took = clients.iter().map(whole).collect::<Result<Vec<f64>>>()?;
        results.add(&self.at(case), "s until whole", took.into_iter().fold(0.0, f64::max))
    }

    fn at<'a>(&self, case: &'a str) -> At<'a> {
        At { bench: "B5", case, system: System::Gapless.name(), round: self.round }
    }

    /// The live feed without every tenth message, and where a client finds it.
    fn lossy(&self) -> (Relay, Endpoints) {
        let mut random = fastrand::Rng::with_seed(self.round as u64);
        let relay = Relay::start(&self.stack.live(), move |topic, _| {
            !topic.starts_with("metrics.bench.") || random.u8(0..10) > 0
        });
        let endpoints = Endpoints { live: relay.address(), ..self.stack.endpoints() };
        (relay, endpoints)
    }

    /// Rows that backfill has served.
    fn served(&self) -> f64 {
        self.stack.with(Service::Backfill, |backfill| backfill.metric(names::ROWS_SERVED, ""))
    }
}

fn one(follow: Part) -> Result<Received> {
    follow.result::<Vec<Received>>()?.pop().context("nobody followed")
}
