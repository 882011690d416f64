//! `gapless-soak`: what grows under a steady load; see `make soak`.

use clap::Parser;
use gapless_campaign::soak::{Plan, run};
use gapless_service_kit::Shutdown;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// Runs the services under a steady load while clients connect and leave each second, and fails when
/// memory, file descriptors, threads or disk grow after warm-up.
#[derive(Debug, Parser)]
#[command(name = "gapless-soak", version)]
struct Args {
    /// How long; half of it is warm-up, at most 600 s. A run of less than 1200 s sees large leaks alone
    #[arg(long, default_value_t = 1200)]
    seconds: u64,
    /// Sizes of batches follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Batches a second, of each producer for each of its streams
    #[arg(long, default_value_t = 40)]
    rate: u32,
    /// Only visitors whose description contains this, such as "topics"; "nobody" for none
    #[arg(long, default_value = "", hide_default_value = true, value_name = "WORDS")]
    visitors: String,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

/// Its value for this process alone: visitors are threads that come and go, and with one arena for each of
/// them the allocator keeps four times as much and takes many minutes to fill.
const ARENAS: (&str, &str) = ("MALLOC_ARENA_MAX", "2");

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if std::env::var_os(ARENAS.0).is_none() {
        let again = std::env::current_exe()?;
        let error = Command::new(again).args(std::env::args_os().skip(1)).env(ARENAS.0, ARENAS.1).exec();
        return Err(error.into());
    }
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let plan = Plan {
        seed: args.seed,
        lasts: Duration::from_secs(args.seconds),
        batches_per_second: args.rate,
        visitors: args.visitors,
    };
    let report = run(&plan, &shutdown)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
