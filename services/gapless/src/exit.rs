//! How a command ends, and what people are told when it fails.

use gapless::{Error, Service};
use std::process::ExitCode;

/// How a command ended that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything is as it should be.
    Good,
    /// It ran, and what it found is not as it should be.
    Bad,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Good => ExitCode::SUCCESS,
            Outcome::Bad => ExitCode::from(1),
        }
    }
}

/// The command line or the configuration is wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// [`Usage`] as the error of a command.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Prints why a command failed and tells its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    eprintln!("gapless: {}", words(error));
    if let Some(hint) = hint(error) {
        eprintln!("  {hint}");
    }
    ExitCode::from(if is_usage(error) { 2 } else { 1 })
}

/// What went wrong and why, each thing once: some errors repeat their cause in their own words.
fn words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.contains(&cause) {
            continue;
        }
        let separator = if text.is_empty() { "" } else { ": " };
        text = format!("{text}{separator}{cause}");
    }
    text
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<Usage>()
            || cause.is::<gapless::KeyError>()
            || cause.is::<gapless_service_kit::ConfigError>()
            || matches!(cause.downcast_ref::<Error>(), Some(Error::Key(_) | Error::Usage(_)))
    })
}

/// The reader of stdout has seen enough, as `head` does: that is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(broken))
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if ["address in use", "address already in use"]
        .iter()
        .any(|known| words(error).to_lowercase().contains(known))
    {
        return Some(
            "`gapless status` shows a stack that runs already; `gapless up --free-ports` takes other ports"
                .into(),
        );
    }
    error.chain().find_map(|cause| match cause.downcast_ref::<Error>()? {
        Error::Unavailable { service, .. } => Some(how_to_start(&[*service])),
        _ => None,
    })
}

/// What to do when services are not there.
pub(crate) fn how_to_start(missing: &[Service]) -> String {
    let alone = match missing {
        [service] => format!(", or only this with `gapless-{service}`"),
        _ => String::new(),
    };
    format!("start everything with `gapless up`{alone}; elsewhere: --connect HOST")
}

#[cfg(test)]
mod tests;
