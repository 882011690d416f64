//! What the README shows works.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use gapless_tests::{DataDir, LATER, Proc, SOON, Stack, eventually, generate_python, python, repository};

/// The first block of `language` in the README.
fn block(language: &str) -> String {
    let page = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let start = format!("```{language}\n");
    let block = page.split(&start).nth(1).expect("the README has such a block");
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn every_service_takes_the_configuration_that_the_readme_shows() {
    let folder = DataDir::new();
    let file = folder.join("gapless.toml");
    std::fs::write(&file, block("toml")).unwrap();
    for service in ["gapless-ingestion", "gapless-live-engine", "gapless-backfill"] {
        let mut printed = Proc::new(service).arg("--config").arg(&file).arg("--print-config").spawn();
        assert!(printed.wait(SOON).success(), "{service}: {}", printed.log());
        assert!(!printed.output().is_empty(), "{service} printed nothing");
    }
}

#[test]
fn every_command_of_the_tour_is_there() {
    let page = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let tour = page.split("## The command line").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands = tour.lines().filter_map(|line| line.strip_prefix("gapless ")?.split(' ').next());
    let commands: Vec<&str> = commands.collect();
    assert!(commands.len() > 6, "{commands:?}");
    for command in commands {
        let mut help = Proc::new("gapless").arg(command).arg("--help").spawn();
        assert!(help.wait(SOON).success(), "gapless {command}: {}", help.log());
    }
}

#[test]
fn the_python_example_prints_every_row_once_and_goes_on_live() {
    let Some(python) = python() else { return };
    let stack = Stack::start();
    let folder = DataDir::new();
    generate_python(&python, "schemas/gapless.fbs", folder.path());
    let example = block("python")
        .replace("tcp://127.0.0.1:5556", &stack.live())
        .replace("tcp://127.0.0.1:5557", &stack.backfill());
    let example = example.replace("\"sim\", \"BTC-USD\", \"1s\"", "\"old\", \"readme\", \"1m\"");
    let example = example.replace("candles.sim.BTC-USD.1s", "candles.old.readme.1m");
    std::fs::write(folder.join("follow.py"), example).unwrap();

    let topic = "candles.old.readme.1m";
    stack.send_candles(topic, 30);
    eventually("the archive has the rows", LATER, || stack.latest(topic) == 30);
    let mut running = Proc::of(Command::new(&python)).arg(folder.join("follow.py")).spawn();
    let printed = |count: u64| {
        eventually(&format!("{count} rows are printed"), SOON, || {
            assert!(running.is_alive(), "it ended");
            running.output().len() as u64 >= count
        });
        let sequences = running.output();
        let sequences = sequences.iter().map(|line| line.split(' ').next().unwrap().parse().unwrap());
        assert_eq!(sequences.collect::<Vec<u64>>(), (1..=count).collect::<Vec<u64>>());
    };
    let mut printed = printed;
    printed(30);
    stack.send_candles(topic, 20);
    printed(50);
}
