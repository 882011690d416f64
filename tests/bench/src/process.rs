//! What a running process takes.

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use sysinfo::{ProcessesToUpdate, System};

/// Of one process, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Memory, in bytes.
    pub memory: u64,
    /// Time on processors since it started, in milliseconds.
    pub cpu_ms: u64,
}

/// Lets this process and those that it starts have as many open files as the system allows: a thousand clients in one
/// process need more than the usual thousand.
///
/// # Errors
/// When the system does not let it.
pub fn open_many_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Looks at a process.
///
/// # Errors
/// When there is none.
pub fn taken(pid: u32) -> Result<Taken> {
    let mut system = System::new()?;
    let pid = sysinfo::Pid::from_u32(pid);
    system.refresh_processes(ProcessesToUpdate::Some(&[pid]), true);
    let process = system.process(pid).with_context(|| format!("no process {pid}"))?;
    Ok(Taken { memory: process.memory(), cpu_ms: process.accumulated_cpu_time() })
}

/// Stops a process where it is.
///
/// # Errors
/// When there is none.
pub fn freeze(pid: u32) -> Result<()> {
    signal(pid, Signal::STOP)
}

/// Lets it go on.
///
/// # Errors
/// When there is none.
pub fn thaw(pid: u32) -> Result<()> {
    signal(pid, Signal::CONT)
}

fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process")?;
    Ok(kill_process(pid, signal)?)
}
