//! What can be wrong with a configuration.
use std::fmt;
use std::path::PathBuf;

/// One value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where it was said: `gapless.toml:12`, `environment variable X`, `command line`, `default`.
    pub place: String,
    /// The key with its table (`ingestion.journal.sync`).
    pub key: String,
    /// The value, masked where the key looks like a secret.
    pub value: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} = {}: {}", self.place, self.key, self.value, self.message)
    }
}

/// A configuration that cannot be used. All variants ask the same of the caller: show it and end with
/// exit code 2.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file that was asked for cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's complaint.
        message: String,
    },
    /// Values that are unknown, ill-typed or out of bounds.
    #[error("{}", lines(complaints))]
    Rejected {
        /// Every complaint found.
        complaints: Vec<Complaint>,
    },
    /// The configuration type has no TOML form: a bug in the service.
    #[error("the configuration cannot be represented as TOML (a bug, please report it): {message}")]
    Bug {
        /// The serialiser's complaint.
        message: String,
    },
}

impl ConfigError {
    pub(crate) fn rejected(complaint: Complaint) -> ConfigError {
        ConfigError::Rejected { complaints: vec![complaint] }
    }
}

fn lines(complaints: &[Complaint]) -> String {
    complaints.iter().map(Complaint::to_string).collect::<Vec<_>>().join("\n")
}
