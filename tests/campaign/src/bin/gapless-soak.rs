//! `gapless-soak`: what grows under a steady load; see `make soak`.

use clap::Parser;
use gapless_campaign::soak::{Plan, run};
use gapless_service_kit::Shutdown;
use std::process::ExitCode;
use std::time::Duration;

/// Runs the services under a steady load while clients connect and leave each second, and fails when
/// memory, file descriptors, threads or disk grow after warm-up.
#[derive(Debug, Parser)]
#[command(name = "gapless-soak", version)]
struct Args {
    /// How long; the first fifth is warm-up
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Sizes of batches follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Batches a second, of each producer for each of its streams
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let plan =
        Plan { seed: args.seed, lasts: Duration::from_secs(args.seconds), batches_per_second: args.rate };
    let report = run(&plan, &shutdown)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
