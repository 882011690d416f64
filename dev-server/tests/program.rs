//! The program itself: headless runs, its report, its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use std::process::{Command, Output};

fn program(arguments: &[&str]) -> Output {
    let any_port = [
        "--live",
        "tcp://127.0.0.1:*",
        "--backfill",
        "tcp://127.0.0.1:*",
        "--admin",
        "off",
        "--panel",
        "off",
    ];
    Command::new(env!("CARGO_BIN_EXE_gapless-dev-server")).args(any_port).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_headless_run_ends_by_itself_with_a_report_for_programs() {
    let output = program(&["--scenario", "lossy", "--duration", "2s", "--report", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |key: &str| report["total"][key].as_u64().unwrap();
    assert!(number("rows") > 200 && number("withheld") > 0, "{report}");
    assert_eq!(number("published") + number("withheld"), number("rows"), "{report}");
    for stream in report["streams"].as_array().unwrap() {
        assert!(stream["faults"]["withheld"].as_u64().unwrap() > 0, "{stream}");
        assert_eq!(stream["digest"].as_str().unwrap().len(), 16, "{stream}");
    }
}

#[test]
fn the_report_for_people_names_every_stream() {
    let output = program(&["--symbols", "A,B", "--duration", "300ms"]);
    let report = text(&output.stdout);
    assert!(report.contains("candles.dev.A.1s") && report.contains("candles.dev.B.1s"), "{report}");
}

#[test]
fn wrong_usage_and_configuration_end_with_2_and_say_what_is_wrong() {
    for (arguments, said) in [
        (&["--scenario", "nothing"][..], "nothing"),
        (&["--universe", "absent.csv"], "absent.csv"),
        (&["--tick-ms", "9999999"], "tick_ms"),
        (&["--frobnicate"], "frobnicate"),
    ] {
        let output = program(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn an_address_that_is_taken_ends_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", taken.local_addr().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_gapless-dev-server"));
    let output = command
        .args(["--admin", "off", "--panel", "off", "--backfill", "tcp://127.0.0.1:*", "--live", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(&address), "{}", text(&output.stderr));
}

#[test]
fn the_configuration_and_the_scenarios_are_shown() {
    let output = program(&["--scenario", "hostile", "--print-config"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("scenario = \"hostile\""), "{}", text(&output.stdout));
    let list = text(&program(&["--list"]).stdout);
    assert!(list.contains("tail-loss") && list.contains("A correct client"), "{list}");
}
