//! Structured logs on stderr.
use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: one line each, coloured on a terminal.
    #[default]
    Human,
    /// For machines: one JSON object each.
    Json,
}

/// The level or filter text could not be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "log level `{level}` is not understood ({reason}): use error, warn, info, debug, trace or a filter such as info,gapless_journal=debug"
)]
pub struct LogError {
    level: String,
    reason: String,
}

/// Starts the process's log: `level` is a level or a filter (`info,gapless_follow=debug`). A second
/// call in the same process changes nothing, so services that share a process may all call it.
///
/// # Errors
/// When `level` is not a filter.
pub fn init_logs(level: &str, format: LogFormat) -> Result<(), LogError> {
    let wrong = |reason: String| LogError { level: level.to_owned(), reason };
    if let Some(word) = level.split(',').map(str::trim).find(|word| !is_directive(word)) {
        return Err(wrong(format!("{word:?} is no level")));
    }
    let filter = EnvFilter::try_new(level).map_err(|reason| wrong(reason.to_string()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = match format {
        LogFormat::Human => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Whether it is a level or names a part of the program. Any word would be taken for such a part, and a mistyped level
/// would silence everything.
fn is_directive(word: &str) -> bool {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    word.contains(['=', '[', ':'])
        || word.starts_with("gapless")
        || levels.iter().any(|level| word.eq_ignore_ascii_case(level))
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, init_logs, is_directive};

    #[test]
    fn a_mistyped_level_is_refused_and_a_filter_is_not() {
        for right in ["info", "WARN", "info,gapless_follow=debug", "gapless_journal", "off"] {
            assert!(right.split(',').all(is_directive), "{right}");
        }
        let error = init_logs("info,wran", LogFormat::Human).unwrap_err().to_string();
        assert!(error.contains("\"wran\" is no level"), "{error}");
    }
}
