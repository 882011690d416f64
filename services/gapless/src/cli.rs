//! The command line itself.

use crate::commands::{
    act, completions, demo, export, probe, replay, send, simulate, status, streams, tail, up, verify,
};
use crate::connect::Global;
use crate::exit::Outcome;
use anyhow::Result;
use clap::{Parser, Subcommand};

/// The first line of the help.
const ABOUT: &str = "Live data that arrives exactly once, in order, from where you left off";

/// The program with its flags.
#[derive(Debug, Parser)]
#[command(name = "gapless", version, about = ABOUT, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole stack in this process: ingestion, live-engine and backfill, with --snapshots also
    /// the snapshot-writer
    Up(up::Args),
    /// Start a stack with this machine's telemetry and a simulated market, and watch it live
    Demo(demo::Args),
    /// Follow streams: print their rows, or keep them in a DuckDB file
    Tail(tail::Args),
    /// Send rows (NDJSON, JSON or CSV) to a stream
    Send(send::Args),
    /// Send candle or tick files (CSV or Parquet); can be stopped and resumed
    Replay(replay::Args),
    /// Send a simulated market, until it is stopped
    Simulate(simulate::Args),
    /// List the streams there are
    Streams(streams::Args),
    /// Show the health of the services and how far each is
    Status(status::Args),
    /// Write a stream, or a part of it, to a CSV or Parquet file
    Export(export::Args),
    /// Prove that journal, archive, live feed and an application, or an artifact, hold the same rows
    Verify(verify::Args),
    /// Judge a client against an upstream that misbehaves: this program's own, or another program's output
    Probe(probe::Args),
    /// Have a checkpoint of the live engine written now
    Checkpoint(act::Args),
    /// Have everything that waits written into the artifacts now
    Flush(act::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

impl Cli {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Outcome> {
        let Cli { global, command } = self;
        let default_level = match &command {
            Command::Up(_) => "info",
            // What a bad upstream does is what they are about.
            Command::Demo(_) | Command::Probe(_) => "error",
            _ => "warn",
        };
        global.init_logs(default_level)?;
        match command {
            Command::Up(args) => up::run(&global, args),
            Command::Demo(args) => demo::run(&global, args),
            Command::Tail(args) => tail::run(&global, args),
            Command::Send(args) => send::run(&global, args),
            Command::Replay(args) => replay::run(&global, args),
            Command::Simulate(args) => simulate::run(&global, args),
            Command::Streams(args) => streams::run(&global, args),
            Command::Status(args) => status::run(&global, args),
            Command::Export(args) => export::run(&global, args),
            Command::Verify(args) => verify::run(&global, args),
            Command::Probe(args) => probe::run(&global, args),
            Command::Checkpoint(args) => act::run(&global, act::What::Checkpoint, args),
            Command::Flush(args) => act::run(&global, act::What::Flush, args),
            Command::Completions(args) => completions::run(args),
        }
    }
}

#[cfg(test)]
mod tests;
