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
    eprintln!("gapless: {error:#}");
    if let Some(hint) = hint(error) {
        eprintln!("  {hint}");
    }
    ExitCode::from(if is_usage(error) { 2 } else { 1 })
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
    error.chain().find_map(|cause| match cause.downcast_ref::<Error>()? {
        Error::Unavailable { service, .. } => Some(how_to_start(*service)),
        _ => None,
    })
}

/// What to do when a service is not there.
pub(crate) fn how_to_start(service: Service) -> String {
    format!(
        "start everything with `gapless up`, or only this with `gapless-{service}`; elsewhere: --connect HOST"
    )
}
