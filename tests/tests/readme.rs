//! What the README shows works.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use gapless_tests::{DataDir, Proc, SOON, repository};

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
