//! B9: single operations, in nanoseconds here and in instructions anywhere.
//!
//! Instructions are counted by callgrind, for two numbers of repetitions: the difference is what the operation costs
//! without the start of the process. They are the same on every machine for the same program, and a step up is a
//! regression, however busy the machine is.

use super::Plan;
use crate::child::Part;
use crate::load::Sent;
use crate::micro::{Operation, Repeat};
use crate::results::{At, Results};
use crate::role::Role;
use crate::system::System;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// How often under callgrind, at first and then.
const COUNTED: [u64; 2] = [200, 1_200];

pub(super) fn run(plan: &Plan, results: &mut Results) -> Result<()> {
    let can_count = Command::new("valgrind").arg("--version").output().is_ok();
    for (operation, name, rows) in Operation::ALL {
        plan.say(format!("B9: {name}"));
        for round in 1..=plan.rounds {
            let at = At { bench: "B9", case: name, system: System::Gapless.name(), round };
            let times = if operation == Operation::Commit { 20 } else { plan.size(100_000) / rows.min(10) };
            let mut part = Part::start(&Role::Micro(Repeat { operation, rows, times }))?;
            part.begin()?;
            let took: Sent = part.result()?;
            results.add(&at, "ns/row", (took.done_ns - took.begun_ns) as f64 / (times * rows) as f64)?;
        }
        if can_count && operation.is_counted() {
            let each = instructions_per_row(&std::env::current_exe()?, operation, rows)?;
            let at = At { bench: "B9", case: name, system: System::Gapless.name(), round: 1 };
            results.add(&at, "instructions/row", each)?;
        }
    }
    Ok(())
}

/// What an operation on so many rows costs for each of them, as `program`, which is this one, was built.
///
/// # Errors
/// When valgrind cannot be started or counts nothing.
pub fn instructions_per_row(program: &Path, operation: Operation, rows: u64) -> Result<f64> {
    let counted = |times| instructions(program, Repeat { operation, rows, times });
    let [few, many] = COUNTED;
    Ok((counted(many)? - counted(few)?) / ((many - few) * rows) as f64)
}

/// All instructions of a process that does it.
fn instructions(program: &Path, what: Repeat) -> Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["role", &serde_json::to_string(&Role::Micro(what))?])
        .stdin(std::process::Stdio::null())
        .output()
        .context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "valgrind: {said}");
    let counted =
        said.lines().find_map(|line| line.split_once("Collected : ")).context("valgrind counted nothing")?;
    Ok(counted.1.trim().parse()?)
}
