//! How a real process of a service starts and ends.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use gapless_service_kit::ReadyFile;
use rustix::process::{Pid, Signal, kill_process};

/// The example that cargo builds beside this test.
fn service() -> Command {
    let test = std::env::current_exe().unwrap();
    let profile: PathBuf = test.parent().unwrap().parent().unwrap().into();
    let mut command = Command::new(profile.join("examples/small_service"));
    command.env_remove("GAPLESS_CONFIG").stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    service().args(arguments).output().unwrap()
}

/// A started service that has said that it listens, and the rest of its log.
fn start(arguments: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let mut child = service().args(arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it listened");
    }
    (child, log)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn rest(mut log: BufReader<ChildStderr>) -> String {
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_service_that_is_asked_to_stop_ends_with_0() {
    for asked in [Signal::TERM, Signal::INT] {
        let (mut child, log) = start(&[]);
        signal(&child, asked);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{}", rest(log));
    }
}

#[test]
fn a_wrong_configuration_or_usage_ends_with_2_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gapless.toml");
    std::fs::write(&file, "[ingestion]\nworkers = 0\n").unwrap();
    let refused = output(&["--config", file.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.starts_with("error: ") && said.contains("gapless.toml:2: ingestion.workers = 0: must"),
        "{said}"
    );

    assert_eq!(output(&["--no-such-flag"]).status.code(), Some(2));
    let unreadable = output(&["--log-level", "all,,=what"]);
    assert_eq!(unreadable.status.code(), Some(2), "{}", String::from_utf8_lossy(&unreadable.stderr));
}

#[test]
fn the_configuration_is_printed_as_it_would_be_used() {
    let printed = output(&["--print-config", "--mood", "bad", "--log-format", "json"]);
    assert_eq!(printed.status.code(), Some(0));
    let text = String::from_utf8(printed.stdout).unwrap();
    for line in
        ["[ingestion]", "mood = \"bad\"", "workers = 1", "log_level = \"info\"", "log_format = \"json\""]
    {
        assert!(text.lines().any(|own| own == line), "`{line}` is missing in:\n{text}");
    }
}

#[test]
fn the_ready_file_names_what_was_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready.json");
    let (mut child, _log) = start(&["--ready-file", path.to_str().unwrap(), "--log-format", "json"]);
    let ready: ReadyFile = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!((ready.service.as_str(), ready.pid), ("ingestion", child.id()));
    assert_eq!(ready.addresses["listen"], "tcp://127.0.0.1:1");
    assert!(ready.addresses["admin"].starts_with("http://127.0.0.1:"));
    assert!(!ready.addresses["admin"].ends_with(":0"));
    signal(&child, Signal::TERM);
    child.wait().unwrap();
}

#[test]
fn a_service_is_asked_for_its_health_by_its_own_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready.json");
    let (mut child, _log) = start(&["--ready-file", path.to_str().unwrap()]);
    let ready: ReadyFile = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let admin = ready.addresses["admin"].strip_prefix("http://").unwrap();
    let ask = |admin: &str| output(&["--health", "--admin", admin]);
    assert_eq!(ask(admin).status.code(), Some(0));
    signal(&child, Signal::TERM);
    child.wait().unwrap();
    let gone = ask(admin);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8(gone.stderr).unwrap().contains("no answer from http://127.0.0.1:"));
    assert_eq!(ask("off").status.code(), Some(2));
}

#[test]
fn a_ready_file_that_cannot_be_written_stops_the_service() {
    let stopped = output(&["--ready-file", "/no/such/folder/ready.json"]);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(
        String::from_utf8(stopped.stderr).unwrap().contains("/no/such/folder/ready.json cannot be written")
    );
}

#[test]
fn a_failure_and_a_panic_end_with_1_and_stand_in_the_log() {
    let failed = output(&["--mood", "fatal"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8(failed.stderr).unwrap().contains("out of luck"));

    let panicked = output(&["--mood", "nervous"]);
    assert_eq!(panicked.status.code(), Some(1));
    assert!(String::from_utf8(panicked.stderr).unwrap().contains("a thread panicked"));
}

#[test]
fn a_service_that_does_not_stop_is_ended_and_what_is_stuck_is_named() {
    let (mut child, log) = start(&["--mood", "stubborn"]);
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = rest(log);
    assert!(said.contains("stubborn worker") && said.contains("ending by force"), "{said}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut child, mut log) = start(&["--mood", "stubborn"]);
    signal(&child, Signal::TERM);
    let mut line = String::new();
    while !line.contains("stop requested") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0);
    }
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(rest(log).contains("second signal"));
}
