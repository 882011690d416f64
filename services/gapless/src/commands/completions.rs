//! `gapless completions`: what a shell needs to complete the command line.

use crate::exit::Outcome;
use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Install with, for example: gapless completions bash > ~/.local/share/bash-completion/completions/gapless
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For which shell
    shell: Shell,
}

pub(crate) fn run(args: Args) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::Cli::command(), "gapless", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Outcome::Good)
}
