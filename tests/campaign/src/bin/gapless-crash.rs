//! `gapless-crash`: faults by a seed against the real services; see `make crash`.

use clap::{Parser, Subcommand};
use gapless_campaign::crash::{FollowArgs, Plan, follow, run};
use gapless_service_kit::Shutdown;
use std::process::ExitCode;
use std::time::Duration;

/// Kills, stops and starves the services under load for a time, then demands that every place holds the
/// same rows and that nothing acknowledged is lost or repeated. Exit code 1 when it is not so.
#[derive(Debug, Parser)]
#[command(name = "gapless-crash", version)]
struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Everything random follows from it [default: a new one]
    #[arg(long)]
    seed: Option<u64>,
    /// How long faults hit
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Batches a second, of each producer for each of its streams
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Do not mount small disks to fill them
    #[arg(long)]
    no_full_disk: bool,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Part {
    #[command(hide = true)]
    Follow(FollowArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(Part::Follow(args)) = &args.part {
        follow(args)?;
        return Ok(ExitCode::SUCCESS);
    }
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let plan = Plan {
        seed: args.seed.unwrap_or_else(|| fastrand::u64(1..1_000_000)),
        lasts: Duration::from_secs(args.seconds),
        full_disk: !args.no_full_disk,
        batches_per_second: args.rate,
    };
    let report = run(&plan, &shutdown)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
