//! The command line `gapless`: the embedded stack, and tools that speak to any running one.
//!
//! It is a shell around other crates: following and sending is `gapless`, files are `gapless-formats`,
//! services are their own crates, embedded as libraries. No protocol is spoken here.
//!
//! # Invariants
//! - Results go to stdout, everything else to stderr; with `--json` stdout holds nothing but JSON.
//! - Exit code 0 is success, 1 failure (also: a difference found, a row lost), 2 wrong usage or settings.
//! - Nothing waits without a bound for a service that is not there, and says how to start it.
//!
//! The smallest example: `gapless demo`.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod cli;
mod commands;
mod connect;
mod exit;
mod files;
mod http;
mod render;
mod stack;
mod terminal;

use clap::Parser;
use std::process::ExitCode;

/// Parses the command line, runs the command and tells how it went.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(outcome) => outcome.into(),
        Err(error) => exit::report(&error),
    }
}
