//! The dev server's control panel in a real browser, with a real client that follows meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gapless::{Client, Endpoints, Event, From, Seq};
use gapless_tests::{DataDir, LATER, Proc, Running, eventually, repository};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CHROMIUM: &str = "/usr/bin/chromium";

/// A Python that drives a browser, or `None` with a message.
fn python() -> Option<PathBuf> {
    let made = Command::new(repository().join(".ci/browser")).stderr(Stdio::inherit()).output().ok()?;
    match made.status.code() {
        Some(0) => Some(PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())),
        Some(3) => {
            eprintln!("SKIPPED: this machine has no browser; the message above says what is missing");
            None
        }
        _ => panic!(".ci/browser failed"),
    }
}

fn dev_server() -> Running {
    let any = "tcp://127.0.0.1:*";
    let server = Proc::new("gapless-dev-server").args(["--live", any, "--backfill", any]);
    server.args(["--panel", "127.0.0.1:0", "--admin", "off", "--scenario", "steady"]).start()
}

fn person(python: PathBuf, panel: &str, pictures: &DataDir) -> Child {
    let script = repository().join("tests/tests/panel/panel.py");
    let mut command = Command::new(python);
    command.arg(script).arg(panel).arg(pictures.path()).arg(CHROMIUM);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// What a client that follows everything got.
#[derive(Default)]
struct Got {
    last: BTreeMap<String, Seq>,
    opened: u64,
    healed: u64,
    /// Rows of gaps that were found while following, and healed.
    healed_rows: u64,
}

impl Got {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Rows(batch) => {
                let last = self.last.entry(batch.key.topic()).or_default();
                assert_eq!(batch.start, last.next(), "{}: rows follow on each other", batch.key);
                *last = batch.range().last();
            }
            Event::GapOpened { .. } => self.opened += 1,
            Event::GapHealed { gap, .. } => {
                self.healed += 1;
                self.healed_rows += gap.range.len();
            }
            Event::GapVoid { .. } | Event::Truncated { .. } | Event::Rewind { .. } | Event::Reset { .. } => {
                panic!("nothing is lost here: {event:?}")
            }
            Event::State(_) | Event::Health { .. } | Event::CaughtUp { .. } => {}
        }
    }
}

#[test]
fn a_person_picks_symbols_and_injects_a_gap_that_a_client_heals() {
    let Some(python) = python() else { return };
    let server = dev_server();
    let endpoints = Endpoints {
        live: server.address("live"),
        backfill: server.address("requests"),
        state: server.address("requests"),
        ..Endpoints::default()
    };
    let mut client = Client::new(endpoints).subscribe().prefix("candles.").from(From::Start).start().unwrap();
    let pictures = DataDir::new();
    let mut person = person(python, &server.address("panel"), &pictures);
    let mut got = Got::default();
    while person.try_wait().unwrap().is_none() {
        client.next_timeout(Duration::from_millis(50)).unwrap().into_iter().for_each(|event| got.hear(event));
    }
    let done = person.wait_with_output().unwrap();
    assert!(done.status.success(), "the browser's side failed; its messages are above");
    let shown: BTreeMap<String, Value> = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown["candles.dev.SOL-USD.1s"]["withheld"].as_u64().unwrap() >= 50, "{shown:?}");
    eventually("the client has every row", LATER, || {
        client.next_timeout(Duration::from_millis(20)).unwrap().into_iter().for_each(|event| got.hear(event));
        let is_whole = |(topic, stream): (&String, &Value)| {
            got.last.get(topic).copied() == stream["latest"].as_u64().map(Seq)
        };
        shown.iter().all(is_whole)
    });
    assert!(got.healed >= 1 && got.healed == got.opened, "{} of {} gaps healed", got.healed, got.opened);
    assert!(got.healed_rows >= 50, "{} rows were healed", got.healed_rows);
    for picture in ["light.png", "dark.png"] {
        assert!(pictures.join(picture).is_file(), "{picture} was taken");
    }
}
