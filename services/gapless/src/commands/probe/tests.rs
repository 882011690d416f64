use super::*;
use gapless_dev_server::{Expectation, Findings};

#[test]
fn a_client_that_loses_nothing_and_tells_what_there_is_to_tell_passes() {
    let told = |what: Expectation| Findings { told: [(what, 1)].into(), ..Findings::default() };
    let passed = |findings: Findings, expected: &[Expectation], tells| {
        Verdict::of("x", findings, Some(expected), tells).passed
    };
    assert!(passed(Findings::default(), &[], true));
    assert!(passed(told(Expectation::Reset), &[Expectation::Reset], true));
    assert!(!passed(told(Expectation::Reset), &[], true), "it told of something that was not so");
    assert!(!passed(Findings::default(), &[Expectation::Rewind], true), "it kept it to itself");
    assert!(passed(Findings::default(), &[Expectation::Rewind], false), "its output cannot tell");
    assert!(!passed(Findings { lost: 1, ..Findings::default() }, &[], false));
}

#[test]
fn the_reference_client_is_gapless_in_a_short_and_bad_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("short.toml");
    let text = "title = \"short\"\nclient = \"heals\"\nduration = \"1500ms\"\n\
                [faults.live]\ndrop_percent = 20.0\ncorrupt_percent = 5.0\n\
                [[at]]\nafter = \"500ms\"\ndo = { skip = { rows = 100 } }\n";
    std::fs::write(&path, text).unwrap();
    let config =
        Config { scenario: path.to_string_lossy().into_owned(), record: true, ..Config::on_any_port() };
    let verdict = reference::run(&config).unwrap();
    assert!(verdict.passed, "{verdict:?}");
    assert!(verdict.findings.rows > 100 && verdict.replayed.unwrap() >= 100, "{verdict:?}");
}
