//! What must hold of any configuration, whatever stands in the file and the environment: the body of a fuzz
//! target, and of the tests that replay its corpus for each service.
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Table;

use super::file::FileLayer;
use super::{ConfigError, Validate, load_layers, to_toml};

/// What the file is called in complaints.
const FILE: &str = "fuzz.toml";
/// The longest error: some dozens of lines.
const MAX_ERROR_BYTES: usize = 100_000;
/// The services whose tables are read, by the first byte of an input.
const SERVICES: [&str; 4] = ["ingestion", "live-engine", "backfill", "snapshot-writer"];

/// An input: which service, the text of `gapless.toml`, and after a zero byte what the environment has, one
/// `NAME=value` a line. Inputs for other services are passed over.
///
/// # Panics
/// When something does not hold: an error names key and place and is short; what is accepted is accepted
/// again, as the same, when it is printed.
pub fn assert_sound<C>(service: &str, input: &[u8])
where
    C: Serialize + DeserializeOwned + Default + Validate,
{
    let Some((&which, input)) = input.split_first() else { return };
    if SERVICES.get(usize::from(which) % SERVICES.len()).is_none_or(|chosen| *chosen != service) {
        return;
    }
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (text, environment) = input.split_once('\0').unwrap_or((input, ""));
    match printed::<C>(service, text, environment) {
        Ok(once) => match printed::<C>(service, &once, "") {
            Ok(again) => assert_eq!(again, once, "the configuration is another one when printed"),
            Err(error) => panic!("what was accepted is refused when printed: {error}\n{once}"),
        },
        Err(error) => check(service, &error, text),
    }
}

/// Reads the configuration and prints it.
fn printed<C>(service: &str, text: &str, environment: &str) -> Result<String, ConfigError>
where
    C: Serialize + DeserializeOwned + Default + Validate,
{
    let file = FileLayer::parse(FILE.into(), text.to_owned(), service)?;
    let variables = environment.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    to_toml(service, &load_layers::<C>(service, file, Table::new(), variables)?)
}

fn check(service: &str, error: &ConfigError, text: &str) {
    let words = error.to_string();
    assert!(words.len() <= MAX_ERROR_BYTES, "an error of {} bytes: {words:.200}", words.len());
    let lines = text.lines().count() + 1;
    match error {
        ConfigError::Rejected { complaints } => {
            assert!(!complaints.is_empty(), "refused without a reason");
            for complaint in complaints {
                let place = &complaint.place;
                let line = place.strip_prefix(FILE).and_then(|rest| rest.strip_prefix(':'));
                let in_file =
                    line.and_then(|line| line.parse().ok()).is_some_and(|line| (1..=lines).contains(&line));
                let elsewhere = place == "default" || place.starts_with("environment variable GAPLESS_");
                assert!(in_file || elsewhere, "{complaint:?}");
                let is_named = !complaint.key.is_empty() || complaint.message.starts_with("unknown table");
                assert!(is_named, "{service}: {complaint:?}");
            }
        }
        ConfigError::Syntax { line, .. } => assert!((1..=lines).contains(line), "line {line} of {lines}"),
        ConfigError::Unreadable { .. } | ConfigError::Bug { .. } => panic!("{error}"),
    }
}
