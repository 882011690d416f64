use std::io::Write;

use tempfile::NamedTempFile;

use super::*;
use crate::args::overrides;
use crate::units::{ByteSize, HumanDuration, Secret};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Sample {
    listen: String,
    workers: usize,
    symbols: Vec<String>,
    journal: Journal,
    token: Secret,
    label: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Journal {
    sync: HumanDuration,
    segment_bytes: ByteSize,
}

impl Default for Sample {
    fn default() -> Sample {
        Sample {
            listen: "tcp://127.0.0.1:5551".to_owned(),
            workers: 2,
            symbols: Vec::new(),
            journal: Journal::default(),
            token: Secret::default(),
            label: None,
        }
    }
}

impl Default for Journal {
    fn default() -> Journal {
        Journal { sync: HumanDuration::from_millis(50), segment_bytes: ByteSize::from_mib(64) }
    }
}

impl Validate for Sample {
    fn validate(&self) -> Result<(), Invalid> {
        if self.workers == 0 {
            return Err(Invalid::new("workers", "must be at least 1"));
        }
        Ok(())
    }
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn read(text: &str, env: &[(&str, &str)], flags: Table) -> Result<Loaded<Sample>, ConfigError> {
    let file = file(text);
    let cli = CommonArgs { config: Some(file.path().to_owned()), ..CommonArgs::default() };
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    load_from("live-engine", &cli, flags, env)
}

/// The complaint with the temporary file's name cut off.
fn complaint(result: Result<Loaded<Sample>, ConfigError>) -> String {
    let text = result.unwrap_err().to_string();
    match text.find(".tmp").and_then(|at| text[at..].find(':').map(|colon| at + colon)) {
        Some(colon) => format!("FILE{}", &text[colon..]),
        None => text,
    }
}

#[test]
fn each_layer_overrides_the_one_below() {
    let text =
        "[live-engine]\nworkers = 3\nlisten = 'file'\nsymbols = ['A']\n[live-engine.journal]\nsync = '7d'\n";
    let env = [
        ("GAPLESS_LIVE_ENGINE_LISTEN", "env"),
        ("GAPLESS_LIVE_ENGINE_JOURNAL_SEGMENT_BYTES", "1MiB"),
        ("GAPLESS_LIVE_ENGINE_SYMBOLS", "B, C"),
        ("GAPLESS_LIVE_ENGINE_LOG_LEVEL", "debug"),
        ("GAPLESS_BACKFILL_WORKERS", "99"),
    ];
    let flags = overrides([("listen", Some(Value::from("flag"))), ("workers", None)]);
    let loaded = read(text, &env, flags).unwrap();
    assert_eq!(loaded.common.log_level, "debug");
    let expected = Sample {
        listen: "flag".to_owned(),
        workers: 3,
        symbols: vec!["B".to_owned(), "C".to_owned()],
        journal: Journal { sync: HumanDuration::from_secs(604_800), segment_bytes: ByteSize::from_mib(1) },
        ..Sample::default()
    };
    assert_eq!(loaded.config, expected);
}

#[test]
fn an_unknown_key_is_an_error_that_names_key_value_and_line() {
    let said = complaint(read("\n[live-engine]\nworkers = 1\njornal = 'x'\n", &[], Table::new()));
    assert!(said.starts_with("FILE:4: live-engine.jornal = \"x\": unknown key; there are: "), "{said}");
    assert!(said.contains("journal, ") && said.contains("workers"), "{said}");

    let nested = complaint(read("[live-engine.journal]\n\nsink = 1\n", &[], Table::new()));
    assert_eq!(nested, "FILE:3: live-engine.journal.sink = 1: unknown key; there are: segment_bytes, sync");
}

#[test]
fn a_misspelt_variable_is_an_error_that_names_it() {
    let said = complaint(read("", &[("GAPLESS_LIVE_ENGINE_WORKRES", "4")], Table::new()));
    assert!(
        said.starts_with(
            "environment variable GAPLESS_LIVE_ENGINE_WORKRES: live-engine.workres = 4: unknown key"
        ),
        "{said}"
    );
}

#[test]
fn a_table_of_no_service_is_an_error_with_its_line() {
    let said = complaint(read("[backfill]\nanything = 1\n[injestion]\n", &[], Table::new()));
    assert!(said.starts_with("FILE:3: injestion = {}: unknown table; there are: ingestion, "), "{said}");
}

#[test]
fn a_value_of_the_wrong_form_is_told_with_its_place() {
    let said = complaint(read("[live-engine]\njournal = { sync = '5 parsecs' }\n", &[], Table::new()));
    assert_eq!(
        said,
        "FILE:2: live-engine.journal.sync = \"5 parsecs\": `5 parsecs` is not a duration such as 50ms, 2s, 1h30m or 7d"
    );
    let said = complaint(read("", &[("GAPLESS_LIVE_ENGINE_WORKERS", "many")], Table::new()));
    assert!(said.starts_with("environment variable GAPLESS_LIVE_ENGINE_WORKERS: "), "{said}");
}

#[test]
fn a_value_out_of_bounds_is_told_with_the_layer_that_said_it() {
    let flags = overrides([("workers", Some(Value::from(0)))]);
    let said = complaint(read("[live-engine]\nworkers = 5\n", &[], flags));
    assert_eq!(said, "command line: live-engine.workers = 0: must be at least 1");
}

#[test]
fn a_file_that_is_not_toml_is_told_with_its_line() {
    let said = complaint(read("[live-engine]\nworkers = \n", &[], Table::new()));
    assert!(said.starts_with("FILE:2: not valid TOML: "), "{said}");
    let cli = CommonArgs { config: Some("/nowhere/gapless.toml".into()), ..CommonArgs::default() };
    let absent = load::<Sample>("live-engine", &cli, Table::new());
    assert!(absent.unwrap_err().to_string().starts_with("/nowhere/gapless.toml: cannot be read"));
}

#[test]
fn the_printed_configuration_masks_secrets_and_reads_back() {
    let loaded = read("[live-engine]\ntoken = 'hunter2'\nworkers = 7\n", &[], Table::new()).unwrap();
    let text = to_toml("live-engine", &loaded).unwrap();
    assert!(!text.contains("hunter2") && text.contains("token = \"********\""), "{text}");
    assert_eq!(read(&text, &[], Table::new()).unwrap().config.workers, 7);
}

#[test]
fn a_secret_inside_a_value_that_is_refused_is_not_shown() {
    let inside = complaint(read("[live-engine]\nlabel = { Token = 'hunter2', a = 1 }\n", &[], Table::new()));
    assert!(!inside.contains("hunter2") && inside.contains("********"), "{inside}");
    let stray = complaint(read("[[surprise]]\nauth_token = 'hunter2'\n", &[], Table::new()));
    assert!(!stray.contains("hunter2") && stray.contains("********"), "{stray}");
}

#[test]
fn a_file_of_another_program_is_refused_in_few_lines() {
    let text: String = (0..500).map(|n| format!("[{}{n}]\n", "x".repeat(1000))).collect();
    let said = read(&text, &[], Table::new()).unwrap_err().to_string();
    assert!(said.ends_with("and 480 more") && said.len() < 40_000, "{} bytes", said.len());
}

#[test]
fn any_configuration_is_read_or_refused_with_key_and_place() {
    assert_sound::<Sample>("live-engine", b"\x01[live-engine]\nworkers = 3\n");
    assert_sound::<Sample>("live-engine", b"\x01[live-engine]\nworkers = 'x'\n\0GAPLESS_LIVE_ENGINE_LABEL=a");
    assert_sound::<Sample>("live-engine", b"\x01\0GAPLESS_LIVE_ENGINE_WORKERS=0");
}
