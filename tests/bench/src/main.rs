//! `gapless-bench`: measures Gapless beside other systems; see `make bench`.

use anyhow::Result;
use clap::{Parser, Subcommand};
use gapless_bench::benches::{self, Plan};
use gapless_bench::machine::About;
use gapless_bench::results::Results;
use gapless_bench::role::{self, Role};
use gapless_bench::{process, report};
use std::path::PathBuf;

/// Measures what being gapless costs, side by side with plain ZeroMQ and, where they are installed, NATS JetStream
/// and Redis Streams.
#[derive(Debug, Parser)]
#[command(name = "gapless-bench", version)]
struct Args {
    /// Only these: B1, B2, ... [default: all]
    #[arg(value_name = "NAME")]
    only: Vec<String>,
    /// A tenth of everything
    #[arg(long)]
    quick: bool,
    /// How often each figure is measured [default: 5, or 2 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: Option<u64>,
    /// Write every figure there, a line of JSON each
    #[arg(long, value_name = "FILE")]
    figures: Option<PathBuf>,
    /// Renew the tables and charts of the page BENCHMARKS.md in this folder
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One process of a benchmark
    #[command(hide = true)]
    Role {
        /// Which, as JSON
        role: String,
    },
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Command::Role { role }) = &args.command {
        let role: Role = serde_json::from_str(role)?;
        return role::play(&role);
    }
    process::open_many_files()?;
    let rounds = args.rounds.map_or(if args.quick { 2 } else { 5 }, |rounds| rounds as usize);
    let about = About::here(rounds, args.quick)?;
    let mut results = Results::new(args.figures.as_deref(), &about)?;
    let plan = Plan::new(rounds, args.quick)?;
    benches::run(&args.only, &plan, &mut results)?;
    plan.progress.finish_and_clear();
    println!("{}", report::text(&about, &results));
    if let Some(folder) = &args.write {
        report::write(folder, &about, &results)?;
    }
    Ok(())
}
