//! `gapless-sim`: runs the simulated world from the command line.

use clap::{Parser, Subcommand};
use gapless_sim::campaign::{Tally, campaign};
use gapless_sim::run::{report, run, shrink};
use gapless_sim::schedule::Plan;
use indicatif::{ProgressBar, ProgressStyle};
use std::process::ExitCode;
use std::time::Instant;

/// Runs of one failing schedule while it is made shorter.
const SHRINK_TRIES: u32 = 600;

/// Runs the whole system in a simulated world, one run per seed, and checks every step.
#[derive(Debug, Parser)]
#[command(name = "gapless-sim")]
struct Args {
    /// Runs one seed.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// With --seed: prints what happens, event by event.
    #[arg(long, requires = "seed")]
    log: bool,
    /// With --seed: makes a failing schedule as short as possible first.
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// With --seed: without checkpoints and flipped bits, as the world once was.
    #[arg(long, requires = "seed")]
    without_extras: bool,
    /// How many seeds to run.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Threads; 0: one per core.
    #[arg(long, default_value_t = 0)]
    jobs: usize,
    /// Stops after so many failures.
    #[arg(long, default_value_t = 5)]
    max_failures: usize,
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Looks for a seed that finds each planted mistake; needs a build with --features planted.
    Planted {
        /// Writes the list to docs/PLANTED.md.
        #[arg(long)]
        write: bool,
    },
}

fn main() -> ExitCode {
    let args = Args::parse();
    let is_fine = match (&args.command, args.seed) {
        (Some(Command::Planted { write }), _) => planted(*write),
        (None, Some(seed)) => one(seed, &args),
        (None, None) => many(&args),
    };
    if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(seed: u64, args: &Args) -> bool {
    let mut plan = if args.without_extras { Plan::without_extras(seed) } else { Plan::of(seed) };
    if args.shrink
        && let Some(failure) = run(&plan, false).failure
    {
        plan = shrink(&plan, &failure, SHRINK_TRIES);
    }
    let outcome = run(&plan, args.log);
    for line in &outcome.log {
        println!("{line}");
    }
    match &outcome.failure {
        Some(failure) => println!("{}", report(&plan, failure)),
        None => println!(
            "seed {seed}: fine after {:.1} virtual seconds, trace {:016x}",
            outcome.elapsed.as_secs_f64(),
            outcome.hash
        ),
    }
    outcome.failure.is_none()
}

fn many(args: &Args) -> bool {
    let jobs = match args.jobs {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        jobs => jobs,
    };
    let bar = ProgressBar::new(args.seeds);
    let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left, {msg} failed";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    let began = Instant::now();
    let tally = campaign(args.from, args.seeds, jobs, args.max_failures, |done, failed| {
        bar.set_position(done);
        bar.set_message(failed.to_string());
    });
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    if args.json {
        println!("{}", json(&tally, seconds));
        return tally.failed.is_empty();
    }
    for (what, count) in &tally.counts {
        println!("{count:>12} in {:>6} runs  {what}", tally.runs_with.get(what).copied().unwrap_or(0));
    }
    println!(
        "{} runs in {seconds:.1} s ({:.0} a second, {jobs} threads), at most {} virtual seconds, {} failed",
        tally.runs,
        tally.runs as f64 / seconds,
        tally.longest_secs,
        tally.failed.len()
    );
    for outcome in &tally.failed {
        if let Some(failure) = &outcome.failure {
            println!("\nseed {}: {}; making it shorter ...", outcome.seed, failure.rule);
            let plan = shrink(&Plan::of(outcome.seed), failure, SHRINK_TRIES);
            let failure = run(&plan, false).failure.unwrap_or_else(|| failure.clone());
            println!("{}", report(&plan, &failure));
        }
    }
    tally.failed.is_empty()
}

#[cfg(feature = "planted")]
fn planted(write: bool) -> bool {
    use gapless_sim::planted::{SEEDS, hunt_all, page};
    let found = hunt_all(SEEDS);
    let text = page(&found);
    print!("{text}");
    if write && let Err(error) = std::fs::write(gapless_sim::planted::PAGE, text) {
        eprintln!("{}: {error}", gapless_sim::planted::PAGE);
        return false;
    }
    found.iter().all(|found| found.seed.is_some())
}

#[cfg(not(feature = "planted"))]
fn planted(_write: bool) -> bool {
    eprintln!("this build has no mistakes in it: cargo run -p gapless-sim --features planted -- planted");
    false
}

fn json(tally: &Tally, seconds: f64) -> serde_json::Value {
    let failed = tally.failed.iter().filter_map(|outcome| {
        let failure = outcome.failure.as_ref()?;
        Some(serde_json::json!({
            "seed": outcome.seed, "rule": failure.rule, "detail": failure.detail,
        }))
    });
    serde_json::json!({
        "runs": tally.runs,
        "seconds": seconds,
        "longest_virtual_seconds": tally.longest_secs,
        "counts": tally.counts,
        "failed": failed.collect::<Vec<_>>(),
    })
}
