//! What single operations cost, in instructions: a step up shows here, however busy the machine is.
#![allow(clippy::unwrap_used)]

use gapless_bench::benches::instructions_per_row;
use gapless_bench::micro::Operation;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// More than another order of the same work comes to, less than doing a part of it twice.
const TOLERATED: f64 = 1.2;

/// Figures as they were when they were renewed last, below the compiler and build that they are of.
fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
}

fn compiler() -> String {
    let output = Command::new(option_env!("RUSTC").unwrap_or("rustc")).arg("--version").output().unwrap();
    let build = if cfg!(debug_assertions) { "dev build" } else { "release build" };
    format!("{}, {build}", String::from_utf8_lossy(&output.stdout).trim())
}

fn counted() -> BTreeMap<&'static str, f64> {
    let program = Path::new(env!("CARGO_BIN_EXE_gapless-bench"));
    let operations = Operation::ALL.into_iter().filter(|(operation, ..)| operation.is_counted());
    operations
        .map(|(operation, name, rows)| {
            (name, instructions_per_row(program, operation, rows).unwrap().round())
        })
        .collect()
}

#[test]
fn no_operation_takes_many_more_instructions_than_it_did() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: valgrind is not installed, so nothing can be counted");
        return;
    }
    let counted = counted();
    let compiler = compiler();
    if std::env::var_os("GAPLESS_RENEW").is_some() {
        let mut text = format!("{compiler}\n");
        counted.iter().for_each(|(name, each)| writeln!(text, "{each} {name}").unwrap());
        std::fs::write(recorded(), text).unwrap();
    }
    let text = std::fs::read_to_string(recorded()).unwrap();
    let (of, lines) = text.split_once('\n').unwrap();
    let before: BTreeMap<&str, f64> = lines
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(n, name)| (name, n.parse().unwrap()))
        .collect();
    let mut grown = Vec::new();
    for (name, now) in &counted {
        let then = before.get(name).copied();
        println!("{now:>8} instructions a row, {then:?} before: {name}");
        if then.is_none_or(|then| *now > then * TOLERATED) {
            grown.push(*name);
        }
    }
    if of != compiler {
        println!("not compared: recorded with {of}, counted with {compiler}");
        return;
    }
    assert!(
        grown.is_empty(),
        "these take over {TOLERATED} times as many instructions as recorded: {grown:?}. Make them cheaper; or, if the \
         cost is wanted, run this test with GAPLESS_RENEW=1 and say why in docs/BENCHMARKS.md"
    );
}
