//! What can be wrong with a configuration.
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

/// Complaints that are shown; a file of another program has thousands.
const MAX_SHOWN: usize = 20;
/// Characters of one part of a complaint, such as the value: all keys that a table may have fit.
const MAX_PART_CHARS: usize = 500;

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

/// Whatever stands in the file, a complaint about it fits a few lines.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Complaint { place, key, value, message } = self;
        write!(f, "{}: {} = {}: {}", cut(place), cut(key), cut(value), cut(message))
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
    #[error("{}:{line}: not valid TOML: {}", path.display(), cut(message))]
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
    let mut lines: Vec<String> = complaints.iter().take(MAX_SHOWN).map(Complaint::to_string).collect();
    if complaints.len() > MAX_SHOWN {
        lines.push(format!("and {} more", complaints.len() - MAX_SHOWN));
    }
    lines.join("\n")
}

/// The beginning of `text`.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_PART_CHARS).and_then(|(end, _)| text.get(..end)) {
        Some(beginning) => format!("{beginning}...").into(),
        None => text.into(),
    }
}
