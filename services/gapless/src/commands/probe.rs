//! `gapless probe`: does a client survive an upstream that misbehaves? The reference client against every
//! scenario of the dev server, or another program's output against what was really made.

mod foreign;
mod reference;
mod verdict;

use crate::connect::Global;
use crate::exit::{Outcome, usage};
use crate::render;
use crate::terminal;
use anyhow::Result;
use gapless_dev_server::{Config, Scenario};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use verdict::Verdict;

/// Scenarios at once by default: most of a scenario is waiting.
const JOBS: usize = 8;

/// Runs a client against an upstream that misbehaves, and judges what it handed over.
///
/// Without --input it is the client of this program. With --input it is another program: its output is read as
/// NDJSON, a line a row with `stream`, `sequence` (or `seq`) and either `digest` or the row's values, in the order
/// in which the program handed them over; a line with an `event` (truncated, rewind, reset) tells what it told its
/// user. With --connect the rows are compared with those that the servers there have, without a dev server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names of scenarios, separated by commas, files of scenarios, or "all"
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "all")]
    scenario: Vec<String>,
    /// Seed of the faults instead of each scenario's own
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How many scenarios run at once
    #[arg(long, value_name = "COUNT", default_value_t = JOBS)]
    jobs: usize,
    /// Judge another program: the file with its output, or - for stdin
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// With --input: where the dev server's live feed is bound [default: tcp://127.0.0.1:5556]
    #[arg(long, value_name = "ENDPOINT")]
    live: Option<String>,
    /// With --input: where the dev server takes requests [default: tcp://127.0.0.1:5557]
    #[arg(long, value_name = "ENDPOINT")]
    backfill: Option<String>,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<Outcome> {
    let verdicts = match (&args.input, &global.connect) {
        (_, Some(_)) if args.scenario != ["all"] => {
            return Err(usage(
                "--connect compares with servers that run: leave out --scenario, or --connect",
            ));
        }
        (input, Some(_)) => vec![foreign::against_servers(&global.client()?, input.as_deref())?],
        (Some(input), None) => vec![foreign::against_scenario(&config(&args, only(&args.scenario)?), input)?],
        (None, None) => reference_client(&args)?,
    };
    if global.json {
        render::json(&verdicts)?;
    } else {
        verdict::print(&verdicts)?;
    }
    Ok(if verdicts.iter().all(Verdict::is_good) { Outcome::Good } else { Outcome::Bad })
}

fn only(names: &[String]) -> Result<&str> {
    match names {
        [name] if name != "all" => Ok(name),
        _ => Err(usage("--input: say one scenario with --scenario, since a program is judged by one")),
    }
}

fn config(args: &Args, scenario: &str) -> Config {
    let default = Config::default();
    Config {
        live: args.live.clone().unwrap_or(default.live),
        backfill: args.backfill.clone().unwrap_or(default.backfill),
        scenario: scenario.to_owned(),
        seed: args.seed.unwrap_or(0),
        record: true,
        ..Config::on_any_port()
    }
}

/// Every scenario with the client of this program, some at once, in the order in which they were named.
fn reference_client(args: &Args) -> Result<Vec<Verdict>> {
    let names: Vec<String> = match &args.scenario[..] {
        [all] if all == "all" => Scenario::names().map(String::from).collect(),
        names => names.to_vec(),
    };
    // All of them are known before the first one runs.
    names
        .iter()
        .try_for_each(|name| Scenario::find(name).map(drop))
        .map_err(|error| usage(error.to_string()))?;
    let bar = terminal::bar(names.len() as u64, "scenarios");
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.clamp(1, names.len().max(1)) {
            scope.spawn(|| {
                while let Some((at, name)) = take(&names, &next) {
                    let config = Config { seed: args.seed.unwrap_or(0), ..Config::on_any_port() };
                    let verdict = reference::run(&Config { scenario: name.clone(), record: true, ..config });
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, verdict));
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, verdict)| verdict).collect()
}

fn take<'a>(names: &'a [String], next: &AtomicUsize) -> Option<(usize, &'a String)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    names.get(at).map(|name| (at, name))
}

#[cfg(test)]
mod tests;
