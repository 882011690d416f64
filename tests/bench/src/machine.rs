//! On what it was measured.

use crate::{jetstream, redis_streams};
use anyhow::Result;
use serde::Serialize;
use std::process::Command;
use sysinfo::System;

/// The machine, the versions and the settings of a run: the first line of its figures.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// The processor's name.
    pub cpu: String,
    /// How many of its threads there are.
    pub cores: usize,
    /// Memory, in GiB.
    pub memory_gib: u64,
    /// The kernel.
    pub kernel: String,
    /// Of Gapless.
    pub version: &'static str,
    /// Of libzmq.
    pub zmq: String,
    /// Of nats-server, where it is installed.
    pub nats: Option<String>,
    /// Of redis-server, where it is installed.
    pub redis: Option<String>,
    /// How safely each writes.
    pub sync: String,
    /// How the programs were built.
    pub profile: &'static str,
    /// How many rounds.
    pub rounds: usize,
    /// Whether everything was a tenth of its size.
    pub quick: bool,
    /// The source that the programs were built from, where git tells.
    pub commit: Option<String>,
    /// Processes that wanted to run in the minute before.
    pub load: f64,
}

impl About {
    /// This machine.
    ///
    /// # Errors
    /// When the system does not tell what it is.
    pub fn here(rounds: usize, quick: bool) -> Result<About> {
        let mut system = System::new()?;
        system.refresh_memory();
        system.refresh_cpu_all();
        let (major, minor, patch) = zmq::version();
        let journal = crate::system::SYNC;
        Ok(About {
            cpu: system.cpus().first().map_or_else(String::new, |cpu| cpu.brand().trim().to_owned()),
            cores: system.cpus().len(),
            memory_gib: system.total_memory().div_ceil(1 << 30),
            kernel: System::kernel_version().unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION"),
            zmq: format!("{major}.{minor}.{patch}"),
            nats: jetstream::Server::version(),
            redis: redis_streams::Server::version(),
            sync: format!(
                "Gapless syncs its journal every {journal}; NATS JetStream its files every 2 min (its default), \
                 Redis its append-only file every second (everysec)"
            ),
            profile: if cfg!(debug_assertions) { "dev" } else { "release" },
            rounds,
            quick,
            commit: commit(),
            load: load_average(),
        })
    }
}

/// The last commit with its date, and a mark where files differ from it.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").current_dir(gapless_tests::repository()).args(args).output().ok()?;
        let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
        Some(text.trim().to_owned())
    };
    Some(format!(
        "{} of {}",
        git(&["describe", "--always", "--dirty"])?,
        git(&["show", "-s", "--format=%cs"])?
    ))
}

/// Processes that wanted to run, on average over the last minute.
pub fn load_average() -> f64 {
    System::load_average().map_or(f64::NAN, |load| load.one)
}
